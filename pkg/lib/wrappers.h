// Programs of a prefix, made visible on the PATH of the root around it.
//
// A wrapper is a small script in /usr/local/bin or /usr/local/sbin. It starts the prefix's own
// loader, by its path there, with the prefix's library directories and the program's own name as
// argv[0]: no privilege, no chroot, no variable that the program's children would inherit. A script
// is given to its interpreter in the prefix, if it is there. A prefix may have no loader and borrow
// the root's: that one looks for libraries in the prefix first, then where it does for the root's
// own programs.
//
// A wrapper never takes a name that the root's own PATH has already: it is NAME.FAMILY then.
// Its second line says whose it is, and that is all that is known of it: sync_wrappers() compares
// what there is with what there should be, so it can be repeated, and a crash leaves nothing
// behind.
#pragma once

#include <string>
#include <vector>

#include "pkg/lib/root.h"

namespace tenon::pkg {

struct PrefixProgram {
    std::string package;
    std::string path;  // in the prefix: "/usr/bin/openssl"
};

// A directory whose programs get wrappers: bin, sbin, below /, /usr and /usr/local.
bool is_program_dir(std::string_view dir);

struct PrefixLayout {
    std::string prefix;  // in the root around it
    std::string family;  // the suffix, "alpine"
    std::vector<std::string> library_dirs = {"/lib", "/usr/lib", "/usr/local/lib"};
    // Where the prefix lacks a program's loader: the one by that path in the root around it.
    bool borrows_loader = false;
};

// What a wrapper of `path` would start: words of a command. Empty when it is no program.
// `outer`: the root around, for a layout that borrows.
Result<std::vector<std::string>> command_of(Root& outer, Root& inner, const PrefixLayout& layout,
                                            const std::string& path);

struct WrapperChange {
    std::string program, wrapper;
    enum class Kind { made, made_beside, no_name, gone } kind;
};
// The names are not synced to disk: the caller's transaction does that.
Result<std::vector<WrapperChange>> sync_wrappers(Root& root, Root& inner,
                                                 const PrefixLayout& layout,
                                                 const std::vector<PrefixProgram>& programs);

}  // namespace tenon::pkg
