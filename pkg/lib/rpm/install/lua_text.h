// What the posix table of <lua> scriptlets reads out of texts: modes of files, lines of accounts.
#pragma once

#include <stddef.h>
#include <sys/types.h>

namespace tenon::pkg::rpm::lua {

// "755", "rwxr-xr-x", or "u+x,go-w" over what is there. False when it is none of these.
bool parse_mode(const char* s, mode_t& mode);

// The line of /etc/passwd or /etc/group whose name or number is `key`, cut into seven fields that
// point into `line`. False, with errno, when there is none.
bool account(const char* file, const char* key, char* line, size_t line_bytes, char** fields);

}  // namespace tenon::pkg::rpm::lua
