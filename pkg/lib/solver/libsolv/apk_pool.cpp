#include "pkg/lib/solver/libsolv/apk_pool.h"

#include <stdio.h>

#include <algorithm>

namespace tenon::pkg::solver {

namespace {

// Up to here owners of a name exclude each other in pairs.
constexpr size_t kMaxPairs = 16;

constexpr char kAtom = 'a', kForbidden = 'f', kOwner = 'o', kNode = 'n', kChoice = 'c', kBit = 'b',
               kSolvable = 's';

uint64_t both(uint32_t a, uint32_t b) {
    return uint64_t{a} << 32 | b;
}

}  // namespace

ApkPool::ApkPool(const ApkUniverse& universe)
    : universe_(universe),
      pool_(pool_create()),
      solvables_(universe.nodes()),
      atom_ids_(universe.atoms()),
      forbidden_ids_(universe.atoms()),
      not_yet_(universe.atoms()) {
    pool_setdisttype(pool_, DISTTYPE_DEB);
    pool_set_flag(pool_, POOL_FLAG_FORBIDSELFCONFLICTS, 0);
    repo_ = repo_create(pool_, "apk");
}

Result<std::unique_ptr<ApkPool>> ApkPool::create(const ApkUniverse& universe,
                                                 const std::vector<NodeId>& nodes,
                                                 const std::vector<AtomId>& wanted,
                                                 const std::vector<AtomId>& unwanted) {
    std::unique_ptr<ApkPool> pool(new ApkPool(universe));
    pool->nodes_ = nodes;
    TRY(pool->fill(wanted, unwanted));
    return pool;
}

Status ApkPool::charge(uint64_t amount) {
    if (budget_ < amount) return fail("the packages depend on each other in too many ways");
    budget_ -= amount;
    return {};
}

// The ids are numbers with a letter: what they stand for is ours to know.
Id ApkPool::id(char kind, uint64_t number) {
    char text[32];
    int len = snprintf(text, sizeof(text), "%c%llx", kind, static_cast<unsigned long long>(number));
    return pool_strn2id(pool_, text, static_cast<unsigned>(len), 1);
}

Id ApkPool::add_solvable(Meaning meaning) {
    Id s = repo_add_solvable(repo_);
    meaning_.resize(static_cast<size_t>(s) + 1);
    meaning_.back() = meaning;
    Solvable* solvable = pool_id2solvable(pool_, s);
    solvable->name = id(kSolvable, static_cast<uint64_t>(s));
    solvable->evr = ID_EMPTY;
    solvable->arch = ARCH_ALL;
    return s;
}

void ApkPool::provide(Id s, Id what) {
    Solvable* solvable = pool_id2solvable(pool_, s);
    solvable->dep_provides = repo_addid(repo_, solvable->dep_provides, what);
}
void ApkPool::need(Id s, Id what) {
    Solvable* solvable = pool_id2solvable(pool_, s);
    solvable->dep_requires = repo_addid(repo_, solvable->dep_requires, what);
}
void ApkPool::conflict(Id s, Id what) {
    Solvable* solvable = pool_id2solvable(pool_, s);
    solvable->dep_conflicts = repo_addid(repo_, solvable->dep_conflicts, what);
}

Id ApkPool::solvable_of(NameId name, NodeId node) const {
    auto at = choices_.find(both(name, node));
    return at == choices_.end() ? solvables_[node] : at->second;
}

Status ApkPool::fill(const std::vector<AtomId>& wanted, const std::vector<AtomId>& unwanted) {
    for (NodeId n : nodes_) solvables_[n] = add_solvable({Meaning::Kind::node, n, kNone});
    TRY(add_names());
    for (AtomId a : wanted) TRY(add_atom(a));
    for (AtomId a : unwanted) TRY(add_atom(a));
    for (NodeId n : nodes_) {
        const ApkNode& node = universe_.node(n);
        TRY(charge(node.needs.size() + node.forbids.size()));
        for (AtomId a : node.needs) {
            TRY(add_atom(a));
            need(solvables_[n], atom_ids_[a]);
        }
        for (AtomId a : node.forbids) {
            TRY(add_atom(a));
            // One rule for each that it forbids.
            TRY(charge(universe_.atom(a).claims.size()));
            conflict(solvables_[n], forbidden_ids_[a]);
        }
    }
    pool_createwhatprovides(pool_);
    return {};
}

Status ApkPool::add_names() {
    std::vector<bool> seen(universe_.names());
    std::vector<ApkClaim> claims;
    auto add = [&](NameId name) -> Status {
        if (seen[name]) return {};
        seen[name] = true;
        claims.clear();
        bool one_package = true;
        TRY(charge(universe_.claims(name).size()));
        for (const ApkClaim& c : universe_.claims(name)) {
            if (!has(c.node)) continue;
            one_package &= claims.empty() ||
                           universe_.node(c.node).name == universe_.node(claims[0].node).name;
            claims.push_back(c);
        }
        if (claims.size() < 2) return {};
        // Packages of one name are ranked where they are chosen by that name.
        if (one_package && universe_.node(claims[0].node).name == name) {
            plain_.push_back(name);
        } else {
            mixed_.push_back(name);
            for (const ApkClaim& c : claims) {
                Id package = solvables_[c.node];
                Id choice = add_solvable({Meaning::Kind::choice, c.node, name});
                choices_[both(name, c.node)] = choice;
                Id package_id = id(kNode, c.node), choice_id = id(kChoice, both(name, c.node));
                provide(package, package_id);
                need(choice, package_id);
                provide(choice, choice_id);
                need(package, choice_id);
            }
        }
        add_owners(name, claims);
        return {};
    };
    for (NodeId n : nodes_) {
        TRY(add(universe_.node(n).name));
        for (const apk::Dependency& d : universe_.package(n).provides)
            TRY(add(universe_.find_name(d.name)));
    }
    return {};
}

void ApkPool::add_owners(NameId name, const std::vector<ApkClaim>& claims) {
    size_t owners = 0;
    for (const ApkClaim& c : claims) owners += c.version != nullptr;
    if (owners == 0) return;
    if (claims.size() <= kMaxPairs) {
        Id owner = id(kOwner, name);
        told_[owner] = {kOwner, name};
        for (const ApkClaim& c : claims) {
            provide(solvables_[c.node], owner);
            if (c.version) conflict(solvables_[c.node], owner);
        }
        return;
    }
    // 0 is the number of those without a version, who may stand together.
    unsigned digits = 1;
    while (owners >> digits) digits++;
    std::vector<Id> bits;
    for (unsigned i = 0; i < digits; i++) {
        Id one = add_solvable({Meaning::Kind::bit, kNone, name});
        Id zero = add_solvable({Meaning::Kind::bit, kNone, name});
        uint64_t at = both(name, 2 * i);
        provide(zero, id(kBit, at));
        provide(one, id(kBit, at + 1));
        conflict(one, id(kBit, at));
        for (uint64_t both_values : {at, at + 1}) told_[id(kBit, both_values)] = {kBit, name};
        bits.push_back(id(kBit, at));
        bits.push_back(id(kBit, at + 1));
    }
    size_t number = 0;
    for (const ApkClaim& c : claims) {
        size_t value = c.version ? ++number : 0;
        for (unsigned i = 0; i < digits; i++)
            need(solvables_[c.node], bits[2 * i + (value >> i & 1)]);
    }
}

bool ApkPool::has_claims(AtomId a) const {
    const auto& claims = universe_.atom(a).claims;
    return std::any_of(claims.begin(), claims.end(),
                       [&](const ApkClaim& c) { return has(c.node); });
}

bool ApkPool::may_activate(AtomId a) const {
    const auto& claims = universe_.atom(a).claims;
    return std::any_of(claims.begin(), claims.end(),
                       [&](const ApkClaim& c) { return has(c.node) && universe_.selectable(c); });
}

Status ApkPool::add_atom(AtomId a) {
    if (atom_ids_[a]) return {};
    Id atom = atom_ids_[a] = id(kAtom, a);
    Id forbidden = forbidden_ids_[a] = id(kForbidden, a);
    told_[atom] = {kAtom, a};
    told_[forbidden] = {kForbidden, a};
    const ApkAtom& what = universe_.atom(a);
    TRY(charge(what.claims.size() * 2 + 1));
    bool any = false, all_selectable = true, one_package = true;
    NameId package = kNone;
    for (const ApkClaim& c : what.claims) {
        if (!has(c.node)) continue;
        NameId of = universe_.node(c.node).name;
        one_package &= !any || of == package;
        package = of;
        any = true;
        all_selectable &= universe_.selectable(c);
        provide(solvable_of(what.name, c.node), atom);
        provide(solvables_[c.node], forbidden);
    }
    if (any && !(all_selectable && one_package)) {
        Id s = add_solvable({Meaning::Kind::not_yet, a, kNone});
        not_yet_[a] = s;
        provide(s, atom);
    }
    return {};
}

void ApkPool::rank(const Better& better) {
    favours_.clear();
    std::vector<ApkClaim> claims;
    auto one = [&](NameId name) {
        claims.clear();
        for (const ApkClaim& c : universe_.claims(name))
            if (has(c.node)) claims.push_back(c);
        // What is preferred comes last.
        std::stable_sort(claims.begin(), claims.end(),
                         [&](const ApkClaim& a, const ApkClaim& b) { return better(name, b, a); });
        for (const ApkClaim& c : claims) favours_.push_back(solvable_of(name, c.node));
    };
    for (NameId name : plain_) one(name);
    for (NameId name : mixed_) one(name);
    for (Id s : not_yet_)
        if (s) favours_.push_back(s);
}

std::optional<std::vector<NodeId>> ApkPool::solve(const Jobs& jobs) {
    Queue queue;
    queue_init(&queue);
    for (AtomId a : jobs.wanted)
        queue_push2(&queue, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES, atom_ids_[a]);
    for (AtomId a : jobs.unwanted)
        if (has_claims(a))
            queue_push2(&queue, SOLVER_ERASE | SOLVER_SOLVABLE_PROVIDES, forbidden_ids_[a]);
    for (NodeId n : jobs.forced)
        queue_push2(&queue, SOLVER_INSTALL | SOLVER_SOLVABLE, solvables_[n]);
    for (auto [atom, n] : jobs.chosen)
        queue_push2(&queue, SOLVER_INSTALL | SOLVER_SOLVABLE, solvables_[n]);
    for (NodeId n : jobs.banned) queue_push2(&queue, SOLVER_ERASE | SOLVER_SOLVABLE, solvables_[n]);
    for (AtomId a : jobs.active)
        if (not_yet_[a]) queue_push2(&queue, SOLVER_ERASE | SOLVER_SOLVABLE, not_yet_[a]);
    for (Id s : favours_) queue_push2(&queue, SOLVER_FAVOR | SOLVER_SOLVABLE, s);
    std::unique_ptr<Solver, decltype(&solver_free)> solver(solver_create(pool_), solver_free);
    solver_set_flag(solver.get(), SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
    std::optional<std::vector<NodeId>> out;
    facts_.clear();
    if (solver_solve(solver.get(), &queue) == 0) {
        out.emplace();
        for (NodeId n : nodes_)
            if (solver_get_decisionlevel(solver.get(), solvables_[n]) > 0) out->push_back(n);
    } else {
        collect_facts(solver.get());
    }
    queue_free(&queue);
    return out;
}

void ApkPool::collect_facts(Solver* solver) {
    Queue rules, infos;
    queue_init(&rules);
    queue_init(&infos);
    auto add = [&](Fact f) {
        if (std::find(facts_.begin(), facts_.end(), f) == facts_.end()) facts_.push_back(f);
    };
    auto told = [&](Id dep) {
        auto at = told_.find(dep);
        return at == told_.end() ? std::pair<char, uint32_t>(0, kNone) : at->second;
    };
    auto node_of = [&](Id s) {
        const Meaning& m = meaning_[static_cast<size_t>(s)];
        return m.kind == Meaning::Kind::node || m.kind == Meaning::Kind::choice ? m.number : kNone;
    };
    auto job = [&](Id how, Id what) {
        bool install = (how & SOLVER_JOBMASK) == SOLVER_INSTALL;
        if ((how & SOLVER_SELECTMASK) == SOLVER_SOLVABLE) {
            if (NodeId n = node_of(what); n != kNone)
                add({install ? Fact::Kind::forces : Fact::Kind::bans, n});
        } else if (auto [kind, number] = told(what); kind) {
            add({install ? Fact::Kind::wants : Fact::Kind::refuses, kNone, kNone, number});
        }
    };
    // The first problem is told; when it is solved there may be another.
    Id problem = solver_next_problem(solver, 0);
    solver_findallproblemrules(solver, problem, &rules);
    for (int i = 0; i < rules.count && facts_.size() < 1000; i++) {
        Id rule = rules.elements[i];
        queue_empty(&infos);
        solver_allruleinfos(solver, rule, &infos);
        for (int k = 0; k + 3 < infos.count; k += 4) {
            auto type = static_cast<SolverRuleinfo>(infos.elements[k]);
            Id source = infos.elements[k + 1], target = infos.elements[k + 2],
               dep = infos.elements[k + 3];
            auto [kind, number] = told(dep);
            switch (type) {
                case SOLVER_RULE_PKG_REQUIRES:
                case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
                    if (kind == kAtom)
                        add({Fact::Kind::needs, node_of(source), kNone, number});
                    else if (kind == kBit)
                        add({Fact::Kind::one_owner, node_of(source), kNone, kNone, number});
                    break;
                case SOLVER_RULE_PKG_CONFLICTS:
                    if (kind == kForbidden)
                        add({Fact::Kind::forbids, node_of(source), node_of(target), number});
                    else if (kind == kOwner)
                        add({Fact::Kind::one_owner, node_of(source), node_of(target), kNone,
                             number});
                    break;
                default:
                    break;
            }
        }
        if (solver_ruleclass(solver, rule) == SOLVER_RULE_JOB) {
            Id what = 0, how = solver_rule2job(solver, rule, &what);
            job(how, what);
        }
    }
    queue_free(&rules);
    queue_free(&infos);
}

}  // namespace tenon::pkg::solver
