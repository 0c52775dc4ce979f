#include "core/arch/x86_64/time/reference.h"

#include <tenon/device/acpi_tables.h>
#include <tenon/mm/vmalloc.h>

#include "core/arch/x86_64/cpu/instructions.h"

namespace tenon::arch::x86 {

namespace {
// Spec: IA-PC HPET 1.0a section 2.3.
constexpr usize kHpetCapabilities = 0, kHpetConfig = 0x10, kHpetCounter = 0xf0;
constexpr u64 kFemtosPerSecond = 1'000'000'000'000'000;
constexpr u64 kPmTimerHz = 3'579'545;
}  // namespace

ReferenceClock ReferenceClock::find() {
    ReferenceClock c;
    if (const PhysAddr hpet = acpi::hpet_address(); hpet.value != 0) {
        if (auto window = mm::map_mmio(hpet, 0x400); window) {
            auto* base = static_cast<volatile u8*>(*window);
            auto* words = reinterpret_cast<volatile u64*>(base);
            const u64 capabilities = words[kHpetCapabilities / 8];
            const u64 period_fs = capabilities >> 32;
            if (period_fs != 0 && period_fs <= 100'000'000) {
                words[kHpetConfig / 8] = words[kHpetConfig / 8] | 1;
                c.kind_ = Kind::hpet;
                c.hpet_ = base;
                c.frequency_ = kFemtosPerSecond / period_fs;
                c.mask_ = 0xffff'ffff;  // the low half is enough, and never torn
                return c;
            }
        }
    }
    if (const auto* fadt = acpi::fadt(); fadt != nullptr && fadt->pm_timer != 0) {
        c.kind_ = Kind::pm_timer;
        c.port_ = static_cast<u16>(fadt->pm_timer);
        c.frequency_ = kPmTimerHz;
        c.mask_ = 0xff'ffff;
        const u64 before = c.read();
        for (u32 i = 0; i < 10000 && c.read() == before; ++i) continue;
        if (c.read() != before) return c;
    }
    // PIT channel 2, free running, speaker off. Spec: Intel 8254 data sheet.
    out8(0x61, static_cast<u8>((in8(0x61) & ~2) | 1));
    out8(0x43, 0xb4);
    out8(0x42, 0xff);
    out8(0x42, 0xff);
    c.kind_ = Kind::pit;
    c.frequency_ = 1'193'182;
    c.mask_ = 0xffff;
    return c;
}

const char* ReferenceClock::name() const {
    switch (kind_) {
        case Kind::hpet:
            return "HPET";
        case Kind::pm_timer:
            return "PM timer";
        default:
            return "PIT";
    }
}

u64 ReferenceClock::read() const {
    switch (kind_) {
        case Kind::hpet:
            return reinterpret_cast<volatile u32*>(hpet_)[kHpetCounter / 4];
        case Kind::pm_timer:
            return in32(port_) & mask_;
        default: {
            out8(0x43, 0x80);  // latch channel 2
            const u32 low = in8(0x42);
            const u32 high = in8(0x42);
            return 0xffff - (low | high << 8);  // it counts down
        }
    }
}

}  // namespace tenon::arch::x86
