#include "pkg/lib/solver/libsolv/rpm_pool.h"

#include <unordered_map>

namespace tenon::pkg::solver {

namespace {

using rpm::Package;
using rpm::Relation;
using rpm::RichContext;
using rpm::RichDependency;
using rpm::RichOp;

// Features of the package manager: who installs looks at those.
bool is_feature(const Relation& r) {
    return (r.flags & rpm::kRpmlibNeed) || r.name.starts_with("rpmlib(");
}

int flags_of(const Relation& r) {
    return (r.flags & rpm::kLess ? REL_LT : 0) | (r.flags & rpm::kGreater ? REL_GT : 0) |
           (r.flags & rpm::kEqual ? REL_EQ : 0);
}

template <class F>
void for_each_leaf(const RichDependency& d, F each) {
    if (d.op == RichOp::none) each(d.leaf);
    for (const auto& operand : d.operands) for_each_leaf(operand, each);
}

// The simple relations in `r`.
template <class F>
void for_each_simple(const Relation& r, F each) {
    if (!r.is_rich()) return each(r);
    if (auto d = rpm::parse_rich(r.name)) for_each_leaf(*d, each);
}

constexpr const char* kAround = "the root around";

}  // namespace

Id RpmPool::id(std::string_view text) {
    return pool_strn2id(pool_, text.data(), static_cast<unsigned>(text.size()), 1);
}

Id RpmPool::rich_id(const RichDependency& d) {
    if (d.op == RichOp::none) return relation_id(d.leaf, RichContext::must_hold);
    int flags = 0;
    switch (d.op) {
        case RichOp::and_:
            flags = REL_AND;
            break;
        case RichOp::or_:
            flags = REL_OR;
            break;
        case RichOp::with_:
            flags = REL_WITH;
            break;
        case RichOp::without_:
            flags = REL_WITHOUT;
            break;
        case RichOp::if_:
        case RichOp::unless_: {
            Id condition = rich_id(d.operands[1]);
            if (d.operands.size() > 2)
                condition = pool_rel2id(pool_, condition, rich_id(d.operands[2]), REL_ELSE, 1);
            return pool_rel2id(pool_, rich_id(d.operands[0]), condition,
                               d.op == RichOp::if_ ? REL_COND : REL_UNLESS, 1);
        }
        case RichOp::none:
            break;
    }
    // From the last to the first: "a or b or c" is a | (b | c).
    Id out = rich_id(d.operands.back());
    for (size_t i = d.operands.size() - 1; i-- > 0;)
        out = pool_rel2id(pool_, rich_id(d.operands[i]), out, flags, 1);
    return out;
}

Id RpmPool::relation_id(const Relation& r, RichContext context) {
    if (r.is_rich()) {
        // What cannot be parsed comes out as a name that nothing has.
        auto rich = rpm::parse_rich(r.name, context);
        return rich ? rich_id(*rich) : id(r.name);
    }
    const int flags = flags_of(r);
    return flags == 0 ? id(r.name) : pool_rel2id(pool_, id(r.name), id(r.evr), flags, 1);
}

Offset RpmPool::add(Repo* repo, Offset at, const std::vector<Relation>& list, RichContext context) {
    for (const Relation& r : list)
        if (!is_feature(r)) at = repo_addid_dep(repo, at, relation_id(r, context), 0);
    return at;
}

void RpmPool::note_file(const Relation& r) {
    for_each_simple(r, [&](const Relation& simple) {
        if (simple.name.starts_with('/')) needed_files_.insert(simple.name);
    });
}

void RpmPool::note_files(const Package& p) {
    for (const auto* list : {&p.requirements, &p.conflicts, &p.recommends, &p.supplements})
        for (const Relation& r : *list) note_file(r);
}

void RpmPool::add_package(Repo* repo, const Package& p, const Meaning& what) {
    const Id number = repo_add_solvable(repo);
    Solvable* s = pool_id2solvable(pool_, number);
    s->name = id(p.name);
    s->arch = id(p.arch);
    s->evr = id(p.evr.str());
    s->dep_provides = add(repo, 0, p.provides);
    s->dep_provides =
        repo_addid_dep(repo, s->dep_provides, pool_rel2id(pool_, s->name, s->evr, REL_EQ, 1), 0);
    for (const rpm::File& f : p.files)
        if (needed_files_.contains(f.path))
            s->dep_provides = repo_addid_dep(repo, s->dep_provides, id(f.path), 0);
    s->dep_requires = add(repo, 0, p.requirements);
    s->dep_conflicts = add(repo, 0, p.conflicts, RichContext::must_not_hold);
    s->dep_obsoletes = add(repo, 0, p.obsoletes);
    s->dep_recommends = add(repo, 0, p.recommends);
    s->dep_supplements = add(repo, 0, p.supplements);
    meaning_.resize(static_cast<size_t>(number) + 1);
    meaning_[static_cast<size_t>(number)] = what;
}

void RpmPool::add_surroundings(Repo* repo, const RpmSystem& system) {
    const Id number = repo_add_solvable(repo);
    Solvable* s = pool_id2solvable(pool_, number);
    s->name = id(kAround);
    s->arch = ARCH_NOARCH;
    s->evr = id("0");
    std::unordered_set<std::string> asked;
    auto look = [&](const Relation& r) {
        if (is_feature(r) || !asked.insert(r.str()).second || !system.elsewhere(r)) return;
        s->dep_provides =
            repo_addid_dep(repo, s->dep_provides, relation_id(r, RichContext::must_hold), 0);
    };
    for (const Package* p : all_)
        for (const Relation& r : p->requirements) for_each_simple(r, look);
    meaning_.resize(static_cast<size_t>(number) + 1);
    meaning_[static_cast<size_t>(number)] = {};
}

Status RpmPool::fill(const RpmSystem& system, const std::vector<std::string>& wished) {
    if (pool_setdisttype(pool_, DISTTYPE_RPM) < 0)
        return fail("this libsolv was built without rpm's rules");
    meaning_.resize(static_cast<size_t>(pool_->nsolvables));
    for (const Package* p : system.installed) all_.push_back(p);
    for (const RpmOffers& r : system.repositories)
        for (const auto& p : *r.packages) all_.push_back(&p.package);
    for (const Package* p : all_) note_files(*p);
    needed_files_.insert(wished.begin(), wished.end());

    Repo* installed = repo_create(pool_, "installed");
    pool_set_installed(pool_, installed);
    for (const Package* p : system.installed) add_package(installed, *p, {.package = p});
    if (system.elsewhere) add_surroundings(installed, system);
    for (size_t r = 0; r < system.repositories.size(); r++) {
        const RpmOffers& offers = system.repositories[r];
        Repo* repo = repo_create(pool_, "available");
        repo->priority = -offers.priority;
        for (size_t n = 0; n < offers.packages->size(); n++) {
            const Package& p = (*offers.packages)[n].package;
            add_package(repo, p, {.package = &p, .repository = r, .number = n});
        }
    }
    pool_createwhatprovides(pool_);
    for (const auto& path : needed_files_) {
        const Id known = id(path);
        if (pool_whatprovides(pool_, known) <= 1) missing_files_.push_back(path);
    }
    return {};
}

std::string RpmPool::str(Id solvable) const {
    const Meaning& m = meaning(solvable);
    return m.package ? m.package->nevra() : kAround;
}

std::string RpmPool::dependency_str(Id dep) const {
    return pool_dep2str(pool_, dep);
}

}  // namespace tenon::pkg::solver
