// Run: what is replaced, and whether the world afterwards holds together.
#include <sys/stat.h>

#include <algorithm>

#include "pkg/lib/rpm/install/fates.h"
#include "pkg/lib/rpm/install/run.h"
#include "pkg/lib/rpm/install/world.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

// Which sizes of ELF files it has.
uint32_t color_of(const Package& p) {
    uint32_t color = 0;
    for (const File& f : p.files) color |= f.color & 3;
    return color;
}

std::string sentence(const Package& p, const Relation& r, const std::string& refusal) {
    return format("%s needs %s, and nothing that is installed or given provides it%s%s",
                  p.nevra().c_str(), r.str().c_str(), refusal.empty() ? "" : ": ", refusal.c_str());
}

}  // namespace

Result<std::string> PlaceKeys::of(const std::string& path) {
    size_t slash = path.rfind('/');
    const std::string dir = path.substr(0, slash), leaf = path.substr(slash + 1);
    auto known = directories_.find(dir);
    if (known == directories_.end()) {
        // The deepest part that is there, and the rest as it is written.
        std::string there = dir, rest;
        std::string key;
        for (;;) {
            TRY_SET(auto st, root_.stat_follow(there.empty() ? "/" : there));
            if (st && S_ISDIR(st->st_mode)) {
                key = format("%llu:%llu", static_cast<unsigned long long>(st->st_dev),
                             static_cast<unsigned long long>(st->st_ino)) +
                      rest;
                break;
            }
            if (there.empty()) return path;
            size_t at = there.rfind('/');
            rest = there.substr(at) + rest;
            there.resize(at);
        }
        known = directories_.emplace(dir, std::move(key)).first;
    }
    return known->second + "/" + leaf;
}

Status Run::load_installed() {
    installed_.clear();
    if (db_) {
        TRY_SET(installed_, db_->all());
    }
    return {};
}

bool Run::is_erased(uint64_t number) const {
    return std::any_of(elements_.begin(), elements_.end(), [&](const auto& e) {
        return (!e->is_install() && e->number == number) || e->replaces == number;
    });
}

Status Run::add_erasure(const Installed& p, std::optional<size_t> replaced_by) {
    if (is_erased(p.number)) return {};
    auto e = std::make_unique<Element>();
    e->kind = Element::Kind::erase;
    e->stage = elements_.size();
    e->package = p.package;
    e->number = p.number;
    e->states = p.states;
    e->prefixes = p.prefixes;
    e->replaced_by = replaced_by;
    elements_.push_back(std::move(e));
    return {};
}

Status Run::find_replaced_by(size_t element) {
    const Package& p = elements_[element]->package;
    const std::string who = elements_[element]->source;
    for (const Installed& old : installed_) {
        const Package& q = old.package;
        if (q.name == p.name) {
            // Packages for different sizes of ELF files live side by side.
            uint32_t a = color_of(p), b = color_of(q);
            if (p.arch != q.arch && a && b && !(a & b)) continue;
            int order = compare(p.evr, q.evr);
            if (order == 0 && p.arch == q.arch) {
                if (!options_.reinstall)
                    return fail("%s: %s is installed already", who.c_str(), q.nevra().c_str());
                if (options_.replace_older)
                    TRY(add_erasure(old, element));
                else
                    elements_[element]->replaces = old.number;
                continue;
            }
            if (!options_.replace_older) continue;
            if (order < 0 && !options_.allow_downgrade)
                return fail("%s: %s is installed, which is newer", who.c_str(), q.nevra().c_str());
            TRY(add_erasure(old, element));
            continue;
        }
        if (!options_.replace_older) continue;
        for (const Relation& r : p.obsoletes)
            if (r.name == q.name && matches(r, {q.name, kEqual, q.evr.str()}))
                TRY(add_erasure(old, element));
    }
    return {};
}

Status Run::find_replaced() {
    const size_t given = elements_.size();
    for (size_t i = 0; i < given; i++)
        for (size_t k = 0; k < i; k++)
            if (elements_[i]->package.name == elements_[k]->package.name &&
                elements_[i]->package.arch == elements_[k]->package.arch &&
                (options_.replace_older ||
                 compare(elements_[i]->package.evr, elements_[k]->package.evr) == 0))
                return fail("%s and %s are given both", elements_[k]->package.nevra().c_str(),
                            elements_[i]->package.nevra().c_str());
    for (size_t i = 0; i < given; i++) TRY(find_replaced_by(i));
    return {};
}

std::vector<const Package*> Run::world_after() const {
    std::vector<const Package*> out;
    for (const Installed& p : installed_)
        if (!is_erased(p.number)) out.push_back(&p.package);
    for (const auto& e : elements_)
        if (e->is_install()) out.push_back(&e->package);
    return out;
}

Status Run::check_world() {
    std::vector<std::string> problems;
    std::vector<const Package*> before;
    for (const Installed& p : installed_) before.push_back(&p.package);
    std::unique_ptr<Surroundings> around;
    if (options_.around) around = std::make_unique<Surroundings>(*options_.around);
    World old(before, keys_, around.get()), next(world_after(), keys_, around.get());
    std::set<const Package*> new_ones;
    for (const auto& e : elements_) {
        if (!e->is_install()) continue;
        const Package& p = e->package;
        new_ones.insert(&p);
        for (const Relation& r : p.requirements)
            // What rpm cannot do it cannot do, whatever is ignored.
            if ((!options_.ignore_depends || r.name.starts_with("rpmlib(")) && !next.holds(r))
                problems.push_back(
                    r.name.starts_with("rpmlib(")
                        ? format("%s needs %s of the package manager, which pkg has not",
                                 p.nevra().c_str(), r.str().c_str())
                        : sentence(p, r, next.refusal(r)));
    }
    if (!options_.ignore_depends) {
        for (const Package* p : next.packages()) {
            bool is_new = new_ones.contains(p);
            for (const Relation& r : p->conflicts) {
                const Package* other = next.conflict(*p, r);
                if (other && (is_new || new_ones.contains(other)))
                    problems.push_back(format("%s conflicts with %s (%s)", p->nevra().c_str(),
                                              other->nevra().c_str(), r.str().c_str()));
            }
            if (is_new) continue;
            for (const Relation& r : p->requirements)
                if (!next.holds(r) && old.holds(r))
                    problems.push_back(
                        format("%s, which stays, needs %s, which nothing would "
                               "provide any more",
                               p->nevra().c_str(), r.str().c_str()));
            for (const Relation& r : p->obsoletes)
                for (const Package* n : new_ones)
                    if (n->name != p->name && r.name == n->name &&
                        matches(r, {n->name, kEqual, n->evr.str()}))
                        problems.push_back(format("%s is obsoleted by %s, which is installed",
                                                  n->nevra().c_str(), p->nevra().c_str()));
        }
    }
    if (problems.empty()) return {};
    std::sort(problems.begin(), problems.end());
    problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
    return fail("nothing is changed:\n  %s", join(problems, "\n  ").c_str());
}

// Those that come, then those that go: what needs others first.
Status Run::sort() {
    std::vector<size_t> in, out;
    std::vector<const Package*> in_packages, out_packages;
    for (size_t i = 0; i < elements_.size(); i++) {
        const Element& e = *elements_[i];
        (e.is_install() ? in : out).push_back(i);
        (e.is_install() ? in_packages : out_packages).push_back(&e.package);
    }
    for (size_t k : sorted_by_needs(in_packages, keys_)) order_.push_back(in[k]);
    std::reverse(out.begin(), out.end());
    std::reverse(out_packages.begin(), out_packages.end());
    auto reversed = sorted_by_needs(out_packages, keys_);
    std::reverse(reversed.begin(), reversed.end());
    for (size_t k : reversed) order_.push_back(out[k]);
    return {};
}

Status Run::install(const std::vector<std::string>& files) {
    if (files.empty()) return fail("no package is named");
    TRY(transaction_->open());
    for (const std::string& f : files) TRY(stage(f));
    TRY(find_replaced());
    TRY(check_world());
    TRY(sort());
    return decide_and_do();
}

Status Run::decide_and_do() {
    TRY(Fates(root_, installed_, elements_, order_, keys_).decide());
    if (options_.only_judge) {
        for (size_t i : order_) {
            const Element& e = *elements_[i];
            if (e.is_install())
                report_.installed.push_back(label(e.package));
            else if (!e.replaced_by)
                report_.removed.push_back(label(e.package));
        }
        return {};
    }
    TRY(begin());
    TRY(carry_out(Phase::act));
    TRY(finish());
    if (!failures_.empty()) return fail("%s", join(failures_, "\n").c_str());
    return {};
}

Status Run::erase(const std::vector<std::string>& names) {
    if (names.empty()) return fail("no package is named");
    for (const std::string& n : names) {
        std::vector<const Installed*> found;
        for (const Installed& p : installed_)
            if (is_named(p.package, n)) found.push_back(&p);
        if (found.empty()) return fail("%s is not installed", n.c_str());
        if (found.size() > 1 && std::any_of(found.begin(), found.end(), [&](const Installed* p) {
                return p->package.evr.str() != found[0]->package.evr.str();
            }))
            return fail("'%s' is installed in several versions; name one of them", n.c_str());
        for (const Installed* p : found) TRY(add_erasure(*p, std::nullopt));
    }
    TRY(transaction_->open());
    TRY(check_world());
    TRY(sort());
    return decide_and_do();
}

}  // namespace tenon::pkg::rpm
