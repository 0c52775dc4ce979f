#include "core/module/names.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/module/text.h"

namespace tenon::module {

namespace {

bool is_named(const Elf64_Sym& s) {
    const auto type = ELF64_ST_TYPE(s.st_info);
    return (type == STT_FUNC || type == STT_OBJECT) && s.st_name != 0 && s.st_shndx != SHN_UNDEF;
}

bool is_kept(const Elf64_Sym& s, const ElfImage& image, const Layout& layout) {
    return s.st_shndx < image.section_count() && layout.is_loaded(s.st_shndx) &&
           layout.section_offset[s.st_shndx] < layout.kept_bytes;
}

bool is_export(const Elf64_Sym& s, std::string_view name) {
    // gcc makes vtables weak, though only the key function's file has one.
    const auto bind = ELF64_ST_BIND(s.st_info);
    return (bind == STB_GLOBAL || (bind == STB_WEAK && name.starts_with("_ZTV"))) &&
           ELF64_ST_VISIBILITY(s.st_other) == STV_DEFAULT;
}

// Calls visit(symbol, mangled, readable) for each symbol that is kept. modpost left a readable name
// for each that is named; without it the mangled one is shown.
template <typename Visit>
void for_each(const ElfImage& image, const Layout& layout, Visit&& visit) {
    const auto section = image.bytes(image.find_section(".tenon.trace"));
    std::string_view rest;
    if (!section.empty() && section.back() == 0)
        rest = {reinterpret_cast<const char*>(section.data()), section.size()};
    for (const Elf64_Sym& s : image.symbols().subspan(1)) {
        if (!is_named(s)) continue;
        const std::string_view mangled = image.symbol_name(s);
        std::string_view readable = mangled;
        if (!rest.empty()) {
            readable = rest.substr(0, rest.find('\0'));
            rest.remove_prefix(readable.size() + 1);
        }
        if (is_kept(s, image, layout)) visit(s, mangled, readable);
    }
}

}  // namespace

Result<SymbolNames> SymbolNames::collect(const ElfImage& image, const Layout& layout,
                                         fmt::Sink& why) {
    SymbolNames out;
    u64 text_bytes = 0;
    u32 traced = 0, exported = 0;
    for_each(image, layout,
             [&](const Elf64_Sym& s, std::string_view mangled, std::string_view readable) {
                 ++traced;
                 text_bytes += readable.size() + 1;
                 if (!is_export(s, mangled)) return;
                 ++exported;
                 text_bytes += mangled.size() + 1;
             });
    if (text_bytes > kMaxTextBytes) {
        fmt::print(why, "its symbols have {} bytes of names, more than {}", text_bytes,
                   kMaxTextBytes);
        return Err(Error::noexec);
    }
    if (traced == 0) return out;
    out.traced.reset(new (std::nothrow) Traced[traced]);
    out.text.reset(new (std::nothrow) char[text_bytes]);
    if (exported != 0) out.exported.reset(new (std::nothrow) Exported[exported]);
    if (!out.traced || !out.text || (exported != 0 && !out.exported)) return Err(Error::nomem);
    u32 at = 0;
    const auto keep = [&](std::string_view name) {
        const u32 start = at;
        std::memcpy(&out.text[at], name.data(), name.size());
        out.text[at + name.size()] = '\0';
        at += static_cast<u32>(name.size()) + 1;
        return start;
    };
    for_each(
        image, layout,
        [&](const Elf64_Sym& s, std::string_view mangled, std::string_view readable) {
            const u32 offset = static_cast<u32>(layout.section_offset[s.st_shndx] + s.st_value);
            out.traced[out.traced_count++] = {offset, keep(readable), static_cast<u32>(s.st_size)};
            if (!is_export(s, mangled)) return;
            out.exported[out.exported_count++] = {symbol_hash(mangled), offset, keep(mangled)};
        });
    std::sort(out.traced.get(), out.traced.get() + out.traced_count,
              [](const Traced& a, const Traced& b) { return a.offset < b.offset; });
    return out;
}

}  // namespace tenon::module
