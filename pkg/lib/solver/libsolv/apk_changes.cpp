// From what is installed to what was selected: what to do, and in which order.
#include <algorithm>

#include "pkg/lib/solver/libsolv/apk_select.h"

namespace tenon::pkg::solver {

namespace {

class Changes {
  public:
    Changes(ApkUniverse& universe, const ApkSelection& selection)
        : u_(universe), selection_(selection), emitted_(universe.nodes()), seen_(universe.nodes()) {
        for (NodeId n = 0; n < u_.nodes(); n++)
            if (u_.node(n).installed >= 0) installed_[u_.node(n).name] = n;
        for (NodeId n : selection.nodes()) selected_[u_.node(n).name] = n;
    }

    // What goes comes first, dependents before what they need: it may stand in the way of what
    // comes. Then what comes, needs before dependents, and what they trigger after them.
    std::vector<ApkChange> all() {
        purges();
        std::vector<AtomId> roots = selection_.wanted();
        std::sort(roots.begin(), roots.end(), [&](AtomId a, AtomId b) {
            return u_.atom(a).dependency.str() < u_.atom(b).dependency.str();
        });
        std::vector<NodeId> first;
        for (AtomId a : roots) {
            first.clear();
            add_satisfiers(a, first);
            for (NodeId n : first) visit(n);
            for (size_t i = 0; i < pending_.size(); i++) visit(pending_[i]);
            pending_.clear();
        }
        for (NodeId n : selection_.nodes()) visit(n);
        return std::move(out_);
    }

  private:
    void purges() {
        std::set<NameId> stays;
        for (NodeId n : selection_.nodes()) stays.insert(u_.node(n).name);
        std::vector<NodeId> going;
        for (auto [name, n] : installed_)
            if (!stays.contains(name)) going.push_back(n);
        std::sort(going.begin(), going.end(),
                  [&](NodeId a, NodeId b) { return u_.package(a).name < u_.package(b).name; });
        std::map<NodeId, std::vector<NodeId>> needed_by;
        std::set<NodeId> all(going.begin(), going.end());
        for (NodeId n : going)
            for (AtomId a : u_.node(n).needs)
                for (const ApkClaim& c : u_.atom(a).claims)
                    if (all.contains(c.node) && c.node != n) needed_by[c.node].push_back(n);
        for (NodeId n : going)
            walk(
                n, [&](NodeId m, std::vector<NodeId>& first) { first = needed_by[m]; },
                [&](NodeId m) {
                    out_.push_back({.kind = ApkChange::Kind::purge, .from = &u_.package(m)});
                });
    }

    // Depth first without recursion: chains may be as long as an index.
    template <class First, class Emit>
    void walk(NodeId start, First first, Emit emit) {
        if (seen_[start]) return;
        struct Frame {
            NodeId node;
            std::vector<NodeId> first = {};
            size_t next = 0;
        };
        std::vector<Frame> stack;
        auto push = [&](NodeId n) {
            seen_[n] = true;
            stack.push_back({.node = n});
            first(n, stack.back().first);
        };
        push(start);
        while (!stack.empty()) {
            Frame& top = stack.back();
            if (top.next < top.first.size()) {
                NodeId n = top.first[top.next++];
                if (!seen_[n]) push(n);
                continue;
            }
            NodeId done = top.node;
            stack.pop_back();
            emit(done);
        }
    }

    // What joined because of others waits for them, unless there is nothing else.
    void add_satisfiers(AtomId a, std::vector<NodeId>& to) const {
        const auto& claims = u_.atom(a).claims;
        auto waits = [&](const ApkClaim& c) {
            return !u_.node(c.node).when.empty() && selection_.joined(c.node);
        };
        bool all_wait = std::all_of(claims.begin(), claims.end(), [&](const ApkClaim& c) {
            return !selection_.has(c.node) || waits(c);
        });
        for (const ApkClaim& c : claims)
            if (selection_.has(c.node) && (all_wait || !waits(c))) to.push_back(c.node);
    }

    // What is installed in a version that cannot stand beside `n`, and will have another.
    void add_obstacles(NodeId n, std::vector<NodeId>& to) const {
        auto look = [&](const std::vector<ApkClaim>& claims, bool owns) {
            if (claims.size() > kMaxObstacles) return;
            for (const ApkClaim& c : claims) {
                NameId name = u_.node(c.node).name;
                if (u_.node(c.node).installed < 0 || selection_.has(c.node) ||
                    name == u_.node(n).name || !(owns || c.version))
                    continue;
                if (auto at = selected_.find(name); at != selected_.end()) to.push_back(at->second);
            }
        };
        for (AtomId a : u_.node(n).forbids) look(u_.atom(a).claims, true);
        look(u_.claims(u_.node(n).name), true);
        for (const apk::Dependency& d : u_.package(n).provides)
            look(u_.claims(u_.find_name(d.name)), !d.version.empty());
    }

    void visit(NodeId start) {
        if (!selection_.has(start)) return;
        walk(
            start,
            [&](NodeId n, std::vector<NodeId>& first) {
                for (AtomId a : u_.node(n).needs) add_satisfiers(a, first);
                add_obstacles(n, first);
            },
            [&](NodeId n) {
                emitted_[n] = true;
                change(n);
                triggers(u_.node(n).name);
                for (const apk::Dependency& d : u_.package(n).provides)
                    triggers(u_.find_name(d.name));
            });
    }

    void triggers(NameId name) {
        for (NodeId n : u_.triggered_by(name)) {
            if (!selection_.has(n) || seen_[n]) continue;
            const auto& when = u_.node(n).when;
            bool all = std::all_of(when.begin(), when.end(), [&](AtomId a) {
                const auto& claims = u_.atom(a).claims;
                return std::any_of(claims.begin(), claims.end(),
                                   [&](const ApkClaim& c) { return emitted_[c.node]; });
            });
            if (all) pending_.push_back(n);
        }
    }

    // As which tag's a package counts from now on.
    std::string tag(NodeId n) const {
        const ApkNode& node = u_.node(n);
        uint64_t tags = u_.tags_of(n);
        const std::string* recorded =
            node.installed < 0 ? nullptr
                               : &u_.system().installed[static_cast<size_t>(node.installed)].tag;
        if (recorded && (recorded->empty() || tags == 0)) return *recorded;
        if (tags & 1) return "";
        tags &= selection_.allowed_tags(n);
        if (recorded)
            if (unsigned t = u_.tag_number(*recorded); t != kNone && (tags >> t & 1))
                return *recorded;
        for (unsigned t = 1; t <= ApkUniverse::kMaxTags; t++)
            if (tags >> t & 1) return u_.tag_text(t);
        return "";
    }

    int repository(NodeId n) const {
        for (uint16_t r : u_.node(n).repositories)
            if (u_.system().repositories[r].reachable &&
                (selection_.allowed_tags(n) >> u_.repository_tag(r) & 1))
                return r;
        for (uint16_t r : u_.node(n).repositories)
            if (u_.system().repositories[r].reachable) return r;
        return -1;
    }

    void change(NodeId n) {
        const ApkNode& node = u_.node(n);
        ApkChange c{.to = node.package, .tag = tag(n), .repository = repository(n)};
        auto old = installed_.find(node.name);
        if (old == installed_.end()) {
            c.kind = ApkChange::Kind::install;
        } else if (c.from = &u_.package(old->second); old->second != n) {
            int order = apk::compare_versions(c.from->version, c.to->version);
            c.kind = order < 0   ? ApkChange::Kind::upgrade
                     : order > 0 ? ApkChange::Kind::downgrade
                                 : ApkChange::Kind::replace;
        } else if ((selection_.flags(node.name) & kApkReinstall) && c.repository >= 0) {
            c.kind = ApkChange::Kind::reinstall;
        } else if (c.tag != u_.system().installed[static_cast<size_t>(node.installed)].tag) {
            c.kind = ApkChange::Kind::retag;
        } else {
            return;
        }
        out_.push_back(std::move(c));
    }

    ApkUniverse& u_;
    const ApkSelection& selection_;
    // Of names that more packages have, the order does not matter enough to look at all of them.
    static constexpr size_t kMaxObstacles = 64;
    std::map<NameId, NodeId> installed_, selected_;
    std::vector<bool> emitted_, seen_;
    std::vector<NodeId> pending_;
    std::vector<ApkChange> out_;
};

}  // namespace

std::vector<ApkChange> apk_changes(ApkUniverse& universe, const ApkSelection& selection) {
    return Changes(universe, selection).all();
}

}  // namespace tenon::pkg::solver

namespace tenon::pkg::solver {

std::string ApkChange::str() const {
    std::string at = tag.empty() ? "" : "@" + tag;
    auto one = [&](const char* verb, const apk::Package& p) {
        return std::string(verb) + " " + p.name + at + " (" + p.version + ")";
    };
    auto two = [&](const char* verb) {
        return std::string(verb) + " " + to->name + at + " (" + from->version + " -> " +
               to->version + ")";
    };
    switch (kind) {
        case Kind::install:
            return one("Installing", *to);
        case Kind::upgrade:
            return two("Upgrading");
        case Kind::downgrade:
            return two("Downgrading");
        case Kind::replace:
            return two("Replacing");
        case Kind::reinstall:
            return one("Reinstalling", *to);
        case Kind::retag:
            return one("Updating pinning", *to);
        case Kind::purge:
            return one("Purging", *from);
    }
    return "";
}

}  // namespace tenon::pkg::solver
