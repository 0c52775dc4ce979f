// What formats v2 and v3 both yield: metadata now, the files as a stream later.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkg/lib/apk/keys.h"
#include "pkg/lib/apk/package.h"
#include "pkg/lib/archive.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::apk {

struct Contents {
    Package package;
    std::map<std::string, std::string> scripts;  // "pre-install" and so on, "trigger"
    std::vector<Signature> signatures;
    std::string adb;  // v3: the block that describes everything; empty for v2
};

struct IndexContents {
    std::string description;
    std::vector<Package> packages;
    std::vector<Signature> signatures;
};

// pre- and post- install, upgrade and deinstall, and trigger.
bool is_script_name(std::string_view name);

// Format v2.  Spec: apk-v2(5).
Result<Contents> read_v2(Source source, const KeyRing& keys);
Status walk_v2(Source source, const Contents& contents, EntrySink& sink);
Result<IndexContents> read_index_v2(Source source, const KeyRing& keys);

// Format v3.  Spec: apk-v3(5).
Result<Contents> read_v3(Source source, const KeyRing& keys);
Status walk_v3(Source source, const Contents& contents, EntrySink& sink);
Result<IndexContents> read_index_v3(Source source, const KeyRing& keys);

}  // namespace tenon::pkg::apk
