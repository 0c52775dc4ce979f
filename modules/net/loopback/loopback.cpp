// lo: what is sent is what is received, without a copy.
#include <tenon/module/module.h>
#include <tenon/net/device.h>
#include <tenon/sync/spinlock.h>

namespace tenon::net::loopback {

namespace {

constexpr u32 kRing = 1024;

class Loopback final : public NetDeviceOps {
  public:
    Port port;
    Result<void> open() override {
        sync::SpinGuard guard(lock_);
        first_ = count_ = 0;
        return {};
    }
    void stop() override {}
    u32 transmit(u32 queue, std::span<const Outgoing> packets) override {
        {
            sync::SpinGuard guard(lock_);
            for (const Outgoing& p : packets) ring_[(first_ + count_++) % kRing] = p.handle;
        }
        schedule_poll(port, queue);
        return static_cast<u32>(packets.size());
    }
    u32 poll(u32 queue, u32 budget) override {
        u32 done = 0;
        for (; done < budget; ++done) {
            TransmitHandle next;
            {
                sync::SpinGuard guard(lock_);
                if (count_ == 0) break;
                next = ring_[first_];
                first_ = (first_ + 1) % kRing;
                --count_;
            }
            (void)turn_around(port, queue, next);
        }
        return done;
    }
    Result<void> set_address(const HardwareAddress&) override { return {}; }

  private:
    sync::SpinLock lock_;
    TransmitHandle ring_[kRing];  // as many as the layer gives
    u32 first_ = 0, count_ = 0;
};

class Module final : public module::Instance {
  public:
    static Result<std::unique_ptr<Module>> create(module::Context& context) {
        std::unique_ptr<Module> self(new (std::nothrow) Module);
        std::unique_ptr<Loopback> ops(new (std::nothrow) Loopback);
        if (!self || !ops) return Err(Error::nomem);
        Port& port = ops->port;
        TRY_ASSIGN(self->device_, register_device(context,
                                                  {.name = "lo",
                                                   .type = LinkType::loopback,
                                                   .mtu = 65536,
                                                   .min_mtu = 0,
                                                   .max_mtu = 0,
                                                   .flags = kLoopback,
                                                   .transmit_ring = kRing},
                                                  std::move(ops), port));
        return self;
    }

  private:
    module::Held device_;
};

}  // namespace
}  // namespace tenon::net::loopback

TENON_MODULE(tenon::net::loopback::Module, {
                                               .name = "net_loopback",
                                               .version = "1.0",
                                               .description = "The loopback interface",
                                               .needs = {"net_core>=1.1,<2"},
                                               .aliases = {"netdev-lo"},
                                           });
