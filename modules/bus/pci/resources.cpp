// Theory. A bridge passes on what lies in its windows: memory below 4 GiB, prefetchable memory,
// ports. What comes later gets a place in the window of the bridge it is behind, which the firmware
// made larger than was needed for the sake of this. A bridge without a window gets one out of its
// parent's. The root has no such register (AML's _CRS would tell): there, the room between what the
// firmware placed and the end of the 32-bit hole is taken, where its own choices show that the
// host bridge decodes.
//
// Spec: PCI-to-PCI Bridge 1.2 section 3.2.5 (windows, bus numbers).
#include "resources.h"

#include <tenon/device/acpi_tables.h>
#include <tenon/trace/log.h>

#include <algorithm>

namespace tenon::pci {

namespace {

constexpr u16 kPrimaryBus = 0x18, kSecondaryBus = 0x19, kSubordinateBus = 0x1a, kIoWindow = 0x1c,
              kMemoryWindow = 0x20, kPrefetchWindow = 0x24, kPrefetchUpperBase = 0x28,
              kPrefetchUpperLimit = 0x2c, kIoUpper = 0x30;
constexpr u64 kMiB = 1 << 20;
// Interrupt controllers and firmware lie from here to 4 GiB.
constexpr u64 kHoleEnd = 0xfec0'0000;
constexpr u64 kHoleLowest = 0x8000'0000;
constexpr u32 kRootBusReserve = 8;

u64 align_to(u64 value, u64 align) {
    return (value + align - 1) & ~(align - 1);
}

}  // namespace

Range Resources::window_of(Function* bridge, Kind kind) const {
    if (bridge == nullptr) return kind == Kind::memory ? root_window() : Range{};
    if (kind == Kind::memory) {
        const u32 w = bridge->read32(kMemoryWindow);
        return {u64{w & 0xfff0} << 16, (u64{w >> 20} << 20) + kMiB};
    }
    if (kind == Kind::prefetch) {
        const u32 w = bridge->read32(kPrefetchWindow);
        const bool wide = (w & 0xf) == 1;
        const u64 low = wide ? bridge->read32(kPrefetchUpperBase) : 0;
        const u64 high = wide ? bridge->read32(kPrefetchUpperLimit) : 0;
        const Range r{low << 32 | u64{w & 0xfff0} << 16, (high << 32 | u64{w >> 20} << 20) + kMiB};
        return r.start == 0 ? Range{} : r;
    }
    const u16 w = bridge->read16(kIoWindow);
    const u32 upper = bridge->read32(kIoUpper);
    const bool wide = (w & 0xf) == 1;
    const u64 low = wide ? upper & 0xffff : 0, high = wide ? upper >> 16 : 0;
    const Range r{low << 16 | u64{w & 0xf0u} << 8, (high << 16 | (u64{w} >> 12 << 12)) + 0x1000};
    return r.start == 0 ? Range{} : r;
}

Range Resources::root_window() const {
    u64 lowest = kHoleEnd;
    each_used(nullptr, Kind::memory, [&](Range r) {
        if (r.start >= kHoleLowest && r.start < kHoleEnd) lowest = std::min(lowest, r.start);
    });
    return {lowest, kHoleEnd};
}

template <typename Visit>
void Resources::each_used(Function* bridge, Kind kind, Visit&& visit) const {
    for (Function* f = functions_; f != nullptr; f = f->next_) {
        if (f->parent_ != bridge) continue;
        for (const Bar& b : f->bars_)
            if (b.size_bytes != 0 && b.address.value != 0 && b.is_io == (kind == Kind::io))
                visit(Range{b.address.value, b.address.value + b.size_bytes});
        if (!f->is_bridge()) continue;
        constexpr Kind kAll[] = {Kind::memory, Kind::prefetch, Kind::io};
        for (const Kind k : kAll)
            if ((k == Kind::io) == (kind == Kind::io))
                if (const Range r = window_of(f, k); !r.empty()) visit(r);
    }
    if (bridge != nullptr || kind == Kind::io) return;
    acpi::EcamRegion regions[8];
    const usize n = acpi::ecam_regions(regions);
    for (usize i = 0; i < n; ++i)
        visit(Range{
            regions[i].base.value,
            regions[i].base.value + ((regions[i].last_bus + 1 - regions[i].first_bus) * kMiB)});
}

u64 Resources::find_room(Function* bridge, Kind kind, u64 size_bytes, u64 align) const {
    const Range window = window_of(bridge, kind);
    if (window.empty()) return 0;
    u64 at = align_to(window.start, align);
    for (;;) {
        // No sums: a size that a device makes up wraps them.
        if (at < window.start || at > window.end || size_bytes > window.end - at) return 0;
        bool moved = false;
        each_used(bridge, kind, [&](Range used) {
            if (used.end <= at || (used.start > at && used.start - at >= size_bytes)) return;
            at = align_to(used.end, align);
            moved = true;
        });
        if (!moved) return at;
    }
}

bool Resources::place(Function& f, u32 index, Kind kind) {
    Bar& b = f.bars_[index];
    // Two functions never share a page: what maps one must not reach the other.
    const u64 align = b.is_io ? b.size_bytes : std::max<u64>(b.size_bytes, kPageSize);
    const u64 at = find_room(f.parent_, kind, b.size_bytes, align);
    if (at == 0 || (!b.is_64bit && at + b.size_bytes > u64{1} << 32)) return false;
    b.address = {at};
    f.write_bar(index);
    return true;
}

void Resources::assign_bars(Function& f) {
    // The largest first: no room is lost between them.
    for (u32 tried = 0;;) {
        i32 largest = -1;
        for (i32 i = 0; i < 6; ++i)
            if (f.bars_[i].size_bytes != 0 && f.bars_[i].address.value == 0 &&
                (tried & 1u << i) == 0 &&
                (largest < 0 || f.bars_[i].size_bytes > f.bars_[largest].size_bytes))
                largest = i;
        if (largest < 0) return;
        const u32 index = static_cast<u32>(largest);
        tried |= 1u << index;
        const Bar& b = f.bars_[index];
        const bool placed = b.is_io ? place(f, index, Kind::io)
                                    : (b.prefetchable && place(f, index, Kind::prefetch)) ||
                                          place(f, index, Kind::memory);
        if (!placed)
            log::info("pci: {:04x}:{:02x}:{:02x}.{}: no room for BAR {} ({:#x} bytes{})", f.segment,
                      f.bus, f.slot, f.function, index, b.size_bytes, b.is_io ? " of ports" : "");
    }
}

bool Resources::bus_in_use(u16 segment, u32 number) const {
    for (Function* f = functions_; f != nullptr; f = f->next_) {
        if (f->segment != segment) continue;
        if (f->bus == number) return true;
        if (f->is_bridge() && f->read8(kSecondaryBus) != 0 && number >= f->read8(kSecondaryBus) &&
            number <= f->read8(kSubordinateBus) && f->bus != number) {
            // Inside a bridge's range: free only for what is behind that bridge.
            return true;
        }
    }
    return false;
}

bool Resources::assign_bridge(Function& bridge, const Segment& segment) {
    Function* parent = bridge.parent_;
    // What has more bridges behind it by nature takes all that its parent has left.
    u32 type = 0;
    if (const u16 at = bridge.find_capability(kCapabilityExpress))
        type = bridge.read16(static_cast<u16>(at + 2)) >> 4 & 0xf;
    const bool is_upstream = type == 5 || type == 7;
    if (bridge.read8(kSecondaryBus) == 0) {
        const u32 first = parent != nullptr ? parent->read8(kSecondaryBus) + 1u : bridge.bus + 1u;
        const u32 last = parent != nullptr ? parent->read8(kSubordinateBus) : segment.last_bus;
        const auto taken = [&](u32 number) {
            if (parent == nullptr) return bus_in_use(bridge.segment, number);
            for (Function* f = functions_; f != nullptr; f = f->next_)
                if (f != &bridge && f->parent_ == parent && f->is_bridge() &&
                    number >= f->read8(kSecondaryBus) && number <= f->read8(kSubordinateBus))
                    return true;
            return false;
        };
        u32 number = first;
        while (number <= last && taken(number)) ++number;
        if (number > last) return false;
        const u32 wanted = is_upstream ? 256u : parent == nullptr ? kRootBusReserve : 1u;
        u32 end = number;
        while (end < last && end + 1 - number < wanted && !taken(end + 1)) ++end;
        bridge.write8(kPrimaryBus, bridge.bus);
        bridge.write8(kSecondaryBus, static_cast<u8>(number));
        bridge.write8(kSubordinateBus, static_cast<u8>(end));
        log::info("pci: {:04x}:{:02x}:{:02x}.{}: buses {}-{}", bridge.segment, bridge.bus,
                  bridge.slot, bridge.function, number, end);
    }
    const Range now = window_of(&bridge, Kind::memory);
    // All zero is how a bridge comes out of reset: it would claim the lowest megabyte.
    if (now.empty() || now.start == 0) {
        bridge.write32(kMemoryWindow, 0x0000'fff0);
        bridge.write32(kPrefetchWindow, 0x0000'fff0);
        bridge.write16(kIoWindow, 0x00f0);
        u64 size = parent == nullptr ? 2 * kMiB : kMiB;
        if (is_upstream) size = std::max(kMiB, window_of(parent, Kind::memory).size());
        for (; size >= kMiB; size /= 2)
            if (const u64 at = find_room(parent, Kind::memory, size, kMiB)) {
                const u32 base = static_cast<u32>(at >> 16) & 0xfff0;
                const u32 limit = static_cast<u32>((at + size - 1) >> 16) & 0xfff0;
                bridge.write32(kMemoryWindow, limit << 16 | base);
                log::info("pci: {:04x}:{:02x}:{:02x}.{}: window {:#x}, {:#x} bytes", bridge.segment,
                          bridge.bus, bridge.slot, bridge.function, at, size);
                break;
            }
    }
    bridge.write16(kCommand,
                   bridge.read16(kCommand) | kCommandMemory | kCommandIo | kCommandMaster);
    return true;
}

}  // namespace tenon::pci
