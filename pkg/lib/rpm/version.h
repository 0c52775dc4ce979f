// RPM versions: [epoch:]version[-release].  Spec: rpm-version(7), rpm's
// docs/manual/dependencies.md.
#pragma once

#include <stdint.h>

#include <string>
#include <string_view>

namespace tenon::pkg::rpm {

// Orders two versions, or two releases: <0, 0, >0. Runs of digits and runs of letters are compared
// one by one, everything else only separates; "~" sorts before the end, "^" after it.
int compare_segments(std::string_view a, std::string_view b);

struct Evr {
    std::string epoch;    // digits; empty when not stated, which counts as 0
    std::string version;  // may be empty in a dependency
    std::string release;  // empty when not stated

    // Never fails: what is not an epoch or a release belongs to the version, as in rpm.
    static Evr parse(std::string_view text);
    std::string str() const;
};

// The order of packages: a missing release is lower than any other.
int compare(const Evr& a, const Evr& b);

// The low bits of a dependency's flags.
using SenseFlags = uint32_t;
inline constexpr SenseFlags kLess = 1u << 1;
inline constexpr SenseFlags kGreater = 1u << 2;
inline constexpr SenseFlags kEqual = 1u << 3;
inline constexpr SenseFlags kComparison = kLess | kGreater | kEqual;

// Whether some version lies in both ranges. A side without a release matches every release of an
// equal version.
bool overlap(const Evr& a, SenseFlags a_sense, const Evr& b, SenseFlags b_sense);

// "<", "<=", "=", ">=", ">" or "".
const char* comparison_text(SenseFlags sense);

}  // namespace tenon::pkg::rpm
