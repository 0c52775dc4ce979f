// A network device without hardware: it drops what is sent, or receives it.
#include <tenon/module/module.h>
#include <tenon/net/device.h>
#include <tenon/sync/spinlock.h>
#include <tenon/time/clock.h>
#include <tenon/trace/log.h>

#include <cstring>

namespace tenon::null_net {

namespace {

TENON_PARAMETER(bool, loopback,
                {.value = false, .description = "what is sent is received, not dropped"});
TENON_PARAMETER(u32, queues, {.value = 1, .min = 1, .max = 16, .description = "queues, each way"});
TENON_PARAMETER(u32, depth,
                {.value = 256, .min = 1, .max = 4096, .description = "packets in flight, a queue"});
TENON_PARAMETER(std::string_view, completion,
                {.value = "inline", .description = "inline, timer (in irq context) or worker"});
TENON_PARAMETER(u64, completion_ns,
                {.value = 10'000,
                 .max = 10'000'000'000,
                 .mode = 0644,
                 .description = "how long a packet takes, by timer"});

enum class Mode : u8 { in_place, timer, worker };

struct Saved {
    static constexpr u32 kVersion = 1;
    u32 version = kVersion;
    u32 queues = 0, depth = 0;
    u32 unused = 0;
    u64 carried = 0;  // packets, by all instances
};

// A queue's packets between transmit() and their end, by time.
struct Lane {
    struct Pending {
        net::TransmitHandle handle;
        u64 due_ns = 0;
    };
    sync::SpinLock lock;
    std::unique_ptr<Pending[]> pending;  // a ring
    u32 first = 0, count = 0;
};

class NullNet final : public net::NetDeviceOps {
  public:
    static Result<std::unique_ptr<NullNet>> create(module::Context& context, Mode mode) {
        std::unique_ptr<NullNet> self(new (std::nothrow) NullNet(mode));
        if (!self) return Err(Error::nomem);
        self->lanes_.reset(new (std::nothrow) Lane[queues]);
        if (!self->lanes_) return Err(Error::nomem);
        for (u32 i = 0; i < queues; ++i) {
            self->lanes_[i].pending.reset(new (std::nothrow) Lane::Pending[depth]);
            if (!self->lanes_[i].pending) return Err(Error::nomem);
        }
        if (mode == Mode::timer) {
            TRY_ASSIGN(self->timer_, context.make_timer<&NullNet::on_timer>(self.get()));
        }
        if (mode == Mode::worker) {
            TRY_ASSIGN(self->work_, context.make_work<&NullNet::on_work>(self.get()));
        }
        return self;
    }

    net::Port port;

    Result<void> open() override {
        for (u32 i = 0; i < queues; ++i) {
            sync::IrqSpinGuard guard(lanes_[i].lock);
            lanes_[i].first = lanes_[i].count = 0;
        }
        return {};
    }
    // What is still in the lanes is answered in vain.
    void stop() override {
        if (mode_ == Mode::timer) {
            (void)timer_.cancel();
            timer_armed_ = false;
        }
        if (mode_ == Mode::worker) work_.flush();
    }

    u32 transmit(u32 queue, std::span<const net::Outgoing> packets) override {
        carried_.fetch_add(packets.size(), std::memory_order_relaxed);
        if (mode_ == Mode::in_place && !loopback) {
            net::TransmitHandle handles[net::kBatch];
            u32 n = 0;
            for (const net::Outgoing& p : packets) handles[n++] = p.handle;
            (void)net::transmitted(port, {handles, n});
            return n;
        }
        const u64 due_ns = mode_ == Mode::timer ? time::monotonic_ns() + completion_ns : 0;
        Lane& lane = lanes_[queue];
        u32 taken = 0;
        {
            sync::IrqSpinGuard guard(lane.lock);
            for (; taken < packets.size() && lane.count < depth; ++taken)
                lane.pending[(lane.first + lane.count++) % depth] = {packets[taken].handle, due_ns};
        }
        switch (mode_) {
            case Mode::in_place:
                net::schedule_poll(port, queue);
                break;
            case Mode::worker:
                (void)work_.queue();
                break;
            case Mode::timer:
                if (!timer_armed_.exchange(true)) timer_.arm_at(due_ns);
                break;
        }
        return taken;
    }

    u32 poll(u32 queue, u32 budget) override {
        u32 done = 0;
        u64 wait_until = 0;
        for (net::TransmitHandle next; done < budget && take(queue, next, wait_until); ++done)
            (void)net::turn_around(port, queue, next);
        if (wait_until != 0) rearm(wait_until);
        return done;
    }

    Result<void> set_address(const net::HardwareAddress&) override { return {}; }

    void fill(Saved& saved) const { saved.carried = carried_.load(std::memory_order_relaxed); }
    void take(const Saved& saved) { carried_ += saved.carried; }

  private:
    explicit NullNet(Mode mode) : mode_(mode) {}

    // The next that is due; or when it will be.
    bool take(u32 queue, net::TransmitHandle& out, u64& wait_until) {
        Lane& lane = lanes_[queue];
        const u64 now = mode_ == Mode::timer ? time::monotonic_ns() : 0;
        sync::IrqSpinGuard guard(lane.lock);
        if (lane.count == 0) return false;
        const Lane::Pending& next = lane.pending[lane.first];
        if (next.due_ns > now) {
            wait_until = next.due_ns;
            return false;
        }
        out = next.handle;
        lane.first = (lane.first + 1) % depth;
        --lane.count;
        return true;
    }
    void rearm(u64 at_ns) {
        if (!timer_armed_.exchange(true)) timer_.arm_at(at_ns);
    }
    void on_timer() {
        timer_armed_ = false;
        finish();
    }
    void on_work() { finish(); }
    void finish() {
        u64 again = 0;
        for (u32 i = 0; i < queues; ++i) {
            if (loopback) {
                net::schedule_poll(port, i);
                continue;
            }
            u64 wait_until = 0;
            for (net::TransmitHandle next; take(i, next, wait_until);)
                (void)net::transmitted(port, {&next, 1});
            if (wait_until != 0 && (again == 0 || wait_until < again)) again = wait_until;
        }
        if (again != 0) rearm(again);
    }

    const Mode mode_;
    std::unique_ptr<Lane[]> lanes_;
    std::atomic<u64> carried_{0};
    std::atomic<bool> timer_armed_{false};
    module::WorkHandle work_;
    module::TimerHandle timer_;
};

class Module final : public module::Instance {
  public:
    static Result<std::unique_ptr<Module>> create(module::Context& context) {
        TRY_ASSIGN(const Mode mode,
                   module::choice<Mode>(completion, {"inline", "timer", "worker"}));
        std::unique_ptr<Module> self(new (std::nothrow) Module);
        if (!self) return Err(Error::nomem);
        TRY_ASSIGN(auto ops, NullNet::create(context, mode));
        NullNet& device = *ops;
        self->ops_ = &device;
        TRY_ASSIGN(self->device_, net::register_device(context,
                                                       {.name = "null%d",
                                                        .min_mtu = 0,
                                                        .max_mtu = 65535,
                                                        .flags = net::kBroadcast | net::kNoArp,
                                                        .queues = queues,
                                                        .transmit_ring = depth},
                                                       std::move(ops), device.port));
        return self;
    }

    Result<usize> save(std::span<u8> out) override {
        Saved saved{.queues = queues, .depth = depth};
        ops_->fill(saved);
        return module::put_state(out, saved);
    }
    Result<void> restore(std::span<const u8> from, u32) override {
        TRY_ASSIGN(const Saved saved, module::get_state<Saved>(from));
        if (saved.version != Saved::kVersion || saved.queues != queues || saved.depth != depth)
            return Err(Error::inval);
        ops_->take(saved);
        log::info("null_net: goes on after {} packets", saved.carried);
        return {};
    }

  private:
    NullNet* ops_ = nullptr;  // the network layer's to destroy, with device_
    module::Held device_;
};

}  // namespace
}  // namespace tenon::null_net

TENON_MODULE(tenon::null_net::Module, {
                                          .name = "null_net",
                                          .version = "1.0",
                                          .description = "A network device that carries nothing",
                                          .needs = {"net_core>=1.1,<2"},
                                          .restart = tenon::module::Restart::with_providers,
                                      });
