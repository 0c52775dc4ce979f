// A disk in /dev and /sys/block. Spec: Linux Documentation/ABI/stable/sysfs-block,
// admin-guide/iostats.
#include "disk.h"

namespace tenon::block {

namespace {

constexpr device::AttributeInfo kAttributes[] = {
    {"capability"},
    {"hidden"},
    {"hold"},
    {"inflight"},
    {"queue/discard_granularity"},
    {"queue/hw_sector_size"},
    {"queue/logical_block_size"},
    {"queue/max_hw_sectors_kb"},
    {"queue/max_segments"},
    {"queue/nr_requests"},
    {"queue/physical_block_size"},
    {"queue/rotational"},
    {"queue/scheduler"},
    {"queue/write_cache"},
    {"range"},
    {"removable"},
    {"ro"},
    {"size"},
    {"stat"},
};

class Attributes final : public device::DeviceOps {
  public:
    explicit Attributes(Ref<Disk> disk) : disk_(std::move(disk)) {}
    void uevent(device::Device&, fmt::Sink& out) override {
        fmt::print(out, "DEVTYPE=disk\nDISKSEQ={}\n", disk_->index() + 1);
    }
    std::span<const device::AttributeInfo> attributes(device::Device&) override {
        return kAttributes;
    }
    Result<void> show(device::Device&, usize attribute, fmt::Sink& out) override {
        const std::string_view name = kAttributes[attribute].name;
        const DiskOptions& o = disk_->options();
        if (name == "stat") {
            write_stat(out);
        } else if (name == "hold") {
            const Statistics s = disk_->statistics();
            constexpr std::string_view kStates[] = {"live", "held", "dead"};
            fmt::print(out, "{} holds={} replayed={} refused={} timeouts={} longest_us={}\n",
                       kStates[static_cast<u8>(disk_->state())], s.holds, s.replayed, s.refused,
                       s.timeouts, s.longest_hold_ns / 1000);
        } else if (name == "inflight") {
            fmt::print(out, "{:8} {:8}\n", 0, disk_->in_flight());
        } else if (name == "queue/scheduler") {
            out.write("[none]\n");
        } else if (name == "queue/write_cache") {
            out.write(o.has_write_cache ? "write back\n" : "write through\n");
        } else {
            fmt::print(out, "{}\n", number(name, o));
        }
        return {};
    }

  private:
    u64 number(std::string_view name, const DiskOptions& o) const {
        if (name == "size") return disk_->size_bytes() >> kSectorShift;
        if (name == "ro") return disk_->read_only ? 1 : 0;
        if (name == "range") return 1;
        if (name == "queue/logical_block_size" || name == "queue/hw_sector_size")
            return o.logical_block_bytes;
        if (name == "queue/physical_block_size")
            return std::max(o.physical_block_bytes, o.logical_block_bytes);
        if (name == "queue/discard_granularity") return o.can_discard ? o.logical_block_bytes : 0;
        if (name == "queue/max_hw_sectors_kb") return kMaxSegments * kPageSize / 1024;
        if (name == "queue/max_segments") return kMaxSegments;
        if (name == "queue/nr_requests") return o.queue_depth;
        if (name == "queue/rotational") return o.rotational ? 1 : 0;
        return 0;  // capability, hidden, removable
    }

    void write_stat(fmt::Sink& out) {
        const Statistics s = disk_->statistics();
        const auto& read = s.by_operation[static_cast<u8>(Operation::read)];
        const auto& write = s.by_operation[static_cast<u8>(Operation::write)];
        const auto& flush = s.by_operation[static_cast<u8>(Operation::flush)];
        const auto& discard = s.by_operation[static_cast<u8>(Operation::discard)];
        constexpr u64 kMs = 1'000'000;
        fmt::print(out,
                   "{:8} {:8} {:8} {:8} {:8} {:8} {:8} {:8} {:8} {:8} {:8} {:8} {:8} {:8} {:8} "
                   "{:8} {:8}\n",
                   read.requests, 0, read.sectors, read.ns / kMs, write.requests, 0, write.sectors,
                   write.ns / kMs, disk_->in_flight(), s.busy_ns / kMs,
                   (read.ns + write.ns + flush.ns + discard.ns) / kMs, discard.requests, 0,
                   discard.sectors, discard.ns / kMs, flush.requests, flush.ns / kMs);
    }
    Ref<Disk> disk_;
};

}  // namespace

Result<void> Disk::publish(module::Context& core) {
    std::unique_ptr<Attributes> attributes(new (std::nothrow) Attributes(Ref<Disk>(this)));
    if (!attributes) return Err(Error::nomem);
    TRY_ASSIGN(
        auto device,
        device::Device::create(
            {.name = name(),
             .class_name = "block",
             .node = {.major = kMajor, .minor = index_, .mode = 0660, .is_block = true},
             .ops = module::Gated<device::DeviceOps>::own(std::move(attributes), &core.gate())}));
    TRY_ASSIGN(device_, core.add_device(std::move(device), nullptr, nullptr));
    return {};
}

// The attributes hold a reference to the disk: they go with the device.
void Disk::unpublish() {
    device_.release();
}

}  // namespace tenon::block
