// Which packages of rpm's family to install so that a wish comes true.
//
// What is installed stays, or is replaced by a newer version or by what obsoletes it; nothing else
// goes. Packages of one architecture, and of none, are known: those of others are not offered.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkg/lib/rpm/package.h"
#include "pkg/lib/rpm/repository.h"

namespace tenon::pkg::solver {

struct RpmOffers {
    const std::vector<rpm::RepositoryPackage>* packages = nullptr;  // must outlive the answer
    int priority = 99;  // as in .repo files: the lowest number is preferred, whatever the version
};

struct RpmSystem {
    std::vector<const rpm::Package*> installed = {};  // must outlive the answer
    std::vector<RpmOffers> repositories = {};
    // Is this provided by what is no package of the family: the root around a prefix? May be empty.
    std::function<bool(const rpm::Relation&)> elsewhere = {};
};

struct RpmRequest {
    // NAME, NAME-VERSION, NAME-VERSION-RELEASE, each also with .ARCH; NAME=VERSION; /PATH; or what
    // a package provides.
    std::vector<std::string> install = {};
    bool upgrade = false;    // all that is installed
    bool recommends = true;  // of what is new, where possible
};

struct RpmChange {
    size_t repository = 0, package = 0;    // what comes: numbers in RpmSystem and its offers
    const rpm::Package* before = nullptr;  // of the same name; null: it is new
};

struct RpmAnswer {
    bool possible = false;
    std::vector<RpmChange> changes = {};
    std::vector<const rpm::Package*> obsoleted = {};  // replaced by something of another name
    // When it is not possible: why, each problem as a few lines without a newline at their end.
    std::vector<std::string> problems = {};
    // Paths that somebody needs and that no package lists: the repositories' file lists may.
    std::vector<std::string> missing_files = {};
};

// An error only when the solver cannot work at all; in a build without it always.
Result<RpmAnswer> solve_rpm(const RpmSystem& system, const RpmRequest& request);

}  // namespace tenon::pkg::solver
