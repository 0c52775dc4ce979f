#include "enumerate.h"

#include <tenon/module/module.h>

#include <algorithm>

namespace tenon::pci {

namespace {

PciBus* g_bus = nullptr;  // the instance's
constexpr u32 kMaxDepth = 16;

// What sysfs shows of a function. One object serves all: it keeps nothing.
class FunctionOps final : public device::DeviceOps {
  public:
    void uevent(device::Device& d, fmt::Sink& out) override {
        const Function& f = of(d);
        fmt::print(out, "PCI_CLASS={:x}\nPCI_ID={:04x}:{:04x}\nPCI_SUBSYS_ID={:04x}:{:04x}\n",
                   f.class_code, f.vendor, f.device, f.subsystem_vendor, f.subsystem_device);
        fmt::print(out, "PCI_SLOT_NAME={}\n", d.name());
    }
    std::span<const device::AttributeInfo> attributes(device::Device&) override {
        static constexpr device::AttributeInfo kList[] = {
            {"vendor"},   {"device"}, {"subsystem_vendor"}, {"subsystem_device"}, {"class"},
            {"revision"}, {"irq"},    {"resource"},         {"enable"},
        };
        return kList;
    }
    Result<void> show(device::Device& d, usize attribute, fmt::Sink& out) override {
        Function& f = of(d);
        switch (attribute) {
            case 0:
                fmt::print(out, "0x{:04x}\n", f.vendor);
                return {};
            case 1:
                fmt::print(out, "0x{:04x}\n", f.device);
                return {};
            case 2:
                fmt::print(out, "0x{:04x}\n", f.subsystem_vendor);
                return {};
            case 3:
                fmt::print(out, "0x{:04x}\n", f.subsystem_device);
                return {};
            case 4:
                fmt::print(out, "0x{:06x}\n", f.class_code);
                return {};
            case 5:
                fmt::print(out, "0x{:02x}\n", f.revision);
                return {};
            case 6:
                fmt::print(out, "{}\n", f.interrupt_line == 255 ? 0 : f.interrupt_line);
                return {};
            case 7:
                for (u32 i = 0; i < 6; ++i) {
                    const Bar& b = f.bar(i);
                    const bool any = b.size_bytes != 0;
                    fmt::print(out, "0x{:016x} 0x{:016x} 0x{:016x}\n", b.address.value,
                               any ? b.address.value + b.size_bytes - 1 : 0, flags_of(b));
                }
                return {};
            case 8:
                fmt::print(out, "{}\n", (f.read16(kCommand) & kCommandMemory) != 0 ? 1 : 0);
                return {};
            default:
                return Err(Error::io);
        }
    }
    usize config_size(device::Device&) override { return pci::config_size(); }
    Result<usize> read_config(device::Device& d, usize offset, std::span<u8> out) override {
        Function& f = of(d);
        const usize size = pci::config_size();
        if (offset >= size) return usize{0};
        const usize n = std::min(out.size(), size - offset);
        for (usize i = 0; i < n; ++i) out[i] = f.read8(static_cast<u16>(offset + i));
        return n;
    }

  private:
    static Function& of(device::Device& d) { return *static_cast<Function*>(d.bus_data()); }
    // IORESOURCE_* as user space knows them from the file "resource".
    static u64 flags_of(const Bar& b) {
        if (b.size_bytes == 0) return 0;
        if (b.is_io) return 0x40101;
        return 0x40200 | (b.prefetchable ? 0x2000 | 8 : 0) | (b.is_64bit ? 0x100004 : 0);
    }
};
constinit FunctionOps g_ops;

}  // namespace

void set_bus(PciBus* bus) {
    g_bus = bus;
}

device::Bus& bus() {
    return *g_bus;
}

Enumerator::~Enumerator() {
    // Bridges were found before what is behind them: the newest goes first.
    while (functions_ != nullptr) {
        Function* f = functions_;
        functions_ = f->next_;
        f->held_.release();
        delete f;
    }
}

Result<void> Enumerator::run() {
    for (usize i = 0; i < segment_count() && i < 8; ++i) {
        const Segment s = segment(i);
        fmt::Line<24> name("pci{:04x}:{:02x}", s.number, s.first_bus);
        TRY_ASSIGN(roots_[i].device, device::Device::create({.name = name.view()}));
        TRY_ASSIGN(roots_[i].held, context_.add_device(roots_[i].device, nullptr, nullptr));
        TRY(scan_bus(s, s.first_bus, roots_[i].device.get(), 0));
    }
    return {};
}

Result<void> Enumerator::scan_bus(const Segment& segment, u8 bus, device::Device* parent,
                                  u32 depth) {
    if (depth > kMaxDepth) return {};
    for (u8 slot = 0; slot < 32; ++slot) TRY(scan_slot(segment, bus, slot, parent, depth));
    return {};
}

Result<void> Enumerator::scan_slot(const Segment& segment, u8 bus, u8 slot, device::Device* parent,
                                   u32 depth) {
    u8 functions = 1;
    for (u8 n = 0; n < functions; ++n) {
        const Address a{segment.number, bus, slot, n};
        const u32 id = config_read(a, kVendorId, 4);
        if ((id & 0xffff) == 0xffff || id == 0) continue;
        TRY_ASSIGN(Function * f, add(a, parent));
        if (n == 0 && (f->header_type & 0x80)) functions = 8;
        if ((f->header_type & 0x7f) != 1) continue;
        const u8 secondary = f->read8(0x19);
        if (secondary <= bus || secondary > segment.last_bus) {
            log::warn("pci: bridge {} has no bus behind it ({}); left alone",
                      f->core_device().name(), secondary);
            continue;
        }
        TRY(scan_bus(segment, secondary, &f->core_device(), depth + 1));
    }
    return {};
}

Result<Function*> Enumerator::add(const Address& a, device::Device* parent) {
    std::unique_ptr<Function> f(new (std::nothrow) Function);
    if (!f) return Err(Error::nomem);
    f->segment = a.segment;
    f->bus = a.bus;
    f->slot = a.slot;
    f->function = a.function;
    f->vendor = f->read16(kVendorId);
    f->device = f->read16(kDeviceId);
    f->revision = f->read8(0x08);
    f->class_code = f->read32(0x08) >> 8;
    f->header_type = f->read8(0x0e);
    if ((f->header_type & 0x7f) == 0) {
        f->subsystem_vendor = f->read16(0x2c);
        f->subsystem_device = f->read16(0x2e);
    }
    f->interrupt_line = f->read8(0x3c);
    f->interrupt_pin = f->read8(0x3d);
    if ((f->header_type & 0x7f) <= 1) f->read_bars();

    char alias[80];
    fmt::BufferSink sink(alias);
    f->write_modalias(sink);
    fmt::Line<24> name("{:04x}:{:02x}:{:02x}.{}", a.segment, a.bus, a.slot, a.function);
    auto ops = module::Gated<device::DeviceOps>::borrow(&g_ops, &context_.gate());
    TRY_ASSIGN(auto device, device::Device::create({.name = name.view(),
                                                    .modalias = sink.text(),
                                                    .ops = std::move(ops),
                                                    .bus_data = f.get()}));
    f->device_ = device.get();
    Function* raw = f.release();
    raw->next_ = functions_;
    functions_ = raw;
    ++count_;
    TRY_ASSIGN(raw->held_, context_.add_device(std::move(device), parent, g_bus));
    return raw;
}

}  // namespace tenon::pci
