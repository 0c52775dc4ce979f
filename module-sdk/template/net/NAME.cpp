// @NAME@: a network interface with an echo: what is sent comes back, its addresses exchanged.
//
// As a driver of hardware would, it has a ring of frames to send and a ring of buffers to receive into;
// "the device" is a worker that copies from one to the other and then asks for a poll, which is what an
// interrupt would do. Packets and buffers belong to the network layer: should this module be restarted
// or updated, the interface stays, and what was under way is counted as dropped.
#include <tenon/module/module.h>
#include <tenon/net/device.h>
#include <tenon/sync/spinlock.h>

#include <algorithm>
#include <cstring>

namespace @NAME@ {

using namespace tenon;

constexpr u32 kRing = 64;
constexpr u32 kAddress = net::kEthernetAddressBytes;

class Echo final : public net::NetDeviceOps {
  public:
    static Result<std::unique_ptr<Echo>> create(module::Context& context) {
        std::unique_ptr<Echo> self(new (std::nothrow) Echo);
        if (!self) return Err(Error::nomem);
        TRY_ASSIGN(self->work_, context.make_work<&Echo::device>(self.get()));
        return self;
    }

    net::Port port;  // set when it is registered

    // --- The driver. Thread context; the network layer calls one of these at a time.

    Result<void> open() override {
        stop();
        for (u32 i = 0; i < kRing; ++i) TRY(put_new_buffer());
        return {};
    }
    // From here on no packet and no buffer is touched: the network layer takes all of them back.
    void stop() override {
        sync::SpinGuard guard(lock_);
        to_send_.count = sent_.count = filled_.count = empty_.count = 0;
    }
    u32 transmit(u32, std::span<const net::Outgoing> packets) override {
        u32 taken = 0;
        {
            sync::SpinGuard guard(lock_);
            for (; taken < packets.size() && to_send_.count + sent_.count < kRing; ++taken) {
                const net::Outgoing& out = packets[taken];
                Frame frame{out.handle, {}, 0};
                if (out.segments().size() > std::size(frame.segment)) {
                    sent_.put(out.handle);  // given up
                    continue;
                }
                // Hardware would be given the segments' addresses; they stay until `handle` is answered.
                for (const net::Segment& s : out.segments()) frame.segment[frame.segments++] = s;
                to_send_.put(frame);
            }
        }
        (void)work_.queue();
        return taken;
    }
    u32 poll(u32 queue, u32 budget) override {
        u32 done = 0;
        for (; done < budget; ++done) {
            Filled next;
            {
                sync::SpinGuard guard(lock_);
                if (!filled_.take(next)) break;
            }
            const net::Received piece{next.buffer, 0, next.length_bytes};
            (void)net::receive(port, queue, {&piece, 1});
            (void)put_new_buffer();
        }
        for (net::TransmitHandle handle;;) {
            {
                sync::SpinGuard guard(lock_);
                if (!sent_.take(handle)) break;
            }
            (void)net::transmitted(port, {&handle, 1});
        }
        return done;
    }
    Result<void> set_address(const net::HardwareAddress&) override { return {}; }
    void statistics(net::InterfaceStatistics& out) override {
        out.receive_missed_errors += missed_.load(std::memory_order_relaxed);
    }

  private:
    template <typename T>
    struct Ring {
        T entries[kRing];
        u32 first = 0, count = 0;
        void put(const T& entry) { entries[(first + count++) % kRing] = entry; }
        bool take(T& out) {
            if (count == 0) return false;
            out = entries[first];
            first = (first + 1) % kRing;
            --count;
            return true;
        }
    };
    struct Frame {
        net::TransmitHandle handle;
        net::Segment segment[4];
        u32 segments = 0;
    };
    struct Filled {
        net::BufferHandle buffer;
        u32 length_bytes = 0;
    };

    Result<void> put_new_buffer() {
        TRY_ASSIGN(const net::Buffer buffer, net::get_buffer(port, 0));
        sync::SpinGuard guard(lock_);
        empty_.put(buffer);
        return {};
    }

    // --- "The device". The memory of what it has is there while lock_ is held: stop() takes it, too.
    void device() {
        for (;;) {
            sync::SpinGuard guard(lock_);
            Frame frame;
            if (!to_send_.take(frame)) break;
            sent_.put(frame.handle);
            net::Buffer to;
            if (!empty_.take(to)) {
                missed_.fetch_add(1, std::memory_order_relaxed);
                continue;
            }
            u32 length = 0;
            for (u32 i = 0; i < frame.segments; ++i) {
                const net::Segment& s = frame.segment[i];
                const u32 n = std::min(s.length_bytes, to.length_bytes - length);
                std::memcpy(to.data + length, s.data, n);
                length += n;
            }
            if (length >= 2 * kAddress) std::swap_ranges(to.data, to.data + kAddress, to.data + kAddress);
            filled_.put({to.handle, length});
        }
        net::schedule_poll(port, 0);
    }

    sync::SpinLock lock_;
    Ring<Frame> to_send_;
    Ring<net::TransmitHandle> sent_;
    Ring<net::Buffer> empty_;
    Ring<Filled> filled_;
    std::atomic<u64> missed_{0};
    module::WorkHandle work_;  // last: it uses what is above
};

// The module: what it acquires from the Context it holds as members; its destructor is the exit.
class Instance final : public module::Instance {
  public:
    static Result<std::unique_ptr<Instance>> create(module::Context& context) {
        std::unique_ptr<Instance> self(new (std::nothrow) Instance);
        if (!self) return Err(Error::nomem);
        TRY_ASSIGN(auto echo, Echo::create(context));
        net::Port& port = echo->port;
        TRY_ASSIGN(self->device_, net::register_device(context,
                                                       {.name = "@NAME@",
                                                        .transmit_ring = kRing,
                                                        .receive_ring = kRing},
                                                       std::move(echo), port));
        return self;
    }

  private:
    module::Held device_;
};

}  // namespace @NAME@

TENON_MODULE(@NAME@::Instance, {
    .name = "@NAME@",
    .version = "0.1",
    .license = "MIT",
    .description = "A network interface with an echo",
    .needs = {"net_core>=1.1,<2"},
});
