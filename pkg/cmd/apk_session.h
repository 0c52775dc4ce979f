// What the verbs share that deal with .apk packages: where they go in this root, and their
// database.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/cmd/home.h"
#include "pkg/cmd/verbs.h"
#include "pkg/lib/apk/installer.h"

namespace tenon::pkg {

// Finishes what a run with .apk files began. Before every verb that changes something.
Status finish_apk(const Options& o);
// The database of a run that changes .deb packages, after finish_apk() and finish_rpm().
Result<std::unique_ptr<Database>> open_changing(Root& root, const Options& o);

// For those that only look: the packages, sorted. Empty when there is no home.
struct ApkView {
    std::optional<Home> home;
    std::unique_ptr<apk::Database> db;
    // "apk:NAME", or NAME.
    const apk::Installed* find(const std::string& word) const;
    // Does the world say something of that name, installed or not?
    bool wants(const std::string& word) const;
};
Result<ApkView> look_at_apk(const Options& o);
// "apk:NAME" names the package of Alpine's family where another one has the name, too.
inline constexpr std::string_view kApkPrefix = "apk:";

// nullopt: packages of this family have no place here.
Result<std::optional<Home>> find_apk_home(const Options& o);
Result<apk::KeyRing> apk_keys_of(const Options& o, Home& home);
// Runs `action` with the database locked and an interrupted run finished.
Status with_apk_installer(const Options& o, Home::Create create,
                          const std::function<Status(Home&, apk::Installer&)>& action);

Status install_apk(const Options& o, const Words& files, const Words& names);
Status remove_apk(const Options& o, const Words& names);
void info_of_installed_apk(const Options& o, const apk::Installed& p);
void print_package(const Options& o, const apk::Package& p);
Result<size_t> verify_apk(const Options& o, ApkView& view, const apk::Installed& p);

// apk_repository.cpp
// Does etc/apk/repositories name one?
Result<bool> knows_apk_repositories(const Options& o);
// Is it the solver that says what to install and remove? Not in a build without one.
Result<bool> solves_apk(const Options& o);
Status update_apk(const Options& o);
Status install_solved_apk(const Options& o, const Words& files, const Words& names);
Status remove_solved_apk(const Options& o, const Words& names);
Status upgrade_apk(const Options& o);
// Prints what has all the words, and gives their number.
Result<size_t> search_apk(const Options& o, const Words& words);
// False when no index has a package of that name.
Result<bool> info_of_offered_apk(const Options& o, const std::string& word);
Status why_apk(const Options& o, const ApkView& view, const apk::Installed& wanted);

}  // namespace tenon::pkg
