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

Status install_rpm(const Options& o, const Words& files);
Status remove_rpm(const Options& o, const Words& names);

// query_rpm.cpp
Result<openpgp::Keyring> rpm_keyring_of(const Options& o);
void info_of_installed_rpm(const Options& o, const rpm::Installed& p);
// Lines as `rpm -V` has them. Gives their number.
Result<size_t> verify_installed_rpm(const Options& o, RpmView& view, const rpm::Installed& p);

}  // namespace tenon::pkg
