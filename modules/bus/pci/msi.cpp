// Spec: PCI Local Bus 3.0 sections 6.8.1 (MSI) and 6.8.2 (MSI-X).
#include "config.h"

namespace tenon::pci {

namespace {

constexpr u16 kMsiEnable = 1, kMsi64 = 0x80, kMsiVectors = 0x70;
constexpr u16 kMsixEnable = 0x8000, kMsixMaskAll = 0x4000, kMsixSize = 0x7ff;
constexpr usize kMsixEntryBytes = 16;

void set_intx(Function& f, bool on) {
    const u16 command = f.read16(kCommand);
    f.write16(kCommand, on ? command & ~kCommandNoIntx : command | kCommandNoIntx);
}

void program_msi(Function& f, u16 at, const arch::MsiMessage& message) {
    const u16 control = f.read16(static_cast<u16>(at + 2));
    f.write32(static_cast<u16>(at + 4), static_cast<u32>(message.address));
    u16 data_at = static_cast<u16>(at + 8);
    if (control & kMsi64) {
        f.write32(static_cast<u16>(at + 8), static_cast<u32>(message.address >> 32));
        data_at = static_cast<u16>(at + 12);
    }
    f.write16(data_at, static_cast<u16>(message.data));
    f.write16(static_cast<u16>(at + 2), (control & ~kMsiVectors) | kMsiEnable);
}

}  // namespace

u32 interrupt_count(Function& f) {
    if (const u16 at = f.find_capability(kCapabilityMsix))
        return (f.read16(static_cast<u16>(at + 2)) & kMsixSize) + 1u;
    return f.find_capability(kCapabilityMsi) != 0 ? 1 : 0;
}

Result<Interrupt> Interrupt::request(module::Context& context, Function& f, u32 index,
                                     irq::Handler handler, void* object) {
    const u16 msix = f.find_capability(kCapabilityMsix);
    const u16 msi = f.find_capability(kCapabilityMsi);
    if (msix == 0 && msi == 0) return Err(Error::nodev);
    if (index >= interrupt_count(f)) return Err(Error::inval);

    Interrupt out;
    arch::MsiMessage message{};
    if (msix != 0) {
        const u32 table = f.read32(static_cast<u16>(msix + 4));
        const Bar& bar = f.bar(table & 7);
        if (bar.size_bytes == 0 || bar.is_io) return Err(Error::nodev);
        const u64 entry = (table & ~u32{7}) + u64{kMsixEntryBytes} * index;
        if (entry + kMsixEntryBytes > bar.size_bytes) return Err(Error::nodev);
        TRY_ASSIGN(out.table_, context.map_mmio(bar.address + entry, kMsixEntryBytes));
        TRY_ASSIGN(out.line_, context.request_msi(handler, nullptr, object, message));
        f.enable_memory();
        out.table_.write32(0, static_cast<u32>(message.address));
        out.table_.write32(4, static_cast<u32>(message.address >> 32));
        out.table_.write32(8, message.data);
        out.table_.write32(12, 0);  // unmasked
        const u16 control = f.read16(static_cast<u16>(msix + 2));
        f.write16(static_cast<u16>(msix + 2), (control | kMsixEnable) & ~kMsixMaskAll);
    } else {
        TRY_ASSIGN(out.line_, context.request_msi(handler, nullptr, object, message));
        program_msi(f, msi, message);
    }
    set_intx(f, false);
    f.set_bus_master(true);  // a message is a write to memory
    out.function_ = &f;
    out.index_ = index;
    return out;
}

void Interrupt::release() {
    Function* f = std::exchange(function_, nullptr);
    if (f == nullptr) return;
    if (table_) {
        table_.write32(12, 1);  // masked; other vectors may be in use
    } else if (const u16 at = f->find_capability(kCapabilityMsi)) {
        const u16 control = f->read16(static_cast<u16>(at + 2));
        f->write16(static_cast<u16>(at + 2), control & ~kMsiEnable);
    }
    line_.release();
    table_.release();
}

}  // namespace tenon::pci
