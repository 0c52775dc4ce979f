#include "core/arch/x86_64/trap/idt.h"

#include <tenon/lib/types.h>

#include "core/arch/x86_64/boot/image.h"
#include "core/arch/x86_64/boot/layout.h"
#include "core/arch/x86_64/cpu/cpu_local.h"

extern "C" TENON_HIDDEN char trap_stubs[];

namespace tenon::arch::x86 {

namespace {

// Spec: Intel SDM 3A 6.14.1.
struct Gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr u8 kInterruptGate = 0x8e;      // interrupts off, kernel only
constexpr u8 kUserInterruptGate = 0xee;  // reachable by INT n from user mode
constexpr usize kStubBytes = 16;

[[gnu::section(".ro_after_init")]] alignas(16) constinit Gate g_idt[256] = {};

}  // namespace

void init_idt() {
    for (usize v = 0; v < 256; ++v) {
        const u64 stub = reinterpret_cast<u64>(trap_stubs) + v * kStubBytes;
        Gate& g = g_idt[v];
        g.offset_low = static_cast<u16>(stub);
        g.offset_middle = static_cast<u16>(stub >> 16);
        g.offset_high = static_cast<u32>(stub >> 32);
        g.selector = KERNEL_CS;
        g.type = v == 3 || v == 4 ? kUserInterruptGate : kInterruptGate;
    }
    g_idt[2].ist = kIstNmi;
    g_idt[8].ist = kIstDoubleFault;
    g_idt[18].ist = kIstMachineCheck;
}

void load_idt() {
    struct [[gnu::packed]] {
        u16 limit;
        const Gate* base;
    } pointer{sizeof(g_idt) - 1, g_idt};
    asm volatile("lidt %0" ::"m"(pointer));
}

}  // namespace tenon::arch::x86
