// A small relocatable object, made by hand, for tests to damage.
#pragma once

#include <elf.h>
#include <tenon/lib/types.h>

#include <span>
#include <string>
#include <vector>

namespace tenon::module::test {

struct SampleSection {
    std::string name;
    u32 type = SHT_PROGBITS;
    u64 flags = 0;
    std::vector<u8> bytes;
    u64 size = 0;  // of SHT_NOBITS
    u64 alignment = 1;
    u32 link = 0, info = 0;
    u64 entry_bytes = 0;
};
struct Sample {
    std::vector<SampleSection> sections;  // behind the null section
    std::vector<Elf64_Sym> symbols;       // behind the null symbol
    std::vector<std::string> symbol_names;

    u32 repeat_last_symbol = 0;  // so many more of it

    u32 add(SampleSection s);
    // Index of the symbol.
    u32 symbol(const std::string& name, u16 section, u64 value, u8 bind = STB_GLOBAL,
               u8 type = STT_FUNC);
    void relocate(u32 section, std::vector<Elf64_Rela> relocations);
    // The file, 8-aligned as the loader wants it.
    std::vector<u64> file() const;
};

// .text that calls an import and refers to .data, .rodata, .bss; .modinfo.
Sample ordinary();
std::vector<u8> bytes_of(const std::vector<u64>& words, usize size);
inline std::span<const u8> view(const std::vector<u64>& words) {
    return {reinterpret_cast<const u8*>(words.data()), words.size() * 8};
}

// Parses, lays out, copies and relocates as the loader does, with imports bound to a fixed address.
// What it answers does not matter; what it touches does.
void run_loader(std::span<const u8> file);

}  // namespace tenon::module::test
