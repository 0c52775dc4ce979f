// The loader's path from bytes to a relocated image, on the host: for tests and the fuzzer.
#pragma once

#include <tenon/arch/relocate.h>

#include <cstdlib>
#include <vector>

#include "core/module/link.h"
#include "core/module/text.h"

namespace tenon::module::test {

// Where the kernel would put it: the top 2 GiB.
inline constexpr u64 kKeptAddress = 0xffffffffc0000000, kInitAddress = 0xffffffffc8000000,
                     kImportAddress = 0xffffffff81234560;

struct Loaded {
    Result<void> result = {};
    char why_text[400] = {};
    std::vector<u8> kept, init;
    Layout layout;
};

inline Loaded load_for_test(std::span<const u8> file) {
    Loaded out;
    fmt::BufferSink why(out.why_text);
    const auto fail = [&](Error e) -> Loaded& {
        out.result = Err(e);
        why.c_str();
        return out;
    };
    auto image = ElfImage::parse(file, arch::elf_machine(), why);
    if (!image) return std::move(fail(image.error()));
    const Modinfo info(
        {reinterpret_cast<const char*>(image->bytes(image->find_section(".modinfo")).data()),
         image->bytes(image->find_section(".modinfo")).size()});
    (void)info.get("name");
    auto layout = plan_layout(*image, count_got_slots(*image), why);
    if (!layout) return std::move(fail(layout.error()));
    out.layout = std::move(*layout);
    if (out.layout.total_bytes > (64 << 20)) return std::move(fail(Error::nomem));
    out.kept.resize(out.layout.kept_bytes);
    out.init.resize(out.layout.total_bytes - out.layout.kept_bytes);
    const Placement placement{out.kept.data(), kKeptAddress, out.init.data(), kInitAddress};
    copy_sections(*image, out.layout, placement);
    std::vector<u64> addresses;
    for (const Elf64_Sym& s : image->symbols()) {
        (void)symbol_hash(image->symbol_name(s));
        addresses.push_back(s.st_shndx == SHN_UNDEF
                                ? kImportAddress
                                : defined_symbol_address(s, out.layout, placement));
    }
    out.result = apply_relocations(*image, out.layout, placement, addresses, why);
    why.c_str();
    return out;
}

}  // namespace tenon::module::test
