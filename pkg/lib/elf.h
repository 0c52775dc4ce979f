// What an ELF shared library says of itself to the dynamic linker: its name, the versions of
// symbols that it offers, and what it needs of others.  Spec: System V ABI, chapter 5 (dynamic
// section); Linux Standard Base, "Symbol Versioning" (.gnu.version_d, .gnu.version_r).
#pragma once

#include <map>
#include <set>
#include <string>

#include "pkg/lib/root.h"

namespace tenon::pkg {

struct ElfLibrary {
    std::string soname;              // DT_SONAME; empty: it has none
    std::set<std::string> versions;  // that it defines; its own name is the base of them, left out
    // Another library's soname -> the versions that are asked of it; none: any will do.
    std::map<std::string, std::set<std::string>> needs;
};

// Links are followed inside the root. An error when it is no shared object for x86-64 with 64-bit
// addresses, or is malformed: every offset and length is compared with the file. Reads only.
Result<ElfLibrary> read_elf_library(Root& root, const std::string& path);

}  // namespace tenon::pkg
