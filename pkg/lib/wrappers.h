// Programs of a prefix, made visible on the PATH of the root around it.
//
// A wrapper is a small script in /usr/local/bin or /usr/local/sbin. It starts the prefix's own
// loader, by its path there, with the prefix's library directories and the program's own name as
// argv[0]: no privilege, no chroot, no variable that the program's children would inherit. A script
// is given to its interpreter in the prefix, if it is there.
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

// What a wrapper of `path` would start: words of a command. Empty when it is no program.
Result<std::vector<std::string>> command_of(Root& inner, const std::string& prefix,
                                            const std::string& path);

struct WrapperChange {
    std::string program, wrapper;
    enum class Kind { made, made_beside, no_name, gone } kind;
};
// `family`: the suffix, "alpine". The names are not synced to disk: the caller's transaction does
// that.
Result<std::vector<WrapperChange>> sync_wrappers(Root& root, Root& inner, const std::string& prefix,
                                                 const std::string& family,
                                                 const std::vector<PrefixProgram>& programs);

}  // namespace tenon::pkg
