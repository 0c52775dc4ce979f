// The verbs of the pkg command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/result.h"

namespace tenon::pkg {

struct Options {
    std::string root = "/";
    std::string ownership_file;
};

struct Verb {
    const char* name;
    Status (*run)(const Options& options, const std::vector<std::string>& words);
};

const Verb* find_verb(std::string_view name);

}  // namespace tenon::pkg
