// Reader of the table that tools/ksyms.cpp makes; the format is described there.
#include <tenon/arch/page_table.h>
#include <tenon/trace/symbols.h>

#include <cstring>
#include <span>

namespace tenon::arch {
// The table inside the image, and where text starts. Defined by arch.
std::span<const u8> trace_symbols();
u64 text_start();
u64 text_end();
}  // namespace tenon::arch

namespace tenon::trace {

namespace {

constexpr u32 kGroup = 16;
constinit ModuleNamer g_namer = nullptr;

struct Table {
    u32 count = 0;
    const u32* offsets = nullptr;
    const u32* groups = nullptr;
    std::span<const u8> names;
};

bool open(Table& t) {
    const auto bytes = arch::trace_symbols();
    if (bytes.size() < 8) return false;
    const u32* words = reinterpret_cast<const u32*>(bytes.data());
    t.count = words[0];
    const u32 groups = (t.count + kGroup - 1) / kGroup;
    const usize head = 8 + usize{4} * t.count + usize{4} * groups;
    if (t.count == 0 || head > bytes.size()) return false;
    t.offsets = words + 2;
    t.groups = t.offsets + t.count;
    t.names = bytes.subspan(head);
    return true;
}

// The name of symbol `index`, decoded into `out`.
std::string_view decode(const Table& t, u32 index, std::span<char, 256> out) {
    usize at = t.groups[index / kGroup];
    usize length = 0;
    for (u32 i = index - index % kGroup; i <= index; ++i) {
        if (at + 2 > t.names.size()) return {};
        const usize shared = t.names[at], rest = t.names[at + 1];
        if (shared + rest > out.size() || at + 2 + rest > t.names.size()) return {};
        std::memcpy(out.data() + shared, t.names.data() + at + 2, rest);
        length = shared + rest;
        at += 2 + rest;
    }
    return {out.data(), length};
}

}  // namespace

void set_module_namer(ModuleNamer namer) {
    g_namer = namer;
}

void describe_address(u64 address, fmt::Sink& sink) {
    if (address < arch::text_start() || address >= arch::text_end()) {
        if (g_namer != nullptr) (void)g_namer(address, sink);
        return;
    }
    Table t;
    if (!open(t)) return;
    const u32 offset = static_cast<u32>(address - arch::text_start());
    u32 low = 0, high = t.count;  // the last symbol at or below
    while (high - low > 1) {
        const u32 middle = (low + high) / 2;
        if (t.offsets[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    char name[256];
    fmt::print(sink, "{}+{:#x}", decode(t, low, name), offset - t.offsets[low]);
}

}  // namespace tenon::trace
