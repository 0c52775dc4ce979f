// Dependency fields: "a (>= 1) | b:any, c [amd64] <!nocheck>".  Spec: Debian Policy chapter 7.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/result.h"
#include "pkg/lib/version.h"

namespace tenon::pkg {

struct Alternative {
    std::string name;
    std::string arch;  // the qualifier after ':'; empty when absent, else "any" or an architecture
    Relation relation = Relation::none;
    Version version;

    std::string str() const;
};

// One comma-separated element: satisfied when one of its alternatives is.
using Dependency = std::vector<Alternative>;
using Dependencies = std::vector<Dependency>;

// A restriction list in [] or <> is refused: binary packages have none.
Result<Dependencies> parse_dependencies(std::string_view field);
// dpkg's own layout: "a (>= 1) | b, c".
std::string to_string(const Dependencies& deps);
std::string to_string(const Dependency& dep);

}  // namespace tenon::pkg
