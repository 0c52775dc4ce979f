// Debian versions: epoch:upstream-revision.  Spec: deb-version(7), Debian Policy 5.6.12.
#pragma once

#include <string>
#include <string_view>

#include "pkg/lib/result.h"

namespace tenon::pkg {

struct Version {
    unsigned epoch = 0;
    std::string upstream;
    std::string revision;

    static Result<Version> parse(std::string_view text);
    bool empty() const { return upstream.empty() && revision.empty() && epoch == 0; }
    // The form dpkg writes: an epoch of 0 is left out, as is an empty revision.
    std::string str() const;
};

// <0, 0, >0 as strcmp does. An empty Version is lower than every other.
int compare(const Version& a, const Version& b);
// One upstream or revision part: "~" before the end, the end before letters, those before the rest.
int compare_part(std::string_view a, std::string_view b);

enum class Relation { none, lt, le, eq, ge, gt };
bool satisfies(const Version& have, Relation relation, const Version& want);

}  // namespace tenon::pkg
