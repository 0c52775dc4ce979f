// The packages in a root, of every family.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/cmd/report.h"
#include "pkg/cmd/verbs.h"

namespace tenon::pkg {

struct Stocked {
    std::string_view family;  // "deb", "apk" or "rpm"
    std::string word;         // how the command line names it: NAME, NAME:ARCH, apk:NAME, rpm:NAME
    std::string name, arch, version;
    std::string_view state;  // dpkg's word; "installed" for the other families
    bool operator==(const Stocked&) const = default;
};

// dpkg's, then Alpine's, then rpm's, each by name; without those that are not installed. Reads
// only.
Result<std::vector<Stocked>> inventory(const Options& o);

// "changes": what is not in both, with the versions (or null) and the state afterwards.
void report_changes(Report& report, const std::vector<Stocked>& before,
                    const std::vector<Stocked>& after);

}  // namespace tenon::pkg
