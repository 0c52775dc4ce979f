// The text file that lists what the core or a module exports:
//     M name version
//     A checksum                 of the public headers (core only)
//     N namespace: importers     of exports that must be imported by name, and who may
//     S checksum symbol [namespace]  one for each export
//     T hash type                shallow hash of each complete type in namespace tenon
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "elf_file.h"
#include "types.h"

namespace modpost {

// "tenon::net::ip: tcp udp_*", as core/module/text.h has it.
struct ExportSpace {
    std::string name, importers;
    static ExportSpace parse(const std::string& text);
    bool admits(const std::string& module) const;
};
// Whether `inner` is `outer` or nested in it.
bool covers(const std::string& outer, const std::string& inner);

struct Exports {
    std::string module, version;
    std::map<std::string, uint32_t> symbols, types;
    std::vector<ExportSpace> spaces;
    std::map<std::string, std::string> space_of;  // symbol -> namespace, where it has one

    static Exports read(const std::string& path);
    void write(const std::string& path) const;
};

// The values of `key` in .modinfo text.
std::vector<std::string> modinfo_values(const std::string& info, const std::string& key);

// The exports of a linked image, in the namespaces that its .modinfo names. Warns of nothing, dies
// when two names have one hash, or when a namespace holds nothing.
Exports collect_exports(const ElfFile& file, TypeGraph& types);

// The checksum over the public headers: names relative to the folders, and contents.
uint32_t headers_checksum(const std::vector<std::string>& folders);

}  // namespace modpost
