// Installs, upgrades and removes Alpine's packages in one root, as one transaction
// (docs/transactions.md).
//
//   stage    each package is read once: signature, every digest, every name; its contents go below
//            /lib/apk/transaction
//   judge    architecture, dependencies and conflicts of the world afterwards, owners of files,
//   space act      removals, then each package after what it needs: pre- script, files, what only
//   the old
//            version had, post- script; triggers; what `settle` adds
//   end      the database and world
//
// A crash in or before `judge` leaves nothing, one in `act` is gone through again from its
// beginning, scripts included. Of removals the pre-deinstall is not run twice. A script that fails
// does not take the package back: apk's rule; the database remembers it, and the run ends with an
// error that says so.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pkg/lib/apk/database.h"
#include "pkg/lib/apk/keys.h"
#include "pkg/lib/apk/placement.h"
#include "pkg/lib/apk/world.h"
#include "pkg/lib/transaction.h"

namespace tenon::pkg::apk {

struct InstallOptions {
    bool allow_untrusted = false;
    bool ignore_depends = false;
    bool purge = false;  // changed files in protected directories go with their package
    unsigned script_limit_s = 600;
};

// What somebody else has worked out: which packages come and go, in this order.
struct Plan {
    struct Step {
        std::string remove = {};  // a name; or, where it is empty,
        std::string path = {};    // the package to install,
        std::string name = {}, version = {};
        // with this identity, for which the index stands that has it; none: its own signature
        // has to be good.
        Checksum identity = {};
        // As the index has it: one for x86_64 may have noarch packages as its own, and apk's
        // database then does so, too. Empty: the package's own.
        std::string arch = {};
        std::string tag = {};  // of the repository that it counts as coming from
    };
    std::vector<Step> steps;
    std::map<std::string, std::string> retagged;  // name of what stays -> its new tag
    std::vector<Dependency> world;                // afterwards
};

class Installer {
  public:
    // `settle` runs when all packages are in their places, before the database says so; again when
    // that is resumed. It may be empty.
    using Settle = std::function<Status(const Database&)>;
    Installer(Root& root, InstallOptions options, Settle settle)
        : root_(root), options_(options), settle_(std::move(settle)) {}

    // Takes the database's lock and finishes what an interrupted run began.
    Status open();
    Database& database() { return *db_; }
    // Removes the files of a database that holds nothing: of a prefix that is given up.
    Status drop_database() { return db_->drop(); }
    // open() has got the database's lock.
    bool is_open() const { return db_ != nullptr; }

    // `chosen` files go into world; what they need and `offers` has comes along.
    Status install(const std::vector<std::string>& chosen, const std::vector<Offer>& offers,
                   const KeyRing& keys);
    Status remove(const std::vector<std::string>& names);
    // Nothing but signatures, digests and owners of files is judged here.
    Status carry(const Plan& plan, const KeyRing& keys);

  private:
    struct Candidate {
        Installed package;
        std::vector<PlannedFile> files;
        std::string stage;
    };
    enum class Phase { act, done };

    // An install or a removal.
    struct Act {
        Candidate* candidate = nullptr;
        std::string remove;
    };

    // `step`: what is promised about it; null: nothing.
    Status stage(const std::string& path, const KeyRing& keys, const Plan::Step* step = nullptr);
    // Removals first, then the set.
    void order_simply();
    std::unexpected<Error> give_up(Error e);
    Status add_needed(const std::vector<Offer>& offers, const KeyRing& keys);
    World world_after() const;
    Status judge();
    Status sort();
    Status look_over();
    void set_world(const std::vector<std::string>& names);
    void take_back_world(const Candidate& c);

    Status begin();
    Status act();
    Status carry_out();
    Status resume();
    Status save(Phase phase);
    Status load_candidate(const std::string& stage);
    Status save_candidate(const Candidate& c);

    Status install_one(Candidate& c);
    Status remove_one(const std::string& name);
    Status remove_files(const Installed& p, const Candidate* by);
    Status remove_dirs(const Installed& p);
    Status run_triggers();
    // What fails is remembered, not returned.
    bool run_script(const Installed& p, const std::string& kind,
                    const std::vector<std::string>& args);
    bool leaves(const Installed& p, const std::string& path) const;

    Root& root_;
    InstallOptions options_;
    Settle settle_;
    std::unique_ptr<Database> db_;
    ProtectedPaths protected_;
    std::unique_ptr<Transaction> transaction_;
    std::vector<std::unique_ptr<Candidate>> set_;
    std::vector<std::string> removals_;
    std::vector<Act> order_;
    bool redo_ = false;
    std::set<std::string> after_pre_deinstall_;
    std::set<std::string> new_packages_, changed_dirs_;  // for triggers
    std::vector<std::string> failed_scripts_;
};

}  // namespace tenon::pkg::apk
