// Alpine versions: number{.number}{letter}{_suffix{number}}{~hash}{-rN}.  Spec: apk-package(5).
#pragma once

#include <string>
#include <string_view>

namespace tenon::pkg::apk {

bool valid_version(std::string_view text);

// <0, 0, >0 as strcmp does. Invalid versions have an order, too: that of the parts before the
// first that is invalid, then of what kind of part comes next.
int compare_versions(std::string_view a, std::string_view b);
// True when `wanted` is `have`, or a prefix of it that ends between two parts: 3.6.1-r2 is ~3.6.
bool fuzzy_match(std::string_view have, std::string_view wanted);

// What a dependency asks of a version: any of these together. The numbers are those of v3 files.
enum Match : unsigned {
    kMatchNone = 0,
    kMatchEqual = 1,
    kMatchLess = 2,
    kMatchGreater = 4,
    kMatchFuzzy = 8,  // "~"; comes with kMatchEqual
    kMatchAny = kMatchLess | kMatchEqual | kMatchGreater,
    kMatchChecksum = kMatchLess | kMatchGreater,  // "><": the package with this very checksum
};

// "<", "<=", "=", ">=", ">", "~", "<~", ">~", "=~", "><". kMatchNone for anything else.
unsigned parse_match(std::string_view op);
// "" for kMatchAny.
const char* match_text(unsigned match);
bool version_matches(std::string_view have, unsigned match, std::string_view wanted);

}  // namespace tenon::pkg::apk
