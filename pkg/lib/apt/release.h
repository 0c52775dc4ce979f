// A repository's Release file: what it is, until when it holds, and the digests of its indexes.
// Spec: the Debian repository format (wiki.debian.org/DebianRepository/Format).
#pragma once

#include <stdint.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/fetch/fetch.h"
#include "pkg/lib/result.h"

namespace tenon::pkg::apt {

struct Release {
    std::string origin, label, suite, codename, version;
    std::vector<std::string> architectures, components;
    int64_t date = 0;                    // seconds since 1970
    std::optional<int64_t> valid_until;  // likewise
    bool acquire_by_hash = false;
    bool not_automatic = false, but_automatic_upgrades = false;
    std::string no_support_for_all;  // "Packages": Architecture: all has indexes of its own
    // By path below the Release file. The strongest of SHA512 and SHA256; MD5 and SHA1 protect
    // nothing and are not read.
    std::map<std::string, Expected, std::less<>> files;

    static Result<Release> parse(std::string_view text);
    // apt's priority of what is in here when nothing else is said: 500, 100 or 1.
    int default_priority() const { return !not_automatic ? 500 : but_automatic_upgrades ? 100 : 1; }
};

// "Sat, 11 Jan 2025 10:04:05 UTC"; nullopt for anything else.
std::optional<int64_t> parse_date(std::string_view text);

}  // namespace tenon::pkg::apt
