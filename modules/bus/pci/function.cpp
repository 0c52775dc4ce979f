#include <tenon/sched/scheduler.h>

#include "config.h"

namespace tenon::pci {

namespace {
Address address_of(const Function& f) {
    return {f.segment, f.bus, f.slot, f.function};
}
constexpr u16 kFirstBar = 0x10, kCapabilities = 0x34;
constexpr u16 kStatusCapabilities = 0x10;
}  // namespace

u8 Function::read8(u16 offset) {
    return static_cast<u8>(config_read(address_of(*this), offset, 1));
}
u16 Function::read16(u16 offset) {
    return static_cast<u16>(config_read(address_of(*this), offset, 2));
}
u32 Function::read32(u16 offset) {
    return config_read(address_of(*this), offset, 4);
}
void Function::write8(u16 offset, u8 value) {
    config_write(address_of(*this), offset, 1, value);
}
void Function::write16(u16 offset, u16 value) {
    config_write(address_of(*this), offset, 2, value);
}
void Function::write32(u16 offset, u32 value) {
    config_write(address_of(*this), offset, 4, value);
}

const Bar& Function::bar(u32 index) const {
    static constexpr Bar kNone;
    return index < 6 ? bars_[index] : kNone;
}

// Sizes are learned by writing all ones; the function must not decode meanwhile.
void Function::read_bars() {
    const u16 command = read16(kCommand);
    write16(kCommand, command & ~(kCommandIo | kCommandMemory));
    const u32 count = is_bridge() ? 2 : 6;
    for (u32 i = 0; i < count; ++i) {
        const u16 at = static_cast<u16>(kFirstBar + 4 * i);
        const u32 low = read32(at);
        write32(at, ~u32{0});
        const u32 low_mask = read32(at);
        write32(at, low);
        Bar& bar = bars_[i];
        if (low_mask == 0) continue;
        if (low & 1) {
            bar.is_io = true;
            bar.address = {low & ~u32{3}};
            bar.size_bytes = (~(low_mask & ~u32{3}) + 1) & 0xffff;
            continue;
        }
        bar.is_64bit = (low & 6) == 4;
        bar.prefetchable = (low & 8) != 0;
        u64 address = low & ~u32{15};
        u64 mask = u64{0xffff'ffff'0000'0000} | (low_mask & ~u32{15});
        if (bar.is_64bit && i + 1 < count) {
            const u16 high_at = static_cast<u16>(at + 4);
            const u32 high = read32(high_at);
            write32(high_at, ~u32{0});
            mask = u64{read32(high_at)} << 32 | (low_mask & ~u32{15});
            write32(high_at, high);
            address |= u64{high} << 32;
            ++i;  // the next slot is this one's upper half
        }
        bar.address = {address};
        bar.size_bytes = ~mask + 1;
    }
    write16(kCommand, command);
}

Result<module::Mmio> Function::map_bar(module::Context& context, u32 index) {
    const Bar& b = bar(index);
    if (b.size_bytes == 0 || b.is_io || b.address.value == 0) return Err(Error::nodev);
    return context.map_mmio(b.address, b.size_bytes);
}

void Function::enable_memory() {
    write16(kCommand, read16(kCommand) | kCommandMemory);
}

void Function::set_bus_master(bool on) {
    const u16 command = read16(kCommand);
    write16(kCommand, on ? command | kCommandMaster : command & ~kCommandMaster);
}

void Function::write_bar(u32 index) {
    const Bar& b = bars_[index];
    const u16 at = static_cast<u16>(kFirstBar + 4 * index);
    write32(at, static_cast<u32>(b.address.value));
    if (b.is_64bit) write32(static_cast<u16>(at + 4), static_cast<u32>(b.address.value >> 32));
}

// Spec: PCI Power Management 1.2 sections 3.2.4 (PMCSR) and 5.4 (delays, what is lost).
Function::Power Function::power() {
    const u16 at = find_capability(kCapabilityPowerManagement);
    return at == 0 ? Power::unknown : static_cast<Power>(read16(static_cast<u16>(at + 4)) & 3);
}

void Function::set_power(Power state) {
    const u16 at = find_capability(kCapabilityPowerManagement);
    if (at == 0 || state == Power::unknown) return;
    const u16 control_at = static_cast<u16>(at + 4);
    const u16 control = read16(control_at);
    const auto now = static_cast<Power>(control & 3);
    if (now == state) return;
    const u16 command = read16(kCommand);
    write16(control_at, static_cast<u16>((control & ~3) | static_cast<u16>(state)));
    if (now != Power::d3hot && state != Power::d3hot) return;
    sched::sleep_ns(10'000'000);
    if (state != Power::d0) return;
    for (u32 i = 0; i < 6; ++i)
        if (bars_[i].size_bytes != 0 && bars_[i].address.value != 0) write_bar(i);
    write16(kCommand, command);
}

u16 Function::find_capability(u8 id, u16 after) {
    if ((read16(kStatus) & kStatusCapabilities) == 0) return 0;
    u16 at = after == 0 ? read8(kCapabilities) & 0xfc : read8(static_cast<u16>(after + 1)) & 0xfc;
    // At most 48 capabilities fit; a damaged chain may be a ring.
    for (u32 n = 0; at >= 0x40 && n < 48; ++n) {
        if (read8(at) == id) return at;
        at = read8(static_cast<u16>(at + 1)) & 0xfc;
    }
    return 0;
}

void write_hex(fmt::Sink& out, u32 value, int digits) {
    char text[8];
    for (int i = digits; i-- > 0; value >>= 4) text[i] = "0123456789ABCDEF"[value & 15];
    out.write({text, static_cast<usize>(digits)});
}

void Function::write_modalias(fmt::Sink& out) const {
    const auto hex = [&](u32 value, int digits) { write_hex(out, value, digits); };
    out.write("pci:v");
    hex(vendor, 8);
    out.write("d");
    hex(device, 8);
    out.write("sv");
    hex(subsystem_vendor, 8);
    out.write("sd");
    hex(subsystem_device, 8);
    out.write("bc");
    hex(class_code >> 16, 2);
    out.write("sc");
    hex((class_code >> 8) & 0xff, 2);
    out.write("i");
    hex(class_code & 0xff, 2);
}

}  // namespace tenon::pci
