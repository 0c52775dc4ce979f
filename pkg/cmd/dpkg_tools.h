// The small tools that maintainer scripts call, for a root that has no dpkg.
//
// pkg is these tools when it is called by their names. Links to it stand in a directory of their
// own that leads the PATH of maintainer scripts until Debian's dpkg is there (pkg/lib/scripts.cpp);
// nobody else sees them. They read and write the same database in the same formats.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/result.h"

namespace tenon::pkg {

// The exit status, or an error sentence (status 2, as dpkg's tools have it).
using Tool = Result<int> (*)(const std::vector<std::string>& args);

// By the last component of argv[0]; nullptr when that is pkg itself.
Tool find_tool(std::string_view argv0);

Result<int> tool_dpkg(const std::vector<std::string>& args);
Result<int> tool_query(const std::vector<std::string>& args);
Result<int> tool_trigger(const std::vector<std::string>& args);
Result<int> tool_divert(const std::vector<std::string>& args);
Result<int> tool_statoverride(const std::vector<std::string>& args);
Result<int> tool_maintscript_helper(const std::vector<std::string>& args);

// "--name=value", or "--name" with the value in the next word. Moves `i`.
bool option_value(const std::vector<std::string>& args, size_t& i, std::string_view name,
                  std::string& out);

}  // namespace tenon::pkg
