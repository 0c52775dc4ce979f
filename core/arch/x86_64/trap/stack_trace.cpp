// Stack traces by frame pointers. Believes nothing it reads: a frame must lie higher than the one
// before, on mapped kernel memory, and its return address in text.
#include <tenon/arch/machine.h>
#include <tenon/arch/page_table.h>
#include <tenon/boot/panic.h>
#include <tenon/trace/symbols.h>

#include "core/arch/x86_64/boot/image.h"
#include "core/arch/x86_64/mm/kernel_map.h"
#include "core/arch/x86_64/trap/trap.h"

namespace tenon::arch {

namespace {
constexpr u32 kMaxFrames = 32;

bool readable(u64 va) {
    return va >= 0xffff'8000'0000'0000 && x86::is_mapped(va) && x86::is_mapped(va + 15);
}
}  // namespace

void x86::print_trace_line(u64 ip) {
    char buffer[160];
    fmt::BufferSink sink(buffer);
    trace::describe_address(ip, sink);
    boot::panic_line("  {:016x} {}", ip, sink.text());
}

void print_stack_trace(uptr frame_pointer) {
    u64 frame =
        frame_pointer != 0 ? frame_pointer : reinterpret_cast<u64>(__builtin_frame_address(0));
    boot::panic_line("stack:");
    for (u32 i = 0; i < kMaxFrames && is_aligned(frame, 8) && readable(frame); ++i) {
        const u64* words = reinterpret_cast<const u64*>(frame);
        const u64 next = words[0], ip = words[1];
        if (ip == 0) break;
        x86::print_trace_line(ip);
        if (next <= frame) break;
        frame = next;
    }
}

}  // namespace tenon::arch
