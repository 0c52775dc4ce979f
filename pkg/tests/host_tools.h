// What tests do on the host beside pkg: a command line, a file's bytes.
#pragma once

#include <string>

namespace tenon::pkg::test {

// Empty when it cannot be read.
std::string slurp(const std::string& path);
// Runs a command line with the output thrown away or kept in `output`. Gives the exit status.
int shell(const std::string& command, std::string* output = nullptr);

}  // namespace tenon::pkg::test
