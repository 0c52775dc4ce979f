// Installing and removing RPM packages, in rpm's own terms and with rpm's own database.
//
// pkg_full has it (lib/rpm/install); the static pkg has no SQLite and says so (lib/rpm/absent).
#pragma once

#include <string>
#include <vector>

#include "pkg/lib/openpgp/keyring.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::rpm {

struct InstallOptions {
    bool ignore_arch = false, ignore_os = false;  // rpm's --ignorearch, --ignoreos
    bool ignore_depends = false;                  // --nodeps
    bool run_scripts = true;                      // else --noscripts --notriggers
    bool replace_older = true;                    // as rpm -U; else -i: beside an older version
    bool allow_downgrade = false;                 // --oldpackage
    bool reinstall = false;  // --replacepkgs: a version that is installed already, again
    // A file that nobody has signed, or with a key that is not known, is refused. One with a wrong
    // signature always is.
    bool require_signature = false;
    unsigned script_limit_s = 3600;          // 0: none
    const openpgp::Keyring* keys = nullptr;  // whom to trust
};

struct Report {
    std::vector<std::string> installed, removed;  // name-version-release.arch
    std::vector<std::string> warnings;            // what went wrong without stopping it
};

// Does this build know how?
bool present();

// All of `files` and what they replace, or nothing: whatever can be known before the first change
// is checked before. What fails later than that: a package whose %pretrans or %pre fails is left
// out, the others are installed, and the result is an error that names it.
Result<Report> install(Root& root, const std::vector<std::string>& files,
                       const InstallOptions& options);
// NAME, NAME-VERSION, NAME-VERSION-RELEASE, each also with .ARCH.
Result<Report> erase(Root& root, const std::vector<std::string>& names,
                     const InstallOptions& options);
// Finishes what an interrupted run began. The others do that themselves, first.
Result<Report> resume(Root& root);

struct InstalledSummary {
    std::string name, version, arch, summary;  // version: [epoch:]version-release
    std::vector<std::string> files;
};
// By name.
Result<std::vector<InstalledSummary>> installed(Root& root);

}  // namespace tenon::pkg::rpm
