// The verbs of the pkg command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/engine.h"
#include "pkg/lib/result.h"

namespace tenon::pkg {

struct Options {
    std::string root = "/";
    std::string ownership_file;
    std::string keys;  // a folder outside the root; empty: the root's own
    Purge purge = Purge::no;
    EngineOptions engine;
};

using Words = std::vector<std::string>;

struct Verb {
    const char* name;
    Status (*run)(const Options& options, const Words& words);
};

const Verb* find_verb(std::string_view name);

// query.cpp
Status run_list(const Options& options, const Words& words);
Status run_files(const Options& options, const Words& words);
Status run_info(const Options& options, const Words& words);
Status run_verify(const Options& options, const Words& words);

// query_apk.cpp: what is asked of an .apk that is not installed.
bool names_apk_file(const std::string& word);
Status info_of_apk(const Options& options, const std::string& path);
Status files_of_apk(const Options& options, const std::string& path);
// Of both families.
Status run_verify_file(const Options& options, const Words& words);

// query_rpm.cpp, likewise
bool names_rpm_file(const std::string& word);
Status info_of_rpm(const Options& options, const std::string& path);
Status files_of_rpm(const std::string& path);
Status verify_rpm(const Options& options, const std::string& path);

}  // namespace tenon::pkg
