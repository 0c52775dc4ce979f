// Which packages to install and remove so that a wish comes true.
//
// The engine is libsolv, which Debian has as a shared library only: a build may have it
// (libsolv/*.cpp) or not (absent.cpp). Version rules are one pool's in libsolv, so each family of
// packages gets a pool of its own; Debian's is here.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "pkg/lib/apt/update.h"
#include "pkg/lib/database.h"

namespace tenon::pkg::solver {

struct Request {
    // Numbers in available.catalog.records() that must be there afterwards.
    std::vector<uint32_t> install = {};
    // Everything installed goes to its candidate where that is possible.
    bool upgrade = false;
    // What is new brings what it recommends, where that is possible.
    bool recommends = true;
    // Installed packages may go, except essential and held ones. Those that are not asked to, and
    // are neither replaced, stay as they are when this is false.
    bool may_remove = false;
};

struct Answer {
    bool possible = false;
    std::vector<uint32_t> install;  // records: new packages, and new versions of installed ones
    std::vector<Package*> remove;   // without those that a new version takes the place of
    // When it is not possible: why, each problem as a few lines without a newline at their end.
    std::vector<std::string> problems;
};

// `candidates`: what of the catalog may be chosen, by number; what is in request.install joins it,
// in place of other versions. An error only when the solver cannot work at all.
Result<Answer> solve(Database& db, const apt::Available& available,
                     const std::vector<uint32_t>& candidates, const Request& request);

// Does this build have a solver?
bool present();

}  // namespace tenon::pkg::solver
