// Headers as rpm's database keeps them.  Spec: rpm's docs/manual/format_header.md; what rpm 4.18
// writes.
//
// A blob is a header without its magic number. The package's main header stays as it was, region
// and all, so that its digests can still be checked; behind the region come the tags of the
// signature header, some under other numbers, and what only the installation knows.
#pragma once

#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/result.h"
#include "pkg/lib/rpm/header.h"

namespace tenon::pkg::rpm {

enum class FileState : uint8_t { normal, replaced, not_installed, net_shared, wrong_color };

struct InstallFacts {
    uint32_t time = 0;            // seconds since 1970
    uint32_t transaction_id = 0;  // when the transaction began, likewise
    std::vector<FileState> file_states;
};

// `main` must have an immutable region, and nothing outside of it.
Result<std::string> make_blob(const Header& main, const Header& signatures,
                              const InstallFacts& facts);
Result<Header> parse_blob(std::string_view blob);

}  // namespace tenon::pkg::rpm
