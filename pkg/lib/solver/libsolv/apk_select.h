// A world and what is preferred; out of it the packages that shall be there.
//
// Theory. The engine answers one question at a time, and most of Alpine's rules are about what to
// ask next. A selection asks again and again, each time with something more, until nothing is
// missing:
//
// 1. What is needed from a name that packages of several names claim is left open at first
//    (ApkPool). What is still open when all else is chosen becomes a need. So a package that comes
//    anyway satisfies it before another is brought in for it.
// 2. What can only be satisfied by claims that nobody may choose bans those who need it; when
//    nothing is left, that is the problem to tell.
// 3. What is named together with what it needs passes its wishes (upgrade, reinstall) on along
//    the needs of what was selected.
// 4. Packages whose install_if has come true join, as long as they can.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "pkg/lib/solver/libsolv/apk_pool.h"

namespace tenon::pkg::solver {

// What is wished for a name.
enum ApkFlags : unsigned {
    kApkUpgrade = 1,    // the highest version is preferred to the installed one
    kApkLatest = 2,     // and nothing else will do
    kApkAvailable = 4,  // what a repository has is preferred
    kApkReinstall = 8,
    kApkRemove = 16,  // anything else is preferred
};

struct ApkWish {
    std::vector<apk::Dependency> world;
    unsigned all = 0;  // flags of every name that is not ignored
    std::set<std::string> ignored;
    struct Flags {
        unsigned own = 0, inherited = 0;  // the latter also for all that it needs
    };
    std::map<std::string, Flags> names;
    bool drop_broken = false;  // force_broken_world
};

class ApkSelection {
  public:
    ApkSelection(ApkUniverse& universe, const ApkWish& wish) : u_(universe), wish_(wish) {}

    // Errors as of ApkUniverse. False: impossible.
    Result<bool> run();

    const std::vector<NodeId>& nodes() const { return selected_; }
    bool has(NodeId n) const { return n < in_.size() && in_[n]; }
    unsigned flags(NameId name) const;
    // The tags that a node may come from: what pins allow.
    uint64_t allowed_tags(NodeId n) const { return masks_[n] | 1; }
    // Was it selected because of its install_if?
    bool joined(NodeId n) const {
        return std::find(jobs_.forced.begin(), jobs_.forced.end(), n) != jobs_.forced.end();
    }
    const std::vector<AtomId>& wanted() const { return jobs_.wanted; }
    const std::string& problem() const { return problem_; }
    const std::vector<std::string>& dropped() const { return dropped_; }

  private:
    Status read_world();
    Status reach();
    Status reach_atom(AtomId a, uint64_t mask);
    Status reach_triggered(NodeId n);
    bool usable(NodeId n, uint64_t mask);
    bool better(NameId name, const ApkClaim& a, const ApkClaim& b) const;
    unsigned tag_class(NameId name, NodeId n) const;
    bool is_preferred(NameId name, NodeId n) const;
    bool pinned_here(NameId name, NodeId n) const;
    void set_preferences();
    void ban_old_versions();

    // Of run()'s loop: true when something was found that the engine has to be asked again for.
    bool give_way();
    bool take_up_needs();
    void choose(AtomId a);
    bool pass_flags_on();
    bool join_triggered();
    bool leave_untriggered();

    void keep_founded(const std::vector<NodeId>& solution);
    bool satisfied(AtomId a, NodeId but = kNone) const;
    bool triggered(NodeId n) const;
    bool drop_from_world();
    void drop(AtomId a);

    ApkUniverse& u_;
    const ApkWish& wish_;
    ApkPool::Jobs jobs_;
    std::unique_ptr<ApkPool> pool_;
    std::vector<unsigned> own_, inherited_;  // by name
    std::vector<bool> ignored_;
    std::vector<uint64_t> preferred_;  // by name: where the world wants it from, tag 0 too
    std::vector<uint64_t> pins_;       // by name: tags of the world's constraints
    std::vector<uint64_t> followed_;   // by name: the tag that the installed one came from
    std::vector<uint64_t> masks_;      // by node
    std::vector<bool> in_, reached_, checked_, unusable_;
    std::vector<NodeId> reached_list_, queue_;
    std::vector<bool> latest_banned_;
    std::vector<NodeId> selected_, candidates_;
    std::vector<NodeId> batch_;  // what joined last
    size_t join_limit_ = SIZE_MAX, choice_limit_ = SIZE_MAX;
    std::vector<AtomId> choosing_;  // what was chosen last
    std::set<NodeId> given_up_;
    AtomId stuck_ = kNone;
    NodeId stuck_for_ = kNone;
    std::string problem_;
    std::vector<std::string> dropped_;
    uint64_t budget_ = 100'000'000;
};

// As sentences, one a line. `world`: all that was asked for.
std::string explain_apk(const ApkUniverse& universe, const ApkPool& pool,
                        const std::vector<ApkPool::Fact>& facts);
// Why nobody is chosen for a need of `who` (kNone: of the world).
std::string explain_apk_choice(const ApkUniverse& universe, AtomId atom, NodeId who);
// "name 1.0".
std::string apk_name(const ApkUniverse& universe, NodeId n);

// What to do for a selection, in order.
std::vector<ApkChange> apk_changes(ApkUniverse& universe, const ApkSelection& selection);

}  // namespace tenon::pkg::solver
