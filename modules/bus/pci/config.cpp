#include "config.h"

#include <tenon/arch/machine.h>
#include <tenon/device/acpi_tables.h>
#include <tenon/module/module.h>
#include <tenon/sync/mutex.h>

#include <array>

namespace tenon::pci {

namespace {

constexpr usize kMaxRegions = 8;
constexpr usize kBusBytes = 1 << 20;
constexpr u16 kAddressPort = 0xcf8, kDataPort = 0xcfc;

// The window on one bus of an ECAM region, mapped when it is first looked at.
struct State {
    module::Context& context;
    std::array<acpi::EcamRegion, kMaxRegions> regions;
    usize region_count = 0;
    sync::SpinLock port_lock{sync::LockRank::spin_leaf};
    sync::Mutex map_lock{sync::LockRank::sleeping_leaf};
    struct Window {
        std::atomic<volatile u8*> base{nullptr};
        module::Mmio mmio;
    };
    std::array<std::unique_ptr<Window[]>, kMaxRegions> windows;
};
State* g_state = nullptr;

volatile u8* ecam_address(const Address& a, u16 offset) {
    State& s = *g_state;
    for (usize i = 0; i < s.region_count; ++i) {
        const acpi::EcamRegion& r = s.regions[i];
        if (r.segment != a.segment || a.bus < r.first_bus || a.bus > r.last_bus) continue;
        State::Window& w = s.windows[i][a.bus - r.first_bus];
        // Pairs with the release below: the window is whole before its address is seen.
        volatile u8* base = w.base.load(std::memory_order_acquire);
        if (base == nullptr) {
            sync::MutexGuard guard(s.map_lock);
            if (w.base.load(std::memory_order_relaxed) == nullptr) {
                auto mmio =
                    s.context.map_mmio(r.base + u64{kBusBytes} * (a.bus - r.first_bus), kBusBytes);
                if (!mmio) return nullptr;
                w.mmio = std::move(*mmio);
                w.base.store(w.mmio.base(), std::memory_order_release);
            }
            base = w.base.load(std::memory_order_relaxed);
        }
        return base + (u32{a.slot} << 15 | u32{a.function} << 12 | offset);
    }
    return nullptr;
}

u32 port_select(const Address& a, u16 offset) {
    return 0x8000'0000 | u32{a.bus} << 16 | u32{a.slot} << 11 | u32{a.function} << 8 |
           (offset & 0xfcu);
}

}  // namespace

Result<void> init_config(module::Context& context) {
    g_state = new (std::nothrow) State{.context = context};
    if (g_state == nullptr) return Err(Error::nomem);
    g_state->region_count = acpi::ecam_regions(g_state->regions);
    for (usize i = 0; i < g_state->region_count; ++i) {
        const acpi::EcamRegion& r = g_state->regions[i];
        g_state->windows[i].reset(new (std::nothrow) State::Window[r.last_bus - r.first_bus + 1u]);
        if (!g_state->windows[i]) return Err(Error::nomem);
    }
    return {};
}

void exit_config() {
    delete std::exchange(g_state, nullptr);
}

u16 config_size() {
    return g_state->region_count != 0 ? 4096 : 256;
}

usize segment_count() {
    return g_state->region_count != 0 ? g_state->region_count : 1;
}

Segment segment(usize index) {
    if (g_state->region_count == 0) return {0, 0, 255};
    const acpi::EcamRegion& r = g_state->regions[index];
    return {r.segment, r.first_bus, r.last_bus};
}

u32 config_read(const Address& a, u16 offset, u32 size_bytes) {
    const u32 all_ones = size_bytes == 4 ? ~u32{0} : (u32{1} << (size_bytes * 8)) - 1;
    if (g_state->region_count != 0) {
        volatile u8* p = ecam_address(a, offset);
        if (p == nullptr) return all_ones;
        if (size_bytes == 1) return *p;
        if (size_bytes == 2) return *reinterpret_cast<volatile u16*>(p);
        return *reinterpret_cast<volatile u32*>(p);
    }
    if (a.segment != 0 || offset >= 256) return all_ones;
    IrqGuard irqs;
    sync::SpinGuard guard(g_state->port_lock);
    arch::port_out32(kAddressPort, port_select(a, offset));
    return (arch::port_in32(kDataPort) >> ((offset & 3) * 8)) & all_ones;
}

void config_write(const Address& a, u16 offset, u32 size_bytes, u32 value) {
    if (g_state->region_count != 0) {
        volatile u8* p = ecam_address(a, offset);
        if (p == nullptr) return;
        if (size_bytes == 1)
            *p = static_cast<u8>(value);
        else if (size_bytes == 2)
            *reinterpret_cast<volatile u16*>(p) = static_cast<u16>(value);
        else
            *reinterpret_cast<volatile u32*>(p) = value;
        return;
    }
    if (a.segment != 0 || offset >= 256) return;
    IrqGuard irqs;
    sync::SpinGuard guard(g_state->port_lock);
    arch::port_out32(kAddressPort, port_select(a, offset));
    const u16 port = kDataPort + (offset & 3);
    if (size_bytes == 1)
        arch::port_out8(port, static_cast<u8>(value));
    else if (size_bytes == 2)
        arch::port_out16(port, static_cast<u16>(value));
    else
        arch::port_out32(port, value);
}

}  // namespace tenon::pci
