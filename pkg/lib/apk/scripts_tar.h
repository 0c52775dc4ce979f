// scripts.tar of apk's database: plain files in a tar, the whole perhaps in gzip.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "pkg/lib/result.h"

namespace tenon::pkg::apk {

struct ScriptEntry {
    std::string name, text;
    int64_t mtime = 0;
};

Result<std::string> write_scripts_tar(const std::vector<ScriptEntry>& entries, bool gzip);
// Of either form.
Result<std::vector<std::pair<std::string, std::string>>> read_scripts_tar(const std::string& bytes);

}  // namespace tenon::pkg::apk
