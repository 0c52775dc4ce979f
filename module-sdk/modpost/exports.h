// The text file that lists what the core or a module exports:
//     M name version
//     A checksum                 of the public headers (core only)
//     S checksum symbol          one for each export
//     T hash type                shallow hash of each complete type in namespace tenon
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "elf_file.h"
#include "types.h"

namespace modpost {

struct Exports {
    std::string module, version;
    std::map<std::string, uint32_t> symbols, types;

    static Exports read(const std::string& path);
    void write(const std::string& path) const;
};

// The exports of a linked image. Warns of nothing, dies when two names have one hash.
Exports collect_exports(const ElfFile& file, TypeGraph& types);

// The checksum over the public headers: names relative to the folders, and contents.
uint32_t headers_checksum(const std::vector<std::string>& folders);

}  // namespace modpost
