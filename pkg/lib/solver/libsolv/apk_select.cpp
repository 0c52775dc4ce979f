#include "pkg/lib/solver/libsolv/apk_select.h"

#include <algorithm>

namespace tenon::pkg::solver {

namespace {

// Who among several is in the way is found by halves.
size_t half_of(size_t count) {
    return count > 1 ? count / 2 : SIZE_MAX;
}

size_t twice(size_t limit) {
    return limit > SIZE_MAX / 2 ? SIZE_MAX : limit * 2;
}

}  // namespace

Status ApkSelection::read_world() {
    pins_.resize(u_.names());
    preferred_.resize(u_.names());
    for (const apk::Dependency& d : wish_.world) {
        TRY_SET(AtomId a, u_.add_atom(d));
        (d.conflict ? jobs_.unwanted : jobs_.wanted).push_back(a);
        if (d.conflict) continue;
        if (d.tag.empty()) {
            if (NameId name = u_.find_name(d.name); name != kNone) preferred_[name] |= 1;
            continue;
        }
        NameId name = u_.find_name(d.name);
        unsigned tag = u_.tag_number(d.tag);
        if (name != kNone && tag != kNone) {
            pins_[name] |= uint64_t{1} << tag;
            preferred_[name] |= uint64_t{1} << tag;
        }
    }
    own_.resize(u_.names());
    inherited_.resize(u_.names());
    ignored_.resize(u_.names());
    for (const auto& [text, flags] : wish_.names)
        if (NameId name = u_.find_name(text); name != kNone) {
            own_[name] = flags.own | flags.inherited;
            inherited_[name] = flags.inherited;
        }
    for (const std::string& text : wish_.ignored)
        if (NameId name = u_.find_name(text); name != kNone) ignored_[name] = true;
    // What is named comes first: where two wishes stand against each other, its own counts.
    std::stable_partition(jobs_.wanted.begin(), jobs_.wanted.end(), [&](AtomId a) {
        NameId name = u_.atom(a).name;
        return name != kNone && own_[name] != 0;
    });
    return {};
}

unsigned ApkSelection::flags(NameId name) const {
    return own_[name] | (ignored_[name] ? 0 : wish_.all);
}

bool ApkSelection::usable(NodeId n, uint64_t mask) {
    if (!checked_[n]) {
        checked_[n] = true;
        unusable_[n] = !u_.why_unusable(n).empty();
    }
    if (unusable_[n]) return false;
    const ApkNode& node = u_.node(n);
    return node.installed >= 0 || node.made || (u_.tags_of(n) & (mask | 1)) != 0;
}

Status ApkSelection::reach_atom(AtomId a, uint64_t mask) {
    for (const ApkClaim& c : u_.atom(a).claims) {
        if (budget_-- == 0) return fail("the packages depend on each other in too many ways");
        if (!usable(c.node, mask)) continue;
        if (reached_[c.node] && (masks_[c.node] | mask) == masks_[c.node]) continue;
        masks_[c.node] |= mask;
        if (!reached_[c.node]) reached_list_.push_back(c.node);
        reached_[c.node] = true;
        queue_.push_back(c.node);
    }
    return {};
}

// A package whose install_if could come true now.
Status ApkSelection::reach_triggered(NodeId n) {
    TRY(u_.expand(n));
    const ApkNode& node = u_.node(n);
    uint64_t mask = 0;
    for (AtomId a : node.when) {
        bool any = false;
        for (const ApkClaim& c : u_.atom(a).claims) {
            if (budget_-- == 0) return fail("the packages depend on each other in too many ways");
            if (!reached_[c.node]) continue;
            any = true;
            mask |= masks_[c.node];
        }
        if (!any) return {};
    }
    if (!usable(n, mask) || (reached_[n] && (masks_[n] | mask) == masks_[n])) return {};
    masks_[n] |= mask;
    if (!reached_[n]) reached_list_.push_back(n);
    reached_[n] = true;
    queue_.push_back(n);
    return {};
}

Status ApkSelection::reach() {
    masks_.resize(u_.nodes());
    reached_.resize(u_.nodes());
    checked_.resize(u_.nodes());
    unusable_.resize(u_.nodes());
    followed_.resize(u_.names());
    for (NodeId n = 0; n < u_.nodes(); n++) {
        if (u_.node(n).installed < 0) continue;
        TRY(u_.expand(n));
        const auto& from = u_.system().installed[static_cast<size_t>(u_.node(n).installed)];
        if (unsigned tag = u_.tag_number(from.tag); tag != kNone)
            followed_[u_.node(n).name] |= uint64_t{1} << tag;
    }
    for (AtomId a : jobs_.wanted) {
        NameId name = u_.atom(a).name;
        TRY(reach_atom(a, name == kNone ? 0 : pins_[name]));
    }
    while (!queue_.empty()) {
        NodeId n = queue_.back();
        queue_.pop_back();
        TRY(u_.expand(n));
        for (AtomId a : u_.node(n).needs) TRY(reach_atom(a, masks_[n]));
        for (NodeId t : u_.triggered_by(u_.node(n).name)) TRY(reach_triggered(t));
        for (const apk::Dependency& d : u_.package(n).provides)
            for (NodeId t : u_.triggered_by(u_.find_name(d.name))) TRY(reach_triggered(t));
    }
    std::sort(reached_list_.begin(), reached_list_.end());
    return {};
}

bool ApkSelection::pinned_here(NameId name, NodeId n) const {
    return (u_.tags_of(n) & (pins_[name] | pins_[u_.node(n).name])) != 0;
}

// 0: as good as any. 1: only because something that needs it was pinned, and not yet installed from
// there.
unsigned ApkSelection::tag_class(NameId name, NodeId n) const {
    const ApkNode& node = u_.node(n);
    uint64_t tags = u_.tags_of(n);
    return !(node.installed >= 0 || tags == 0 || (tags & (1 | followed_[node.name])) ||
             pinned_here(name, n));
}

// What the world names comes from where the world says: with a tag from there, else from the
// repositories without one. What is installed counts as coming from where it came from.
bool ApkSelection::is_preferred(NameId name, NodeId n) const {
    const ApkNode& node = u_.node(n);
    uint64_t tags = u_.tags_of(n);
    if (node.installed >= 0) tags |= followed_[node.name];
    return (tags & (preferred_[name] | preferred_[node.name])) != 0;
}

// The order of Alpine's preferences for a name. Spec: apk-world(5), apk-package(5).
bool ApkSelection::better(NameId name, const ApkClaim& a, const ApkClaim& b) const {
    const apk::Package &pa = u_.package(a.node), &pb = u_.package(b.node);
    const ApkNode &na = u_.node(a.node), &nb = u_.node(b.node);
    auto of_both = [&](unsigned flag) { return ((flags(na.name) | flags(nb.name)) & flag) != 0; };
    if (bool ra = flags(na.name) & kApkRemove, rb = flags(nb.name) & kApkRemove; ra != rb)
        return rb;
    auto available = [&](NodeId n) {
        return u_.node(n).made || (u_.tags_of(n) & allowed_tags(n)) != 0;
    };
    if (of_both(kApkAvailable))
        if (bool va = available(a.node), vb = available(b.node); va != vb) return va;
    if (na.name == nb.name && !of_both(kApkLatest))
        if (bool wa = is_preferred(name, a.node), wb = is_preferred(name, b.node); wa != wb)
            return wa;
    bool ia = na.installed >= 0, ib = nb.installed >= 0;
    if (ia != ib && !of_both(kApkUpgrade | kApkLatest | kApkAvailable)) return ia;
    if (!of_both(kApkLatest))
        if (unsigned ca = tag_class(name, a.node), cb = tag_class(name, b.node); ca != cb)
            return ca < cb;
    if (bool va = a.version, vb = b.version; va != vb) return va;
    if (a.version)
        if (int order = apk::compare_versions(*a.version, *b.version)) return order > 0;
    if (na.name == nb.name)
        if (int order = apk::compare_versions(pa.version, pb.version)) return order > 0;
    if (pa.provider_priority != pb.provider_priority)
        return pa.provider_priority > pb.provider_priority;
    if (bool ta = pinned_here(name, a.node), tb = pinned_here(name, b.node); ta != tb && !ia && !ib)
        return ta;
    if (ia != ib) return ia;
    if (bool oa = na.name == name, ob = nb.name == name; oa != ob) return oa;
    if (!na.repositories.empty() && !nb.repositories.empty() &&
        na.repositories[0] != nb.repositories[0])
        return na.repositories[0] < nb.repositories[0];
    if (pa.name != pb.name) return pa.name < pb.name;
    return a.node < b.node;
}

void ApkSelection::set_preferences() {
    pool_->rank(
        [this](NameId name, const ApkClaim& a, const ApkClaim& b) { return better(name, a, b); });
    ban_old_versions();
}

void ApkSelection::ban_old_versions() {
    std::erase_if(jobs_.banned, [&](NodeId n) { return latest_banned_[n]; });
    latest_banned_.assign(u_.nodes(), false);
    std::unordered_map<NameId, uint64_t> masks;
    for (NodeId n : pool_->nodes())
        if (flags(u_.node(n).name) & kApkLatest) masks[u_.node(n).name] |= masks_[n];
    // Also what nobody here wants is compared with: then there is no solution.
    std::unordered_map<NameId, NodeId> best;
    for (auto [name, mask] : masks)
        for (const ApkClaim& c : u_.claims(name)) {
            if (u_.node(c.node).name != name || !usable(c.node, mask)) continue;
            auto [at, is_new] = best.try_emplace(name, c.node);
            if (!is_new && apk::compare_versions(u_.package(at->second).version,
                                                 u_.package(c.node).version) < 0)
                at->second = c.node;
        }
    for (NodeId n : pool_->nodes()) {
        auto at = best.find(u_.node(n).name);
        if (at == best.end() ||
            apk::compare_versions(u_.package(n).version, u_.package(at->second).version) >= 0)
            continue;
        latest_banned_[n] = true;
        jobs_.banned.push_back(n);
    }
}

bool ApkSelection::satisfied(AtomId a, NodeId but) const {
    const auto& claims = u_.atom(a).claims;
    return std::any_of(claims.begin(), claims.end(),
                       [&](const ApkClaim& c) { return c.node != but && in_[c.node]; });
}

// Of a solution only what is needed counts: the engine may have made up its mind in between.
void ApkSelection::keep_founded(const std::vector<NodeId>& solution) {
    std::vector<bool> there(u_.nodes());
    for (NodeId n : solution) there[n] = true;
    in_.assign(u_.nodes(), false);
    selected_.clear();
    auto take = [&](NodeId n) {
        if (!there[n] || in_[n]) return;
        in_[n] = true;
        selected_.push_back(n);
    };
    auto take_for = [&](AtomId a) {
        for (const ApkClaim& c : u_.atom(a).claims)
            if (u_.selectable(c)) take(c.node);
    };
    for (AtomId a : jobs_.wanted) take_for(a);
    for (NodeId n : jobs_.forced) take(n);
    for (size_t i = 0; i < selected_.size(); i++)
        for (AtomId a : u_.node(selected_[i]).needs) take_for(a);
}

bool ApkSelection::take_up_needs() {
    bool again = false;
    AtomId stuck = kNone;
    std::vector<NodeId> who;  // need it; kNone: the world
    if (!choosing_.empty()) choice_limit_ = twice(choice_limit_);
    choosing_.clear();
    auto look = [&](AtomId a, NodeId n) {
        if (satisfied(a)) return;
        if (pool_->may_activate(a) && !jobs_.active.contains(a)) {
            again = true;
            if (choosing_.size() >= choice_limit_) return;
            jobs_.active.insert(a);
            choose(a);
            return;
        }
        if (stuck == kNone) stuck = a;
        if (stuck == a) who.push_back(n);
    };
    for (AtomId a : jobs_.wanted) look(a, kNone);
    for (NodeId n : selected_)
        for (AtomId a : u_.node(n).needs) look(a, n);
    if (again || stuck == kNone) return again;
    if (stuck_ == kNone) {
        stuck_ = stuck;
        stuck_for_ = who[0];
    }
    for (NodeId n : who) {
        if (n == kNone) {
            problem_ = explain_apk_choice(u_, stuck, kNone);
            if (!wish_.drop_broken) return false;
            drop(stuck);
            problem_.clear();
        } else if (std::erase(jobs_.forced, n)) {
            given_up_.insert(n);
        } else {
            jobs_.banned.push_back(n);
        }
    }
    return true;
}

// Where several that provide a name can stand together, the engine would rather take one that
// comes anyway, because of the preferred one perhaps. So the preferred one is told to it.
void ApkSelection::choose(AtomId a) {
    const ApkAtom& atom = u_.atom(a);
    const ApkClaim* best = nullptr;
    for (const ApkClaim& c : atom.claims)
        if (pool_->has(c.node) && u_.selectable(c) && (!best || better(atom.name, c, *best)))
            best = &c;
    if (!best || best->version) return;
    choosing_.push_back(a);
    jobs_.chosen[a] = best->node;
}

bool ApkSelection::pass_flags_on() {
    bool changed = false;
    std::vector<NodeId> queue;
    for (NodeId n : selected_)
        if (inherited_[u_.node(n).name]) queue.push_back(n);
    while (!queue.empty()) {
        NodeId n = queue.back();
        queue.pop_back();
        unsigned pass = inherited_[u_.node(n).name];
        for (AtomId a : u_.node(n).needs)
            for (const ApkClaim& c : u_.atom(a).claims) {
                NameId name = u_.node(c.node).name;
                if (!in_[c.node] || (inherited_[name] & pass) == pass) continue;
                own_[name] |= pass;
                inherited_[name] |= pass;
                changed = true;
                queue.push_back(c.node);
            }
    }
    if (!changed) return false;
    jobs_.active.clear();
    jobs_.chosen.clear();
    choosing_.clear();
    jobs_.forced.clear();
    jobs_.banned.clear();
    given_up_.clear();
    batch_.clear();
    stuck_ = kNone;
    set_preferences();
    return true;
}

bool ApkSelection::triggered(NodeId n) const {
    const ApkNode& node = u_.node(n);
    auto holds = [&](AtomId a) { return satisfied(a, n); };
    return !node.when.empty() && std::all_of(node.when.begin(), node.when.end(), holds) &&
           std::none_of(node.unless.begin(), node.unless.end(), holds);
}

bool ApkSelection::leave_untriggered() {
    bool any = false;
    for (size_t i = jobs_.forced.size(); i-- > 0;) {
        NodeId n = jobs_.forced[i];
        if (triggered(n)) continue;
        given_up_.insert(n);
        jobs_.forced.erase(jobs_.forced.begin() + static_cast<ptrdiff_t>(i));
        any = true;
    }
    return any;
}

bool ApkSelection::join_triggered() {
    std::map<NameId, NodeId> joining;
    std::set<NameId> there;
    for (NodeId n : selected_) there.insert(u_.node(n).name);
    for (NodeId n : pool_->nodes()) {
        NameId name = u_.node(n).name;
        if (in_[n] || u_.node(n).when.empty() || there.contains(name) || given_up_.contains(n) ||
            !triggered(n))
            continue;
        auto [at, is_new] = joining.try_emplace(name, n);
        const auto claim = [&](NodeId m) { return ApkClaim{m, &u_.package(m).version}; };
        if (!is_new && better(name, claim(n), claim(at->second))) at->second = n;
    }
    if (!batch_.empty()) join_limit_ = twice(join_limit_);
    batch_.clear();
    for (const auto& [name, n] : joining) {
        batch_.push_back(n);
        jobs_.forced.push_back(n);
        if (batch_.size() >= join_limit_) break;
    }
    return !batch_.empty();
}

// It was impossible: is there something that need not be?
bool ApkSelection::give_way() {
    if (!choosing_.empty()) {
        for (AtomId a : choosing_) {
            jobs_.chosen.erase(a);
            if (choosing_.size() > 1) jobs_.active.erase(a);
        }
        choice_limit_ = half_of(choosing_.size());
        choosing_.clear();
        return true;
    }
    if (!jobs_.chosen.empty()) {
        // What was preferred before stands against what came later.
        jobs_.chosen.clear();
        return true;
    }
    if (!batch_.empty()) {
        for (NodeId n : batch_) {
            std::erase(jobs_.forced, n);
            if (batch_.size() == 1) given_up_.insert(n);
        }
        join_limit_ = half_of(batch_.size());
        batch_.clear();
        return true;
    }
    if (!jobs_.forced.empty()) {
        // What joined before made something impossible that came later.
        given_up_.insert(jobs_.forced.back());
        jobs_.forced.pop_back();
        return true;
    }
    if (stuck_ != kNone) {
        problem_ = explain_apk_choice(u_, stuck_, stuck_for_);
        return wish_.drop_broken && drop_from_world();
    }
    problem_ = explain_apk(u_, *pool_, pool_->facts());
    return wish_.drop_broken && drop_from_world();
}

void ApkSelection::drop(AtomId a) {
    std::erase(jobs_.wanted, a);
    std::erase(jobs_.unwanted, a);
    dropped_.push_back(u_.atom(a).dependency.str());
}

bool ApkSelection::drop_from_world() {
    std::vector<AtomId> wants, refuses;
    for (const ApkPool::Fact& f : pool_->facts()) {
        if (f.kind == ApkPool::Fact::Kind::wants) wants.push_back(f.atom);
        if (f.kind == ApkPool::Fact::Kind::refuses) refuses.push_back(f.atom);
    }
    auto last_of = [](const std::vector<AtomId>& world, const std::vector<AtomId>& some) {
        AtomId last = kNone;
        for (AtomId a : world)
            if (std::find(some.begin(), some.end(), a) != some.end()) last = a;
        return last;
    };
    AtomId chosen = last_of(jobs_.wanted, wants);
    if (chosen == kNone) chosen = last_of(jobs_.unwanted, refuses);
    if (chosen == kNone) return false;
    // What could not be on its own either goes first.
    for (AtomId a : wants) {
        ApkPool::Jobs alone = jobs_;
        alone.wanted = {a};
        if (!pool_->solve(alone)) {
            chosen = a;
            break;
        }
    }
    drop(chosen);
    jobs_.banned.clear();
    stuck_ = kNone;
    problem_.clear();
    ban_old_versions();
    return true;
}

Result<bool> ApkSelection::run() {
    TRY(read_world());
    TRY(reach());
    TRY_SET(pool_, ApkPool::create(u_, reached_list_, jobs_.wanted, jobs_.unwanted));
    latest_banned_.assign(u_.nodes(), false);
    in_.assign(u_.nodes(), false);
    set_preferences();
    // Each round adds something to sets that are finite; the limit is for what nobody means.
    constexpr size_t kMaxWork = 50'000'000;
    for (size_t work = 0; work < kMaxWork; work += pool_->nodes().size() + 1000) {
        auto solution = pool_->solve(jobs_);
        if (!solution) {
            if (give_way()) continue;
            return false;
        }
        keep_founded(*solution);
        if (take_up_needs()) continue;
        if (!problem_.empty()) return false;
        if (leave_untriggered() || pass_flags_on() || join_triggered()) continue;
        return true;
    }
    return fail("the solver does not come to an end with these packages");
}

}  // namespace tenon::pkg::solver
