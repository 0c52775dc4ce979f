// The loader's path from bytes to a relocated image, on the host: for tests and the fuzzer.
#pragma once

#include <tenon/arch/relocate.h>

#include <cstdlib>
#include <vector>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "core/module/names.h"
#include "core/module/records.h"
#include "core/module/signed_file.h"
#include "core/module/text.h"

namespace tenon::module::test {

// Where the kernel would put it: the top 2 GiB.
inline constexpr u64 kKeptAddress = 0xffffffffc0000000, kInitAddress = 0xffffffffc8000000,
                     kImportAddress = 0xffffffff81234560;

struct Loaded {
    enum class Stage { headers, layout, relocations } stage = Stage::headers;
    Result<void> result = {};
    char why_text[400] = {};
    std::vector<u8> kept, init;
    Layout layout;
};

// What build.cpp reads of the sections that modpost makes.
inline void read_records(const ElfImage& image) {
    for (const char* name : {".tenon.imports", ".tenon.exports"}) {
        RecordReader records(image.bytes(image.find_section(name)));
        for (const Elf64_Sym& s : image.symbols()) {
            SymbolRecord record;
            if (!records.find(symbol_hash(image.symbol_name(s)), record)) continue;
            for (u32 offset : {record.provider, record.name_space, record.readable})
                (void)ExportSpace::parse(records.text(offset)).admits("somebody");
        }
    }
}

inline void read_modinfo(const Modinfo& info) {
    (void)info.get("name");
    const auto each = [&](const char* key, auto&& visit) {
        info.for_each(key, [&](std::string_view text) {
            visit(text);
            return true;
        });
    };
    each("requires", [](std::string_view t) { (void)Need::parse(t).accepts("1.2.3"); });
    each("export_ns", [](std::string_view t) { (void)ExportSpace::parse(t).admits("somebody"); });
    each("import_ns", [](std::string_view t) { (void)covers(t, "tenon::pci"); });
    each("alias", [](std::string_view t) { (void)alias_matches(t, "pci:v00001234"); });
    each("softdep", [](std::string_view t) {
        while (!next_word(t).empty()) {
        }
    });
    each("depends", [](std::string_view t) {
        ParameterText p;
        while (next_parameter(t, p).value_or(false)) (void)parse_number(p.name);
    });
}

// Makes what lies between the sections unwritable to the sanitizer.
inline void fence(const ElfImage& image, const Loaded& l) {
#if defined(__SANITIZE_ADDRESS__)
    if (!l.kept.empty()) __asan_poison_memory_region(l.kept.data(), l.kept.size());
    if (!l.init.empty()) __asan_poison_memory_region(l.init.data(), l.init.size());
    const auto open = [&](u64 offset, u64 size) {
        const u8* at = offset < l.layout.kept_bytes ? l.kept.data() + offset
                                                    : l.init.data() + offset - l.layout.kept_bytes;
        if (size != 0) __asan_unpoison_memory_region(at, size);
    };
    for (u32 i = 1; i < image.section_count(); ++i)
        if (l.layout.is_loaded(i)) open(l.layout.section_offset[i], image.section(i).sh_size);
    open(l.layout.got.offset, l.layout.got.size);
#endif
}
inline void unfence(const Loaded& l) {
#if defined(__SANITIZE_ADDRESS__)
    if (!l.kept.empty()) __asan_unpoison_memory_region(l.kept.data(), l.kept.size());
    if (!l.init.empty()) __asan_unpoison_memory_region(l.init.data(), l.init.size());
#endif
}

inline Loaded load_for_test(std::span<const u8> bytes, u64 limit_bytes = 64 << 20) {
    Loaded out;
    fmt::BufferSink why(out.why_text);
    const auto fail = [&](Error e) -> Loaded& {
        out.result = Err(e);
        why.c_str();
        return out;
    };
    auto image = ElfImage::parse(SignedFile::split(bytes).content, arch::elf_machine(), why);
    if (!image) return std::move(fail(image.error()));
    out.stage = Loaded::Stage::layout;
    const auto info = image->bytes(image->find_section(".modinfo"));
    read_modinfo(Modinfo({reinterpret_cast<const char*>(info.data()), info.size()}));
    read_records(*image);
    auto layout = plan_layout(*image, count_got_slots(*image), why);
    if (!layout) return std::move(fail(layout.error()));
    out.layout = std::move(*layout);
    if (out.layout.total_bytes > limit_bytes) return std::move(fail(Error::nomem));
    out.stage = Loaded::Stage::relocations;
    out.kept.resize(out.layout.kept_bytes);
    out.init.resize(out.layout.total_bytes - out.layout.kept_bytes);
    const Placement placement{out.kept.data(), kKeptAddress, out.init.data(), kInitAddress};
    fence(*image, out);
    copy_sections(*image, out.layout, placement);
    std::vector<u64> addresses;
    for (const Elf64_Sym& s : image->symbols()) {
        (void)symbol_hash(image->symbol_name(s));
        addresses.push_back(s.st_shndx == SHN_UNDEF
                                ? kImportAddress
                                : defined_symbol_address(s, out.layout, placement));
    }
    if (auto names = SymbolNames::collect(*image, out.layout, why); !names)
        fail(names.error());
    else
        out.result = apply_relocations(*image, out.layout, placement, addresses, why);
    unfence(out);
    why.c_str();
    return out;
}

}  // namespace tenon::module::test
