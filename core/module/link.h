// Copies the sections of a module to where they will run and applies its relocations. Pure code:
// the memory and the addresses it will have are given apart, so that the host can test and fuzz it.
#pragma once

#include "core/module/elf_image.h"

namespace tenon::module {

// Where the sections of a module go: one stretch of memory, cut into regions by access right, each
// from a page of its own. Pure code, also built on the host.

// In address order. What comes after `data` is freed once the module is activated.
enum class Region : u8 { text, rodata, ro_after_init, data, init_text, init_data, count };
inline constexpr usize kRegions = static_cast<usize>(Region::count);

struct Layout {
    struct Range {
        u64 offset = 0, size = 0;  // bytes from the start; offset is page-aligned
    };
    Range region[kRegions];
    Range got;            // in rodata: addresses for GOTPCREL relocations
    Range stubs;          // in text: what imports are bound to with protection keys
    u64 kept_bytes = 0;   // without init, whole pages
    u64 total_bytes = 0;  // whole pages
    // By section: offset from the start, or kNotLoaded.
    static constexpr u64 kNotLoaded = ~u64{0};
    std::unique_ptr<u64[]> section_offset;

    bool is_loaded(u32 section) const { return section_offset[section] != kNotLoaded; }
};

// Sections that describe the module to the loader (.modinfo, .tenon.*) without relocations are not
// given memory. `got_slots`: how many relocations need a slot. `stub_bytes`: room for import stubs.
// Error::nomem, Error::noexec.
Result<Layout> plan_layout(const ElfImage& image, u32 got_slots, fmt::Sink& why,
                           u64 stub_bytes = 0);
Region region_of(const Elf64_Shdr& section, std::string_view name);

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
