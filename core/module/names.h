// The names of a module's functions and objects: readable ones for stack traces, mangled ones of
// what it exports. Pure code, also built on the host.
#pragma once

#include "core/module/link.h"

namespace tenon::module {

struct SymbolNames {
    struct Traced {
        u32 offset;  // from the module's base
        u32 name;    // in `text`
        u32 size;
    };
    struct Exported {
        u64 hash;
        u32 offset, name;
    };
    static constexpr usize kMaxTextBytes = 16 << 20;

    // Error::noexec, the reason in `why`; Error::nomem.
    static Result<SymbolNames> collect(const ElfImage& image, const Layout& layout, fmt::Sink& why);

    std::unique_ptr<Traced[]> traced;  // by offset
    std::unique_ptr<Exported[]> exported;
    std::unique_ptr<char[]> text;
    u32 traced_count = 0, exported_count = 0;
};

}  // namespace tenon::module
