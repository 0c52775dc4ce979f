// What `update` says of each repository, whatever its family.
#pragma once

#include <string>
#include <vector>

#include "pkg/cmd/verbs.h"

namespace tenon::pkg {

struct SourceNews {
    std::string source;
    size_t packages = 0;
    bool unchanged = false;
    std::string signer;  // empty: nobody who is trusted, and that was allowed
    std::vector<std::string> warnings = {};
};

// A line, or a sentence on standard error, and an item of "sources".
void tell(const Options& o, const SourceNews& news);
void tell_failure(const Options& o, const std::string& source, const Error& error);

}  // namespace tenon::pkg
