#include "core/module/layout.h"

#include <new>

namespace tenon::module {

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

Result<Layout> plan_layout(const ElfImage& image, u32 got_slots, fmt::Sink& why) {
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
        range.size = at - range.offset;
        if (static_cast<Region>(r) == Region::data) layout.kept_bytes = align_up(at, kPageSize);
    }
    layout.total_bytes = align_up(at, kPageSize);
    return layout;
}

}  // namespace tenon::module
