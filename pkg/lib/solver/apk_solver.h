// What Alpine's rules make of a world: which packages to install, change and remove.
//
// The world is a list of constraints; the packages that are installed are those that it needs, and
// no others. So nothing is "removed" on request: constraints are added or taken away, and the
// solver says what the system looks like then. Spec: apk-world(5), apk-package(5), apk-add(8),
// apk-del(8), apk-upgrade(8), apk-fix(8), apk-repositories(5).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pkg/lib/apk/package.h"

namespace tenon::pkg::solver {

struct ApkRepository {
    const std::vector<apk::Package>* packages = nullptr;  // must outlive the answer
    std::string tag = {};   // "edge" of "@edge"; empty: used without being asked for
    bool reachable = true;  // false: what only it has can be compared with, not installed
};

struct ApkInstalled {
    const apk::Package* package = nullptr;  // must outlive the answer
    std::string tag = {};                   // of the repository that it came from, where recorded
    bool broken = false;                    // its files or scripts are known to be damaged
};

struct ApkSystem {
    std::vector<std::string> archs = {};  // the primary one first; noarch is always accepted
    std::vector<ApkRepository> repositories = {};  // the first is preferred
    std::vector<ApkInstalled> installed = {};
    std::vector<apk::Dependency> world = {};
};

struct ApkRequest {
    enum class Verb { add, del, upgrade, fix } verb = Verb::add;
    // Constraints to add, names to take away, names to upgrade or fix.
    std::vector<std::string> arguments = {};

    bool upgrade = false;  // add, fix: what is named, and with add what it needs, too, goes up
    bool latest = false;   // add, upgrade: the highest version or none at all

    // add: "NAME" or "NAME=VERSION" of a package to make, which needs `arguments`.
    std::string virtual_package = {};
    std::string virtual_version = "0";  // where virtual_package names none

    bool rdepends = false;  // del: what is in the world and needs the named goes as well

    bool available = false;  // upgrade: what repositories have is preferred to what is installed
    bool ignore = false;     // upgrade: all but the arguments
    bool prune = false;      // upgrade: what no repository has leaves the world
    bool self_upgrade = true, self_upgrade_only = false;  // upgrade: the package manager first
    std::vector<std::string> self = {"apk-tools"};        // the package manager's own packages
    // More of what is installed and goes first; "!NAME" takes out of `self`.
    std::vector<std::string> preupgrade_depends = {};

    bool depends = false;    // fix: and what the named need
    bool reinstall = false;  // fix: even with `upgrade`, or, without arguments, everything

    // Constraints of the world that stand against each other are left out of account.
    bool force_broken_world = false;
};

struct ApkChange {
    enum class Kind { install, upgrade, downgrade, replace, reinstall, retag, purge };
    Kind kind = Kind::install;
    const apk::Package* from = nullptr;  // what is installed
    const apk::Package* to = nullptr;    // what will be
    std::string tag = {};                // of the repository that it counts as coming from
    int repository = -1;  // where `to` is to be fetched: a number in repositories; -1: nowhere

    // "Upgrading b (1 -> 2)".
    std::string str() const;
};

struct ApkStage {
    bool preupgrade = false;  // to be finished before the next; the program itself may change
    std::vector<ApkChange> changes = {};  // in the order to carry them out
};

struct ApkAnswer {
    bool possible = false;
    std::vector<apk::Dependency> world = {};  // afterwards
    std::vector<ApkStage> stages = {};        // none of them is empty
    std::vector<std::string> notes = {};      // what somebody should know, though it works
    // When it is not possible: why, each problem as a few lines without a newline at their end.
    std::vector<std::string> problems = {};
    std::unique_ptr<apk::Package> made = {};  // request.virtual_package; changes may point to it
};

// An error when the request is malformed or the solver cannot work at all: also for indexes that
// are so entangled that no repository of packages can be meant. A request that cannot be fulfilled
// is an answer. In a build without the solver always an error.
Result<ApkAnswer> solve_apk(const ApkSystem& system, const ApkRequest& request);

}  // namespace tenon::pkg::solver
