// Copies the sections of a module to where they will run and applies its relocations. Pure code:
// the memory and the addresses it will have are given apart, so that the host can test and fuzz it.
#pragma once

#include "core/module/layout.h"

namespace tenon::module {

struct Placement {
    u8* kept = nullptr;  // layout.kept_bytes, zeroed
    u64 kept_address = 0;
    u8* init = nullptr;  // the rest, zeroed; null if there is none
    u64 init_address = 0;

    u8* memory(const Layout& l, u64 offset) const {
        return offset < l.kept_bytes ? kept + offset : init + (offset - l.kept_bytes);
    }
    u64 address(const Layout& l, u64 offset) const {
        return offset < l.kept_bytes ? kept_address + offset
                                     : init_address + (offset - l.kept_bytes);
    }
};

// How many relocations need a slot in the GOT.
u32 count_got_slots(const ElfImage& image);
void copy_sections(const ElfImage& image, const Layout& layout, const Placement& placement);
// The run-time address of a symbol that the module defines; 0 when its section is not loaded.
u64 defined_symbol_address(const Elf64_Sym& symbol, const Layout& layout,
                           const Placement& placement);
// `symbol_address` holds one address for each symbol. Error::noexec, the reason in `why`.
Result<void> apply_relocations(const ElfImage& image, const Layout& layout,
                               const Placement& placement, std::span<const u64> symbol_address,
                               fmt::Sink& why);

}  // namespace tenon::module
