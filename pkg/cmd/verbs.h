// The verbs of the pkg command.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/cmd/report.h"
#include "pkg/lib/engine.h"
#include "pkg/lib/result.h"

namespace tenon::pkg {

using Words = std::vector<std::string>;

struct Options {
    std::string root = "/";
    std::string ownership_file;
    std::string keys;  // a folder outside the root; empty: the root's own
    Words from;        // directories of .deb files that count as repositories
    Purge purge = Purge::no;
    bool dry_run = false, download_only = false, yes = false, recommends = true;
    bool allow_untrusted = false;  // .apk files that no known key has signed
    bool initdb = false;           // the root becomes one of Alpine's family
    Report* report = nullptr;      // --json: what is printed goes here, too
    EngineOptions engine;
};

// changes_packages: or may, as it first finishes what was interrupted.
enum class Effect { looks, changes_packages };
// refused: with --dry-run it would do what it does without.
enum class DryRun { known, refused };
struct Verb {
    const char* name;
    Status (*run)(const Options& options, const Words& words);
    Effect effect;
    DryRun dry_run = DryRun::known;
};

const Verb* find_verb(std::string_view name);
// What main() does with a verb. With a report, of those that change something: what is different
// afterwards, too.
Status run_verb(const Verb& verb, const Options& options, const Words& words);

// verbs.cpp
// Opens root and database, runs `action` on an engine, and closes the run whatever came of it.
Status with_engine(const Options& o, const std::function<Status(Engine&, Database&)>& action);
Result<std::vector<Package*>> packages_named(Database& db, const Words& words);

// repository.cpp
Status run_update(const Options& options, const Words& words);
Status run_search(const Options& options, const Words& words);
Status run_install(const Options& options, const Words& words);
Status run_upgrade(const Options& options, const Words& words);
Status run_why_not(const Options& options, const Words& words);

// marks.cpp
Status run_hold(const Options& options, const Words& words);
Status run_unhold(const Options& options, const Words& words);
Status run_why(const Options& options, const Words& words);
Status run_autoremove(const Options& options, const Words& words);

// query.cpp
// A line, and an item of "files".
void list_file(const Options& o, const std::string& path);
// What a package says of itself: the "fields" of --json.
class InfoFields {
  public:
    InfoFields() = default;
    explicit InfoFields(std::vector<std::pair<std::string, std::string>> all)
        : all_(std::move(all)) {}
    // Not without a value.
    void add(const char* name, const std::string& value);
    // "NAME: VALUE" lines.
    void print() const;
    void report(const Options& o, const char* family) const;

  private:
    std::vector<std::pair<std::string, std::string>> all_;
};
Status run_list(const Options& options, const Words& words);
Status run_files(const Options& options, const Words& words);
Status run_info(const Options& options, const Words& words);
// One line a file that is not as it was shipped, in the layout of `dpkg -V`. Gives their number.
// of_programs: without configuration files, which their user may change.
enum class Faults { all, of_programs };
Result<size_t> verify_package(Root& root, Database& db, const Package& p, Faults which,
                              Report* report = nullptr);
// A fault in the list "faults" of --json. `what`: the nine letters of the layout, or "missing".
void report_fault(Report* report, const char* family, const std::string& package,
                  std::string_view what, char kind, const std::string& path);
Status run_verify(const Options& options, const Words& words);

// history.cpp
Status run_history(const Options& options, const Words& words);
Status run_undo(const Options& options, const Words& words);
Status run_repair(const Options& options, const Words& words);

// query_apk.cpp: what is asked of an .apk that is not installed.
bool names_apk_file(const std::string& word);
Status info_of_apk(const Options& options, const std::string& path);
Status files_of_apk(const Options& options, const std::string& path);
// Of both families.
Status run_verify_file(const Options& options, const Words& words);

// query_rpm.cpp, likewise
bool names_rpm_file(const std::string& word);
Status info_of_rpm(const Options& options, const std::string& path);
Status files_of_rpm(const Options& options, const std::string& path);
Status verify_rpm(const Options& options, const std::string& path);

}  // namespace tenon::pkg
