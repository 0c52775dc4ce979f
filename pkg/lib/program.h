// Runs one program inside a root: what maintainer scripts of every family are run by.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkg/lib/root.h"

namespace tenon::pkg {

struct Program {
    std::string path;               // inside the root
    std::vector<std::string> args;  // without argv[0], which is `path`
    std::string what;               // "post-install of NAME", for messages
    // In the child, before anything else: its environment.
    std::function<void()> prepare;
    // 0: it may take as long as it wants. A program with a limit runs in a process group of its
    // own, without a terminal to read from; when the time is over the group is killed.
    unsigned limit_s = 0;
};

// Waits for its end. An error unless it ends with exit status 0: the text says how it ended.
Status run_in_root(Root& root, const Program& program);

}  // namespace tenon::pkg
