// Which version of each package is the one to install: apt's candidate.  Spec: apt_preferences(5).
//
// Each record has its origin's priority, unless a pin in /etc/apt/preferences or preferences.d says
// otherwise. The highest priority wins, then the highest version. What is installed has priority
// 100 of its own and is not downgraded for less than 1001; a negative priority means never.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/apt/update.h"
#include "pkg/lib/database.h"

namespace tenon::pkg::apt {

struct Pin {
    std::vector<std::string> packages;  // names or patterns with * and ?; "*" is every package
    enum class Kind { release, version, origin } kind = Kind::release;
    std::string value;  // of a version or an origin: a pattern
    // Of a release: letter or word, and pattern.
    std::vector<std::pair<std::string, std::string>> conditions;
    int priority = 0;
};

Result<std::vector<Pin>> parse_preferences(std::string_view text);
Result<std::vector<Pin>> read_preferences(Root& root);

// The numbers in available.catalog.records() of the candidates, one a name and architecture where
// there is one. Those of versions that are installed already are among them.
std::vector<uint32_t> candidates(const Available& available, const std::vector<Pin>& pins,
                                 Database& db);

}  // namespace tenon::pkg::apt
