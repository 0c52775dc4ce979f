// What the verbs share that deal with .rpm packages: where they go in this root, and their
// database.
#pragma once

#include <string>
#include <vector>

#include "pkg/cmd/home.h"
#include "pkg/lib/openpgp/keyring.h"
#include "pkg/lib/rpm/installer.h"

namespace tenon::pkg {

// Finishes what a run with .rpm files began. Before every verb that changes something.
Status finish_rpm(const Options& o);

// For those that only look: the packages, by name. Empty when there is no home.
struct RpmView {
    std::optional<Home> home;
    std::vector<rpm::Installed> packages;
    // "rpm:NAME", or NAME; also with version, release and architecture, as rpm has it.
    const rpm::Installed* find(const std::string& word) const;
};
Result<RpmView> look_at_rpm(const Options& o);
// "rpm:NAME" names the package of rpm's family where another one has the name, too.
inline constexpr std::string_view kRpmWord = "rpm:";

// nullopt: packages of this family have no place here.
Result<std::optional<Home>> find_rpm_home(const Options& o);

Status install_rpm(const Options& o, const Words& files, const Words& names);
// Files alone, and nothing that they need.
enum class Downgrade { refused, allowed };
Status install_rpm_files(const Options& o, const Words& files,
                         Downgrade downgrade = Downgrade::refused);
Status remove_rpm(const Options& o, const Words& names);

// query_rpm.cpp
Result<openpgp::Keyring> rpm_keyring_of(const Options& o);
void print_package(const Options& o, const rpm::Package& p);
void info_of_installed_rpm(const Options& o, const rpm::Installed& p);
// Lines as `rpm -V` has them. Gives their number.
Result<size_t> verify_installed_rpm(const Options& o, RpmView& view, const rpm::Installed& p);

// rpm_repository.cpp
// Does a .repo file name a repository?
Result<bool> knows_rpm_repositories(const Options& o);
// Is it the solver that says what to install? Not in a build without one.
Result<bool> solves_rpm(const Options& o);
Status update_rpm(const Options& o);
Status install_solved_rpm(const Options& o, const Words& files, const Words& names);
Status upgrade_rpm(const Options& o);
// Prints what has all the words, and gives their number.
Result<size_t> search_rpm(const Options& o, const Words& words);
// False when no repository has a package of that name.
Result<bool> info_of_offered_rpm(const Options& o, const std::string& word);

}  // namespace tenon::pkg
