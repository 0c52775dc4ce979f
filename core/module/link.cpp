#include "core/module/link.h"

#include <tenon/arch/relocate.h>

#include <cstring>
#include <new>

namespace tenon::module {

u32 count_got_slots(const ElfImage& image) {
    u32 slots = 0;
    for (u32 i = 1; i < image.section_count(); ++i) {
        const Elf64_Shdr& s = image.section(i);
        if (s.sh_type != SHT_RELA || !image.is_alloc(s.sh_info)) continue;
        for (const Elf64_Rela& r : image.relocations(i))
            if (arch::relocation_wants_got(static_cast<u32>(ELF64_R_TYPE(r.r_info)))) ++slots;
    }
    return slots;
}

void copy_sections(const ElfImage& image, const Layout& layout, const Placement& placement) {
    for (u32 i = 1; i < image.section_count(); ++i) {
        if (!layout.is_loaded(i)) continue;
        const std::span<const u8> bytes = image.bytes(i);
        if (!bytes.empty())
            std::memcpy(placement.memory(layout, layout.section_offset[i]), bytes.data(),
                        bytes.size());
    }
}

u64 defined_symbol_address(const Elf64_Sym& symbol, const Layout& layout,
                           const Placement& placement) {
    if (symbol.st_shndx == SHN_ABS) return symbol.st_value;
    if (symbol.st_shndx == SHN_UNDEF || !layout.is_loaded(symbol.st_shndx)) return 0;
    return placement.address(layout, layout.section_offset[symbol.st_shndx]) + symbol.st_value;
}

Result<void> apply_relocations(const ElfImage& image, const Layout& layout,
                               const Placement& placement, std::span<const u64> symbol_address,
                               fmt::Sink& why) {
    u32 next_slot = 0;
    for (u32 i = 1; i < image.section_count(); ++i) {
        const Elf64_Shdr& s = image.section(i);
        if (s.sh_type != SHT_RELA || !layout.is_loaded(s.sh_info)) continue;
        const u64 target_offset = layout.section_offset[s.sh_info];
        const u64 target_size = image.section(s.sh_info).sh_size;
        u8* target = placement.memory(layout, target_offset);
        const u64 target_address = placement.address(layout, target_offset);
        for (const Elf64_Rela& rela : image.relocations(i)) {
            const u32 type = static_cast<u32>(ELF64_R_TYPE(rela.r_info));
            const auto symbol_index = ELF64_R_SYM(rela.r_info);
            auto status = arch::RelocateStatus::outside_section;
            if (rela.r_offset < target_size) {
                arch::Relocation r{type,
                                   target + rela.r_offset,
                                   target_size - rela.r_offset,
                                   target_address + rela.r_offset,
                                   symbol_address[symbol_index],
                                   rela.r_addend,
                                   0,
                                   nullptr};
                if (arch::relocation_wants_got(type) && next_slot * u64{8} < layout.got.size) {
                    const u64 slot = layout.got.offset + u64{8} * next_slot++;
                    r.got_slot = placement.address(layout, slot);
                    r.got_entry = reinterpret_cast<u64*>(placement.memory(layout, slot));
                }
                status = arch::relocate(r);
            }
            if (status == arch::RelocateStatus::ok) continue;
            const char* reason = status == arch::RelocateStatus::unknown_type ? "of unknown type"
                                 : status == arch::RelocateStatus::out_of_range
                                     ? "out of range"
                                     : "outside its section";
            fmt::print(why, "relocation {} ({}) at {}+{:#x} against {} is {}",
                       arch::relocation_name(type), type, image.section_name(s.sh_info),
                       rela.r_offset, image.symbol_name(image.symbols()[symbol_index]), reason);
            return Err(Error::noexec);
        }
    }
    return {};
}

Region region_of(const Elf64_Shdr& section, std::string_view name) {
    const bool init = name.starts_with(".init.");
    if (section.sh_flags & SHF_EXECINSTR) return init ? Region::init_text : Region::text;
    if (init) return Region::init_data;
    if (name.starts_with(".ro_after_init") || name.starts_with(".data.rel.ro"))
        return Region::ro_after_init;
    return (section.sh_flags & SHF_WRITE) ? Region::data : Region::rodata;
}

namespace {

bool only_for_the_loader(std::string_view name) {
    return name == ".modinfo" || name == ".tenon.imports" || name == ".tenon.exports" ||
           name == ".tenon.abi" || name == ".tenon.types" || name == ".note.gnu.build-id" ||
           name.starts_with("__ksymtab") || name.starts_with(".eh_frame");
}

}  // namespace

Result<Layout> plan_layout(const ElfImage& image, u32 got_slots, fmt::Sink& why, u64 stub_bytes) {
    Layout layout;
    layout.section_offset.reset(new (std::nothrow) u64[image.section_count()]);
    if (!layout.section_offset) return Err(Error::nomem);
    for (u32 i = 0; i < image.section_count(); ++i) layout.section_offset[i] = Layout::kNotLoaded;

    u64 at = 0;
    for (usize r = 0; r < kRegions; ++r) {
        at = align_up(at, kPageSize);
        Layout::Range& range = layout.region[r];
        range.offset = at;
        for (u32 i = 1; i < image.section_count(); ++i) {
            const Elf64_Shdr& s = image.section(i);
            const std::string_view name = image.section_name(i);
            if (!image.is_alloc(i) || s.sh_size == 0 || only_for_the_loader(name) ||
                region_of(s, name) != static_cast<Region>(r))
                continue;
            at = align_up(at, s.sh_addralign == 0 ? 1 : s.sh_addralign);
            layout.section_offset[i] = at;
            at += s.sh_size;
            if (at > (u64{1} << 30)) {
                fmt::print(why, "the sections are larger than 1 GiB");
                return Err(Error::noexec);
            }
        }
        if (static_cast<Region>(r) == Region::rodata && got_slots != 0) {
            at = align_up(at, 8);
            layout.got = {at, u64{got_slots} * 8};
            at += layout.got.size;
        }
        if (static_cast<Region>(r) == Region::text && stub_bytes != 0) {
            at = align_up(at, 32);
            layout.stubs = {at, stub_bytes};
            at += stub_bytes;
        }
        range.size = at - range.offset;
        if (static_cast<Region>(r) == Region::data) layout.kept_bytes = align_up(at, kPageSize);
    }
    layout.total_bytes = align_up(at, kPageSize);
    return layout;
}

}  // namespace tenon::module
