// Installing and removing RPM packages, in rpm's own terms and with rpm's own database.
//
// pkg_full has it (lib/rpm/install); the static pkg has no SQLite and says so (lib/rpm/absent).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkg/lib/openpgp/keyring.h"
#include "pkg/lib/root.h"
#include "pkg/lib/rpm/install/database.h"

namespace tenon::pkg::rpm {

// Gets what is installed.
using Settle = std::function<Status(const std::vector<Installed>&)>;

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
    bool only_judge = false;  // --test: the report is what would be done, and nothing is written
    // Of a prefix: the root around it, which may provide what lib/rpm/surroundings.h says.
    Root* around = nullptr;
    // Runs when all is in its place, before the transaction ends; again when that is resumed. May
    // be null.
    const Settle* settle = nullptr;
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
Result<Report> resume(Root& root, const InstallOptions& options);
// Is there an interrupted run? Looks only; the static pkg can tell, too.
Result<bool> is_interrupted(Root& root);

// By name.
Result<std::vector<Installed>> installed(Root& root);
// Is there a database, be it empty?
Result<bool> has_database(Root& root);
// Of a prefix with the packages `inside`, all of which must outlive the result: does the root
// around it provide this (lib/rpm/surroundings.h)?
std::function<bool(const Relation&)> provided_around(Root& around, Root& prefix,
                                                     const std::vector<Installed>& inside);
// "NAME[-VERSION[-RELEASE]][.ARCH]"
bool is_named(const Package& p, std::string_view word);

// A file that is not as its package brought it.
struct Fault {
    std::string what;  // as `rpm -V` has it: "missing ", or a letter for each thing that differs
    char kind = ' ';   // likewise: c for configuration, d for documentation, ...
    std::string path;
};
Result<std::vector<Fault>> verify(Root& root, const Installed& package);

// Removes a database that holds no package, with the directories that hold nothing then: of a
// prefix that is given up. Takes rpm's lock. False when there are packages.
Result<bool> drop_empty_database(Root& root);

}  // namespace tenon::pkg::rpm
