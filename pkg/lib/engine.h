// The engine: dpkg's state machine for one run.
//
// Each operation is cut in two: a half that checks and writes nothing, and a half that acts and
// keeps, at every step, a list of what would have to be undone (Unwind). An error runs that list
// backwards: files are put back, and the scripts are told with the abort-* calls that Policy names,
// so that the package ends in the state it came from, or in a state that says what is wrong.
//
// Whatever changes a package's state goes through note(), which writes the journal before anything
// else happens.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "pkg/lib/database.h"
#include "pkg/lib/depends.h"
#include "pkg/lib/extract.h"
#include "pkg/lib/plan.h"
#include "pkg/lib/scripts.h"
#include "pkg/lib/transaction.h"
#include "pkg/lib/triggers.h"

namespace tenon::pkg {

// Undo steps, run last to first unless dropped. A script that fails while unwinding stops the
// further script calls of its group (dpkg's rule), never the putting back of files.
class Unwind {
  public:
    // True when the step worked.
    using Step = std::function<bool()>;
    enum class Group { files, package, conflictor };
    void push(Group group, Step step) { steps_.push_back({group, std::move(step)}); }
    void drop() { steps_.clear(); }
    void run();

  private:
    struct Entry {
        Group group;
        Step step;
    };
    std::vector<Entry> steps_;
};

enum class ConffilePolicy { ask, keep_old, take_new };
enum class Purge { no, yes };

struct EngineOptions {
    ConffilePolicy conffiles = ConffilePolicy::ask;
    // Where packages that others need may be found: a directory in the root. Empty: nowhere.
    std::string archives = "/var/cache/pkg/archives";
    bool remove_essential = false;
    bool ignore_depends = false;
    // What was asked for, for the history.
    std::string command;
};

// The database for a run that changes things, with what an interrupted run began finished first.
Result<std::unique_ptr<Database>> open_for_change(Root& root, const EngineOptions& options);

// What a transaction shall write at its end of why a package is there (apt/marks.h).
struct Mark {
    std::string name, arch;
    bool automatic = false;
};

class Engine {
  public:
    Engine(Root& root, Database& db, EngineOptions options);
    // First finishes what an interrupted run began.
    Status start();

    // Unpacks and configures; what they need and options.archives holds comes along. `removals`
    // go in the same run: first, or, when a new package takes their place, as that is unpacked.
    Status install(const std::vector<std::string>& paths,
                   const std::vector<Package*>& removals = {}, Purge purge = Purge::no);
    // Call it before install(): the marks are part of the transaction, and survive with it.
    void set_marks(std::vector<Mark> marks) { marks_ = std::move(marks); }
    // All that is unpacked and waits, when `packages` is empty.
    Status configure(std::vector<Package*> packages);
    Status remove(const std::vector<Package*>& packages, Purge purge);
    // What stands against it; changes nothing.
    Status check_removal(const std::vector<Package*>& packages, Purge purge);
    // Runs pending triggers and ends the transaction. Call it at the end, after errors too.
    Status finish();

  private:
    // engine.cpp: state, scripts, triggers
    Status note(Package& p);
    Status note_changed();
    Result<std::vector<TriggerLine>> triggers_of(const Package& p);
    Status activate_own(Package& p);
    Result<ScriptResult> run_script(const Package& p, const std::string& path,
                                    const std::string& kind, const std::vector<std::string>& args);
    Result<ScriptResult> run_old(const Package& p, const std::string& kind,
                                 const std::vector<std::string>& args);
    Status after_postinst(Package& p);
    Status process_triggers(Package& p);
    Status process_all_triggers();

    struct Candidate {
        DebFile deb;
        Plan plan;
        std::string stage;  // its contents, a directory of the transaction
        bool unpacked = false;
    };
    using Candidates = std::vector<std::unique_ptr<Candidate>>;

    // resume.cpp: what a transaction has to know to go on
    enum class Phase { unpack, configure, remove, done };
    Status save_progress(Phase phase);
    std::string state_text(Phase phase) const;
    Status begin(Phase phase);
    Status resume();
    Status end_transaction();
    Status save_versions();
    Status write_history();
    Status write_marks();
    // The prerm has run: a resumed removal goes on behind it.
    Status note_prerm(Package& p);

    // install.cpp: what to do in which order
    Status carry_out();
    Status configure_new();
    Status look_over(const Candidate& c);
    // What an unpacked package has taken the place of, its prerm run before the unpack.
    Status remove_conflicting(const Package& by);
    Status add_candidate(Candidates& set, const std::string& path);
    Result<std::unique_ptr<Candidate>> stage_candidate(const std::string& path, size_t number,
                                                       std::mutex& root_lock);
    Status stage_candidates(Candidates& set, const std::vector<std::string>& paths);
    Status accept_candidate(Candidates& set, std::unique_ptr<Candidate> c);
    Status add_missing(Candidates& set);
    World world_after(const Candidates& set);
    Status decide_removals(const Candidates& set);
    Status check_world_after(const Candidates& set);
    Status bring_in(Candidates& set, size_t i, std::set<size_t>& visiting);
    std::set<size_t> needed_of(const Candidates& set, size_t i, Field field);

    // unpack.cpp
    Status unpack(const Candidate& c);
    Status unpack_over(const DebFile& deb, const Plan& plan, Package& target, Extractor& x,
                       Unwind& undo);
    Status settle_unpacked(const DebFile& deb, const Plan& plan, Package& target, Extractor& x,
                           const std::vector<std::string>& old_paths);
    Status leave_old_version(const DebFile& deb, const Plan& plan, Package& target, Unwind& undo);
    Status make_room(const Plan& plan, Package& target, Unwind& undo);
    Status run_preinst(const Plan& plan, Package& target, State old_state, Unwind& undo);
    Status run_old_or_new(const DebFile& deb, const Plan& plan, Package& target,
                          const std::string& kind, const std::string& if_ok,
                          const std::string& fallback);
    Status place_control(const DebFile& deb);
    Result<ScriptResult> run_new(const Plan& plan, const std::string& kind,
                                 const std::vector<std::string>& args);
    // after_unpack.cpp: what an unpack leaves behind
    Status remove_old_files(Package& target, const Plan& plan, const Extractor& x,
                            const std::vector<std::string>& old_paths);
    Status remove_upgraded_conffiles(Package& target, const Plan& plan);
    Status take_files_from_others(Package& target, const Plan& plan, const Extractor& x);
    Status disappear(Package& gone, const Package& in_favour);

    // configure.cpp
    Status configure_one(Package& p);
    Status configure_all();
    Status configure_named(std::vector<Package*> packages);
    Status run_owed_preinsts();
    Status run_owed_preinst(Package& p);
    Status configure_queue(std::vector<Package*> queue);
    enum class Readiness { ready, wait, never };
    using Edges = std::set<std::pair<const Package*, const Package*>>;
    Readiness readiness(const Package& p, const std::vector<Package*>& queue, const Edges& broken,
                        std::string& why);
    bool break_cycle(const std::vector<Package*>& queue, Edges& broken);
    std::vector<Package*> waits_for(const Package& p, const std::vector<Package*>& queue,
                                    const Edges& broken);
    Status configure_conffile(Package& p, Conffile& c);

    // remove.cpp
    Status remove_queue(std::vector<Package*> queue);
    Status remove_one(Package& p);
    Status remove_files(Package& p);
    Status remove_conffiles(Package& p);
    Status remove_leftover_dirs(Package& p);
    Status forget(Package& p);
    Result<bool> dir_is_shared(const Package& p, const std::string& path);

    Root& root_;
    Database& db_;
    EngineOptions options_;
    Depends depends_;
    ScriptRunner scripts_;
    Triggers triggers_;
    std::vector<Package*> trigger_queue_;
    std::set<const Package*> to_be_removed_;
    std::set<const Package*> owes_preinst_;
    // Taken back to half-configured by this run, to let another in: configured again at its end.
    std::set<const Package*> deconfigured_;

    Transaction transaction_;
    Candidates set_;                      // to install
    std::vector<Package*> remove_queue_;  // to remove, by themselves
    std::vector<Mark> marks_;
    // Of an interrupted run: parts of the work may have been done.
    bool redo_ = false;
    // Removals whose prerm has run.
    std::set<const Package*> after_prerm_;
    // A failed redo did not find all that it should have put back.
    bool lost_files_ = false;
};

}  // namespace tenon::pkg
