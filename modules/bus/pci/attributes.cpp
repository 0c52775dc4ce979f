// The attributes of a function in sysfs.
#include <algorithm>

#include "config.h"
#include "enumerate.h"

namespace tenon::pci {

namespace {

// What sysfs shows of a function. One object serves all: it keeps nothing.
constexpr std::string_view kPowerNames[] = {"D0", "D1", "D2", "D3hot", "unknown"};

class FunctionOps final : public device::DeviceOps {
  public:
    void uevent(device::Device& d, fmt::Sink& out) override {
        const Function& f = of(d);
        // The class has no leading zeros beyond four digits.
        out.write("PCI_CLASS=");
        write_hex(out, f.class_code, f.class_code > 0xfffff ? 6 : f.class_code > 0xffff ? 5 : 4);
        const auto pair = [&](std::string_view key, u16 vendor, u16 device) {
            out.write(key);
            write_hex(out, vendor, 4);
            out.write(":");
            write_hex(out, device, 4);
        };
        pair("\nPCI_ID=", f.vendor, f.device);
        pair("\nPCI_SUBSYS_ID=", f.subsystem_vendor, f.subsystem_device);
        fmt::print(out, "\nPCI_SLOT_NAME={}\n", d.name());
    }
    std::span<const device::AttributeInfo> attributes(device::Device&) override {
        static constexpr device::AttributeInfo kList[] = {
            {"vendor"},   {"device"}, {"subsystem_vendor"}, {"subsystem_device"}, {"class"},
            {"revision"}, {"irq"},    {"resource"},         {"enable"},           {"power_state"},
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
            case 9:
                fmt::print(out, "{}\n", kPowerNames[static_cast<usize>(f.power())]);
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
    // In the largest aligned pieces, for some registers take no others.
    Result<usize> write_config(device::Device& d, usize offset,
                               std::span<const u8> bytes) override {
        Function& f = of(d);
        const usize size = pci::config_size();
        if (offset >= size) return Err(Error::fbig);
        const usize n = std::min(bytes.size(), size - offset);
        for (usize done = 0; done < n;) {
            const u16 at = static_cast<u16>(offset + done);
            const u8* b = bytes.data() + done;
            const usize left = n - done;
            if (left >= 4 && at % 4 == 0) {
                f.write32(at, u32{b[0]} | u32{b[1]} << 8 | u32{b[2]} << 16 | u32{b[3]} << 24);
                done += 4;
            } else if (left >= 2 && at % 2 == 0) {
                f.write16(at, static_cast<u16>(b[0] | b[1] << 8));
                done += 2;
            } else {
                f.write8(at, b[0]);
                done += 1;
            }
        }
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

device::DeviceOps& function_ops() {
    return g_ops;
}

}  // namespace tenon::pci
