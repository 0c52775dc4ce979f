#include <tenon/device/lease.h>
#include <tenon/lib/random.h>
#include <tenon/module/module.h>
#include <tenon/sync/mutex.h>
#include <virtio/virtio.h>

#include <algorithm>

namespace tenon::virtio_rng {
namespace {

constexpr u16 kDeviceType = 4;
constexpr usize kChunkBytes = 256;
constexpr u32 kMiscMajor = 10, kHwrngMinor = 183;
constexpr u64 kTimeoutNs = 10'000'000'000;

class Rng final : public device::Binding {
  public:
    static constexpr std::string_view kName = "virtio_rng";
    static constexpr pci::Id kIds[] = {
        {.vendor = virtio::kPciVendor, .device = virtio::modern_pci_device(kDeviceType)},
        {.vendor = virtio::kPciVendor, .device = 0x1005},
    };
    static Result<std::unique_ptr<Rng>> create(module::Context& context, pci::Function& function);
    ~Rng() override;

    // At least one byte; Error::io when the host does not answer, Error::nodev when the device
    // goes.
    Result<usize> read(std::span<u8> out, sync::WaitMode mode);
    sync::Mutex& lock() { return lock_; }

  private:
    irq::Handled on_interrupt() {
        done_.wake_all();
        return irq::Handled::yes;
    }

    Result<void> publish(module::Context& context);

    sync::WaitQueue done_;
    sync::Mutex lock_{sync::LockRank::tty};
    module::DmaBuffer buffer_;
    bool in_flight_ = false;
    std::atomic<bool> going_{false};
    std::unique_ptr<virtio::Transport> transport_;
    std::unique_ptr<virtio::Queue> queue_;  // before the transport: the device is reset after it
    device::LentNode node_;
};

Result<std::unique_ptr<Rng>> Rng::create(module::Context& context, pci::Function& function) {
    std::unique_ptr<Rng> self(new (std::nothrow) Rng);
    if (!self) return Err(Error::nomem);
    TRY_ASSIGN(self->transport_, virtio::Transport::create(context, function));
    TRY(self->transport_->negotiate(0));
    TRY_ASSIGN(self->buffer_, context.alloc_dma(kChunkBytes));
    TRY_ASSIGN(
        self->queue_,
        self->transport_->make_queue(
            0, 16, [](void* o) { return static_cast<Rng*>(o)->on_interrupt(); }, self.get()));
    self->transport_->start();
    u8 seed[64];
    TRY_ASSIGN(const usize n, self->read(seed, sync::WaitMode::uninterruptible));
    random::mix({seed, n});
    TRY(self->publish(context));
    return self;
}

Rng::~Rng() {
    // Calls in flight end, then the files; from then on nobody uses the device.
    going_.store(true, std::memory_order_release);
    done_.wake_all();
    node_.withdraw();
    transport_.reset();  // the device is reset: it writes to the buffer no more
}

Result<usize> Rng::read(std::span<u8> out, sync::WaitMode mode) {
    // The queue may be on its way out.
    if (going_.load(std::memory_order_acquire)) return Err(Error::nodev);
    if (!in_flight_) {
        const virtio::Segment segment{buffer_.address(), static_cast<u32>(kChunkBytes)};
        TRY(queue_->add({}, {&segment, 1}, this));
        in_flight_ = true;
        queue_->notify();
    }
    virtio::Queue::Completed completed;
    bool there = false;
    auto waited = done_.wait(
        [&] { return (there = queue_->pop(completed)) || going_.load(std::memory_order_acquire); },
        mode, sync::Deadline::after_ns(kTimeoutNs));
    if (waited && !there) return Err(Error::nodev);
    if (!waited) return Err(waited.error() == Error::timedout ? Error::io : waited.error());
    in_flight_ = false;
    const usize n =
        std::min<usize>(out.size(), std::min<usize>(completed.written_bytes, kChunkBytes));
    if (n == 0) return Err(Error::io);
    std::copy_n(buffer_.data(), n, out.data());
    return n;
}

class HwrngFile final : public vfs::FileOps {
  public:
    explicit HwrngFile(Rng& rng) : rng_(rng) {}
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        usize total = 0;
        while (buffer.remaining() != 0) {
            u8 chunk[kChunkBytes];
            auto n = read_chunk(file, {chunk, std::min(sizeof chunk, buffer.remaining())});
            if (!n) return total != 0 ? Result<usize>(total) : n;
            TRY_ASSIGN(const usize moved, buffer.put(chunk, *n));
            total += moved;
            if (moved != *n) break;
        }
        return total;
    }

  private:
    Result<usize> read_chunk(vfs::File& file, std::span<u8> out) {
        if (file.nonblocking()) {
            if (!rng_.lock().try_lock()) return Err(Error::again);
        } else {
            TRY(rng_.lock().lock_interruptible());
        }
        auto n = rng_.read(out, sync::WaitMode::interruptible);
        rng_.lock().unlock();
        return n;
    }
    Rng& rng_;
};

class Opener final : public vfs::DeviceOpener {
  public:
    explicit Opener(Rng& rng) : rng_(rng) {}
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        std::unique_ptr<HwrngFile> file(new (std::nothrow) HwrngFile(rng_));
        if (!file) return Err(Error::nomem);
        return module::Gated<vfs::FileOps>::own(std::move(file));
    }

  private:
    Rng& rng_;
};

// There is one /dev/hwrng: the first device's. Another only gives its seed.
Result<void> Rng::publish(module::Context& context) {
    auto done = node_.publish(
        context,
        {.name = "hw_random",
         .class_name = "misc",
         .node = {.major = kMiscMajor, .minor = kHwrngMinor, .name = "hwrng"}},
        nullptr, std::unique_ptr<vfs::DeviceOpener>(new (std::nothrow) Opener(*this)));
    return done || done.error() != Error::busy ? done : Result<void>{};
}

}  // namespace
}  // namespace tenon::virtio_rng

TENON_MODULE(tenon::pci::DriverModule<tenon::virtio_rng::Rng>,
             {
                 .name = "virtio_rng",
                 .version = "1.0",
                 .description = "Random bytes from the host, /dev/hwrng",
                 .needs = {"virtio>=1.0,<2"},
                 .aliases = {"pci:v00001AF4d00001044sv*sd*bc*sc*i*",
                             "pci:v00001AF4d00001005sv*sd*bc*sc*i*", "char-major-10-183"},
             });
