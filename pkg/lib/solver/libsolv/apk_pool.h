// Alpine's packages in a pool of libsolv.
//
// Theory. Nothing in the pool has a version, and no two solvables have one name, so that libsolv
// applies no rules of its own. It sees only needs (a solvable requires an id) and conflicts:
//
// - An atom is an id, provided by exactly what satisfies it.
// - A name with one kind of owner: solvables that claim it with a version exclude all others that
//   claim it. Few are told so in pairs; of many, each has a number of its own and needs one of two
//   contradicting bits for each of its digits, which is as exclusive and grows with n log n.
// - Where packages of several names claim one name, the order of preference depends on the name.
//   There each claim has a solvable of its own (a choice), needed by the package and needing it,
//   and the choices are what is ranked. So every solvable is in one ranking at most, and all
//   rankings together are one list of favours.
// - A need for such a name is only taken up when nothing else brings what satisfies it: besides its
//   claims each such atom is provided by a solvable that means "not yet", the most preferred of
//   all, until activate() forbids it. A need that has only claims without version or priority is
//   never taken up.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "pkg/lib/solver/libsolv/apk_universe.h"
#include "pkg/lib/solver/libsolv/solv.h"

namespace tenon::pkg::solver {

class ApkPool {
  public:
    // `nodes`: all that may be chosen; their lists are filled. `world`: as atoms.
    static Result<std::unique_ptr<ApkPool>> create(const ApkUniverse& universe,
                                                   const std::vector<NodeId>& nodes,
                                                   const std::vector<AtomId>& wanted,
                                                   const std::vector<AtomId>& unwanted);
    ~ApkPool() { pool_free(pool_); }
    ApkPool(const ApkPool&) = delete;
    ApkPool& operator=(const ApkPool&) = delete;

    Pool* get() const { return pool_; }
    bool has(NodeId n) const { return solvables_[n] != 0; }
    const std::vector<NodeId>& nodes() const { return nodes_; }
    // Is there somebody to satisfy it?
    bool has_claims(AtomId a) const;
    // Must it be activated before a claim is chosen for it, and may it?
    bool waits(AtomId a) const { return not_yet_[a] != 0; }
    bool may_activate(AtomId a) const;

    struct Jobs {
        std::vector<AtomId> wanted, unwanted;  // the world
        std::set<AtomId> active;
        std::map<AtomId, NodeId> chosen;  // for active ones
        std::vector<NodeId> forced, banned;
    };
    // `better(name, a, b)`: is claim a preferred to b?
    using Better = std::function<bool(NameId, const ApkClaim&, const ApkClaim&)>;
    void rank(const Better& better);

    // nullopt: impossible; then problem() tells.
    std::optional<std::vector<NodeId>> solve(const Jobs& jobs);

    // What stands behind an impossibility, in the terms of packages.
    struct Fact {
        enum class Kind { wants, refuses, forces, bans, needs, forbids, one_owner } kind;
        NodeId node = kNone, other = kNone;  // who needs or forbids; whom
        AtomId atom = kNone;
        NameId name = kNone;  // of which only one owner can be
        bool operator==(const Fact&) const = default;
    };
    const std::vector<Fact>& facts() const { return facts_; }

  private:
    // What a solvable is.
    struct Meaning {
        enum class Kind { nothing, node, choice, not_yet, bit } kind = Kind::nothing;
        uint32_t number = kNone;  // of a node or an atom
        NameId name = kNone;
    };
    explicit ApkPool(const ApkUniverse& universe);
    Status fill(const std::vector<AtomId>& wanted, const std::vector<AtomId>& unwanted);
    Status add_names();
    void add_owners(NameId name, const std::vector<ApkClaim>& claims);
    Status add_atom(AtomId a);
    Id add_solvable(Meaning meaning);
    Id id(char kind, uint64_t number);
    void provide(Id solvable, Id what);
    void need(Id solvable, Id what);
    void conflict(Id solvable, Id what);
    Id solvable_of(NameId name, NodeId node) const;
    Status charge(uint64_t amount);
    void collect_facts(Solver* solver);

    const ApkUniverse& universe_;
    std::vector<NodeId> nodes_;
    Pool* pool_;
    Repo* repo_;
    std::vector<Meaning> meaning_;
    std::vector<Id> solvables_;                               // by node; 0: not here
    std::vector<NameId> mixed_;                               // names with choices
    std::vector<NameId> plain_;                               // names with versions to choose among
    std::unordered_map<uint64_t, Id> choices_;                // by name and node
    std::vector<Id> atom_ids_, forbidden_ids_, not_yet_;      // by atom; 0: not here
    std::vector<Id> favours_;                                 // least preferred first
    std::unordered_map<Id, std::pair<char, uint32_t>> told_;  // what an id means
    std::vector<Fact> facts_;
    uint64_t budget_ = 20'000'000;
};

}  // namespace tenon::pkg::solver
