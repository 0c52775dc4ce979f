// An interface in /sys/class/net. Spec: Linux Documentation/ABI/testing/sysfs-class-net,
// sysfs-class-net-statistics.
#include <algorithm>
#include <charconv>

#include "netdev.h"

namespace tenon::net {

namespace {

constexpr device::AttributeInfo kAttributes[] = {
    {"addr_assign_type"},
    {"addr_len"},
    {"address"},
    {"broadcast"},
    {"carrier", 0644},
    {"dev_id"},
    {"dormant"},
    {"flags", 0644},
    {"hold"},
    {"ifindex"},
    {"iflink"},
    {"link_mode"},
    {"mtu", 0644},
    {"operstate"},
    {"statistics/collisions"},
    {"statistics/multicast"},
    {"statistics/rx_bytes"},
    {"statistics/rx_compressed"},
    {"statistics/rx_crc_errors"},
    {"statistics/rx_dropped"},
    {"statistics/rx_errors"},
    {"statistics/rx_fifo_errors"},
    {"statistics/rx_frame_errors"},
    {"statistics/rx_length_errors"},
    {"statistics/rx_missed_errors"},
    {"statistics/rx_nohandler"},
    {"statistics/rx_over_errors"},
    {"statistics/rx_packets"},
    {"statistics/tx_aborted_errors"},
    {"statistics/tx_bytes"},
    {"statistics/tx_carrier_errors"},
    {"statistics/tx_compressed"},
    {"statistics/tx_dropped"},
    {"statistics/tx_errors"},
    {"statistics/tx_fifo_errors"},
    {"statistics/tx_heartbeat_errors"},
    {"statistics/tx_packets"},
    {"statistics/tx_window_errors"},
    {"tx_queue_len", 0644},
    {"type"},
};

using Counter = u64 InterfaceStatistics::*;
struct Named {
    std::string_view name;
    Counter counter;
};
constexpr Named kCounters[] = {
    {"collisions", &InterfaceStatistics::collisions},
    {"multicast", &InterfaceStatistics::multicast},
    {"rx_bytes", &InterfaceStatistics::receive_bytes},
    {"rx_compressed", &InterfaceStatistics::receive_compressed},
    {"rx_crc_errors", &InterfaceStatistics::receive_crc_errors},
    {"rx_dropped", &InterfaceStatistics::receive_dropped},
    {"rx_errors", &InterfaceStatistics::receive_errors},
    {"rx_fifo_errors", &InterfaceStatistics::receive_fifo_errors},
    {"rx_frame_errors", &InterfaceStatistics::receive_frame_errors},
    {"rx_length_errors", &InterfaceStatistics::receive_length_errors},
    {"rx_missed_errors", &InterfaceStatistics::receive_missed_errors},
    {"rx_nohandler", &InterfaceStatistics::receive_nohandler},
    {"rx_over_errors", &InterfaceStatistics::receive_over_errors},
    {"rx_packets", &InterfaceStatistics::receive_packets},
    {"tx_aborted_errors", &InterfaceStatistics::transmit_aborted_errors},
    {"tx_bytes", &InterfaceStatistics::transmit_bytes},
    {"tx_carrier_errors", &InterfaceStatistics::transmit_carrier_errors},
    {"tx_compressed", &InterfaceStatistics::transmit_compressed},
    {"tx_dropped", &InterfaceStatistics::transmit_dropped},
    {"tx_errors", &InterfaceStatistics::transmit_errors},
    {"tx_fifo_errors", &InterfaceStatistics::transmit_fifo_errors},
    {"tx_heartbeat_errors", &InterfaceStatistics::transmit_heartbeat_errors},
    {"tx_packets", &InterfaceStatistics::transmit_packets},
    {"tx_window_errors", &InterfaceStatistics::transmit_window_errors},
};
constexpr std::string_view kStatistics = "statistics/";

void write_address(fmt::Sink& out, const HardwareAddress& a) {
    for (u32 i = 0; i < kEthernetAddressBytes; ++i)
        fmt::print(out, "{}{:02x}", i == 0 ? "" : ":", a.bytes[i]);
    out.write("\n");
}

// As the shell writes numbers: decimal, or hexadecimal behind 0x.
Result<u32> read_number(std::string_view text) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        base = 16;
    }
    u32 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty())
        return Err(Error::inval);
    return value;
}

class Attributes final : public device::DeviceOps {
  public:
    explicit Attributes(NetDevice& device) : device_(&device) {}
    void uevent(device::Device&, fmt::Sink& out) override {
        fmt::print(out, "INTERFACE={}\nIFINDEX={}\n", device_->name(), device_->index());
    }
    std::span<const device::AttributeInfo> attributes(device::Device&) override {
        return kAttributes;
    }
    Result<void> show(device::Device&, usize attribute, fmt::Sink& out) override {
        const std::string_view name = kAttributes[attribute].name;
        if (name.starts_with(kStatistics)) {
            const auto at =
                std::ranges::find(kCounters, name.substr(kStatistics.size()), &Named::name);
            const InterfaceStatistics s = device_->statistics();
            fmt::print(out, "{}\n", s.*at->counter);
        } else if (name == "address") {
            write_address(out, device_->address());
        } else if (name == "broadcast") {
            HardwareAddress all;
            if (device_->type() != LinkType::loopback) std::ranges::fill(all.bytes, 0xff);
            write_address(out, all);
        } else if (name == "flags") {
            fmt::print(out, "0x{:x}\n", device_->kept_flags());
        } else if (name == "dev_id") {
            out.write("0x0\n");
        } else if (name == "operstate") {
            out.write(operstate());
        } else if (name == "hold") {
            const HoldStatistics h = device_->hold_statistics();
            fmt::print(out, "{} holds={} lost={} refused={} longest_us={}\n",
                       device_->is_held() ? "held" : "live", h.holds, h.lost, h.refused,
                       h.longest_ns / 1000);
        } else if (name == "carrier" || name == "dormant") {
            if (!device_->is_up()) return Err(Error::inval);
            fmt::print(out, "{}\n", name == "carrier" && device_->has_carrier() ? 1 : 0);
        } else {
            fmt::print(out, "{}\n", number(name));
        }
        return {};
    }
    Result<void> store(device::Device&, usize attribute, std::string_view text) override {
        const std::string_view name = kAttributes[attribute].name;
        TRY_ASSIGN(const u32 value, read_number(text));
        if (name == "flags") return device_->set_flags(value);
        if (name == "mtu") return device_->set_mtu(value);
        if (name == "tx_queue_len") {
            device_->set_transmit_queue_length(value);
            return {};
        }
        return Err(name == "carrier" ? Error::opnotsupp : Error::io);
    }

  private:
    std::string_view operstate() const {
        if (!device_->is_up())
            return device_->type() == LinkType::loopback ? "unknown\n" : "down\n";
        if (!device_->has_carrier()) return "down\n";
        return device_->carrier_is_told() ? "up\n" : "unknown\n";
    }
    u64 number(std::string_view name) const {
        if (name == "addr_len") return kEthernetAddressBytes;
        if (name == "ifindex" || name == "iflink") return device_->index();
        if (name == "mtu") return device_->mtu();
        if (name == "tx_queue_len") return device_->transmit_queue_length();
        if (name == "type") return static_cast<u64>(device_->type());
        if (name == "addr_assign_type") return device_->address_assigned_by();
        return 0;  // link_mode
    }
    Ref<NetDevice> device_;
};

}  // namespace

Result<void> NetDevice::publish(device::Device* parent) {
    std::unique_ptr<Attributes> attributes(new (std::nothrow) Attributes(*this));
    if (!attributes) return Err(Error::nomem);
    TRY_ASSIGN(auto device, device::Device::create({.name = name(),
                                                    .class_name = "net",
                                                    .ops = module::Gated<device::DeviceOps>::own(
                                                        std::move(attributes), core_gate())}));
    TRY_ASSIGN(device_, core_context().add_device(std::move(device), parent, nullptr));
    return {};
}

}  // namespace tenon::net
