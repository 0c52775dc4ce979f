// A transaction of RPM packages.
//
//   stage   each file is read once: digests, signatures, every name; its contents go below
//           /var/lib/pkg/rpm
//   judge   architecture, what is replaced, dependencies and conflicts of the world afterwards,
//           whose the files are, what becomes of each (FileAction)
//   act     %pretrans; each package that comes after what it needs: %pre, files, database, %post;
//           each one that goes before what it needs: %preun, files, %postun, database
//   after   %posttrans, triggers of the whole
//
// What a crash leaves is finished by the next run: docs/transactions.md. rpm's database is copied
// into each checkpoint; a redo goes through `act`, or `after`, from its beginning, with the
// decisions of `judge`. Of a package that goes, %preun is not run twice.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pkg/lib/rpm/install/database.h"
#include "pkg/lib/rpm/install/element.h"
#include "pkg/lib/rpm/install/scriptlet.h"
#include "pkg/lib/rpm/installer.h"
#include "pkg/lib/rpm/rpm_file.h"
#include "pkg/lib/transaction.h"

namespace tenon::pkg::rpm {

// A package that is in the database at the moment.
struct Live {
    uint64_t number;
    const Package* package;
    const std::vector<FileState>* states;
    const std::vector<std::string>* prefixes;
};

class Run {
  public:
    Run(Root& root, const InstallOptions& options);
    ~Run();

    // Finishes what an interrupted run began.
    Status open();
    Status install(const std::vector<std::string>& files);
    Status erase(const std::vector<std::string>& names);
    Report take_report() { return std::move(report_); }

  private:
    enum class Phase { act, after, done };
    using When = TriggerCondition::When;
    enum class Range { all, upper, lower };  // of file triggers, by priority

    // stage.cpp
    Status stage(const std::string& path);
    Status judge_file(const RpmFile& file) const;
    Status save_element(const Element& e);
    Status load_element(Element& e);
    Status begin();
    Status save(Phase phase);
    Status resume();
    Status finish();

    // judge.cpp
    Status load_installed();
    Status add_erasure(const Installed& p, std::optional<size_t> replaced_by);
    Status find_replaced();
    Status find_replaced_by(size_t element);
    Status check_world();
    Status sort();
    Status decide_and_do();
    std::vector<const Package*> world_after() const;
    bool is_erased(uint64_t number) const;

    // fates.cpp
    friend class Fates;

    // placement.cpp
    Status place_files(Element& e);
    Status erase_files(const Element& e);

    // act.cpp
    Status carry_out(Phase from);
    Status act();
    Status after();
    Status install_one(Element& e);
    Status erase_one(Element& e);
    Status add_to_database(Element& e);
    long count(const std::string& name) const;
    Status run_script(const Element& e, ScriptKind kind, long instances);
    void fail_element(Element& e, const Error& why);
    void warn(const Status& s);
    std::string label(const Package& p) const { return p.nevra(); }

    // triggers.cpp
    Status run_trigger(const Live& owner, const Trigger& t, const char* word,
                       std::vector<long> counts, std::string input);
    Status triggers_set_off_by(const Package& p, When when, long correction);
    Status own_triggers(const Live& owner, When when, long correction);
    // `files`: of the package that sets them off. `owners`: whose triggers count.
    Status file_triggers_set_off_by(const std::vector<std::string>& files, When when,
                                    TriggerScope scope, Range range,
                                    const std::vector<Live>& owners);
    Status own_file_triggers(const Live& owner, When when, TriggerScope scope, Range range);
    std::vector<std::string> files_of(const Package& p, const std::vector<FileState>& states) const;
    std::vector<std::string> files_that_go(const Element& e) const;
    Status transaction_triggers_before();
    Status transaction_triggers_after();
    void note_post_triggers(const Element& e);

    Root& root_;
    InstallOptions options_;
    openpgp::Keyring no_keys_;
    Report report_;
    std::vector<std::string> failures_;
    std::unique_ptr<RpmDatabase> db_;
    std::unique_ptr<Transaction> transaction_;
    std::unique_ptr<ScriptHost> scripts_;
    std::vector<Installed> installed_;  // as it was before
    std::vector<std::unique_ptr<Element>> elements_;
    std::vector<size_t> order_;
    std::vector<Live> live_;        // by number
    std::set<size_t> after_preun_;  // stages of elements whose %preun is done
    std::set<std::pair<uint64_t, size_t>> post_triggers_;  // owner's number, place of the trigger
    std::vector<std::string> made_dirs_;
    uint32_t tid_ = 0;
    bool redo_ = false;
    PlaceKeys keys_;
};

}  // namespace tenon::pkg::rpm
