// Where the sections of a module go: one stretch of memory, cut into regions by access right, each
// from a page of its own. Pure code, also built on the host.
#pragma once

#include "core/module/elf_image.h"

namespace tenon::module {

// In address order. What comes after `data` is freed once the module is activated.
enum class Region : u8 { text, rodata, ro_after_init, data, init_text, init_data, count };
inline constexpr usize kRegions = static_cast<usize>(Region::count);

struct Layout {
    struct Range {
        u64 offset = 0, size = 0;  // bytes from the start; offset is page-aligned
    };
    Range region[kRegions];
    Range got;            // in rodata: addresses for GOTPCREL relocations
    u64 kept_bytes = 0;   // without init, whole pages
    u64 total_bytes = 0;  // whole pages
    // By section: offset from the start, or kNotLoaded.
    static constexpr u64 kNotLoaded = ~u64{0};
    std::unique_ptr<u64[]> section_offset;

    bool is_loaded(u32 section) const { return section_offset[section] != kNotLoaded; }
};

// Sections that describe the module to the loader (.modinfo, .tenon.*) without relocations are not
// given memory. `got_slots`: how many relocations need a slot. Error::nomem, Error::noexec.
Result<Layout> plan_layout(const ElfImage& image, u32 got_slots, fmt::Sink& why);
Region region_of(const Elf64_Shdr& section, std::string_view name);

}  // namespace tenon::module
