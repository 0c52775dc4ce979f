// Why something is impossible, as sentences: the chain of packages from the world to each place
// where there is no way on.
#include <algorithm>

#include "pkg/lib/solver/libsolv/apk_select.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::solver {

std::string apk_name(const ApkUniverse& universe, NodeId n) {
    return universe.package(n).name + " " + universe.package(n).version;
}

namespace {

using Fact = ApkPool::Fact;

// A list for reading, not for completeness.
constexpr size_t kMaxListed = 5;

std::string listed(const std::vector<std::string>& all) {
    std::vector<std::string> some(
        all.begin(), all.begin() + static_cast<ptrdiff_t>(std::min(all.size(), kMaxListed)));
    if (all.size() > kMaxListed) some.push_back(std::to_string(all.size() - kMaxListed) + " more");
    return join(some, ", ");
}

class Explanation {
  public:
    Explanation(const ApkUniverse& universe, const ApkPool& pool, const std::vector<Fact>& facts)
        : u_(universe), pool_(pool), facts_(facts) {}

    std::string text() {
        walk();
        for (const Fact& f : facts_) dead_end(f);
        if (lines_.empty())
            for (const Fact& f : facts_) add(step(f));
        return join(lines_, "\n");
    }

  private:
    std::string atom(AtomId a) const { return u_.atom(a).dependency.str(); }
    std::string installed(NodeId n) const {
        return apk_name(u_, n) + (u_.node(n).installed >= 0 ? ", which is installed," : "");
    }

    // Breadth first from the world, so that chains are short.
    void walk() {
        std::vector<NodeId> queue;
        auto reach = [&](const Fact& f) {
            for (const ApkClaim& c : u_.atom(f.atom).claims)
                if (pool_.has(c.node) && reached_.try_emplace(c.node, &f).second)
                    queue.push_back(c.node);
        };
        for (const Fact& f : facts_) {
            if (f.kind == Fact::Kind::wants) reach(f);
            if (f.kind == Fact::Kind::forces && reached_.try_emplace(f.node, &f).second)
                queue.push_back(f.node);
        }
        for (size_t i = 0; i < queue.size(); i++)
            for (const Fact& f : facts_)
                if (f.kind == Fact::Kind::needs && f.node == queue[i]) reach(f);
    }

    void chain_to(NodeId n) {
        std::vector<std::string> steps;
        std::set<NodeId> seen;
        for (auto at = reached_.find(n); at != reached_.end();
             at = reached_.find(at->second->node)) {
            if (!seen.insert(at->first).second) break;
            steps.push_back(step(*at->second));
            if (at->second->node == kNone) break;
        }
        std::reverse(steps.begin(), steps.end());
        for (auto& s : steps) add(std::move(s));
    }

    std::string step(const Fact& f) const {
        switch (f.kind) {
            case Fact::Kind::wants:
                return "the world needs " + atom(f.atom);
            case Fact::Kind::refuses:
                return "the world refuses " + atom(f.atom);
            case Fact::Kind::forces:
                return apk_name(u_, f.node) + " belongs to what is chosen";
            case Fact::Kind::bans:
                return apk_name(u_, f.node) + " is left out of account";
            case Fact::Kind::needs:
                return f.node == kNone ? "something needs " + atom(f.atom)
                                       : installed(f.node) + " needs " + atom(f.atom);
            case Fact::Kind::forbids:
                return f.node == kNone ? "" : installed(f.node) + " refuses " + atom(f.atom);
            case Fact::Kind::one_owner:
                return "only one package can be " + name(f.name);
        }
        return "";
    }

    std::string name(NameId n) const {
        const ApkClaim& c = u_.claims(n)[0];
        for (const apk::Dependency& d : u_.package(c.node).provides)
            if (u_.find_name(d.name) == n) return d.name;
        return u_.package(c.node).name;
    }

    void dead_end(const Fact& f) {
        switch (f.kind) {
            case Fact::Kind::wants:
                if (!pool_.has_claims(f.atom)) add(step(f) + missing(f.atom));
                break;
            case Fact::Kind::needs:
                if (f.node == kNone || pool_.has_claims(f.atom)) break;
                chain_to(f.node);
                add(step(f) + missing(f.atom));
                break;
            case Fact::Kind::refuses: {
                bool any = false;
                for (const ApkClaim& c : u_.atom(f.atom).claims) {
                    if (!reached_.contains(c.node)) continue;
                    chain_to(c.node);
                    any = true;
                }
                if (any) add("but " + step(f));
                break;
            }
            case Fact::Kind::forbids:
                if (f.node == kNone || f.other == kNone) break;
                chain_to(f.node);
                chain_to(f.other);
                add(installed(f.node) + " does not go together with " + apk_name(u_, f.other) +
                    " (it says: !" + atom(f.atom) + ")");
                break;
            case Fact::Kind::one_owner: {
                if (f.node != kNone) chain_to(f.node);
                if (f.other != kNone) chain_to(f.other);
                if (f.node == kNone || f.other == kNone) {
                    add(step(f));
                    break;
                }
                auto [one, two] = std::minmax(f.node, f.other);
                std::string line = "only one of " + apk_name(u_, one) + " and " +
                                   apk_name(u_, two) + " can be installed";
                if (u_.node(f.node).name != u_.node(f.other).name)
                    line += ": both are " + name(f.name);
                add(std::move(line));
                break;
            }
            case Fact::Kind::bans:
                if (!reached_.contains(f.node)) break;
                chain_to(f.node);
                add(apk_name(u_, f.node) + " is not the latest version");
                break;
            case Fact::Kind::forces:
                break;
        }
    }

    // What there is instead.
    std::string missing(AtomId a) const {
        const ApkAtom& what = u_.atom(a);
        if (what.name == kNone || u_.claims(what.name).empty())
            return ", and there is no such package";
        std::vector<std::string> others;
        for (const ApkClaim& c : what.claims) {
            std::string why = u_.why_unusable(c.node);
            if (why.empty()) {
                why = " is only in repositories that nothing here is pinned to:";
                for (unsigned tag = 1; tag <= ApkUniverse::kMaxTags; tag++)
                    if (u_.tags_of(c.node) >> tag & 1) why += " @" + u_.tag_text(tag);
            }
            std::string other = apk_name(u_, c.node) + why;
            if (std::find(others.begin(), others.end(), other) == others.end())
                others.push_back(std::move(other));
        }
        if (!others.empty()) return ", but " + listed(others);
        for (const ApkClaim& c : u_.claims(what.name)) {
            std::string other = apk_name(u_, c.node);
            if (u_.node(c.node).name != what.name)
                other += " (as " + what.dependency.name + (c.version ? " " + *c.version : "") + ")";
            others.push_back(std::move(other));
        }
        return ", and there is only " + listed(others);
    }

    void add(std::string line) {
        if (!line.empty() && std::find(lines_.begin(), lines_.end(), line) == lines_.end())
            lines_.push_back(std::move(line));
    }

    const ApkUniverse& u_;
    const ApkPool& pool_;
    const std::vector<Fact>& facts_;
    std::map<NodeId, const Fact*> reached_;  // by which fact
    std::vector<std::string> lines_;
};

}  // namespace

std::string explain_apk(const ApkUniverse& universe, const ApkPool& pool,
                        const std::vector<Fact>& facts) {
    return Explanation(universe, pool, facts).text();
}

std::string explain_apk_choice(const ApkUniverse& universe, AtomId atom, NodeId who) {
    std::vector<std::string> names;
    for (const ApkClaim& c : universe.atom(atom).claims) {
        const std::string& name = universe.package(c.node).name;
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return (who == kNone ? "the world" : apk_name(universe, who)) + " needs " +
           universe.atom(atom).dependency.str() +
           ", which is nobody's own name; one of these has " +
           "to be asked for by name: " + listed(names);
}

}  // namespace tenon::pkg::solver
