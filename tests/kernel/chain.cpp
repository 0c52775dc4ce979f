// CHAIN says which link of the chain this is: 1, 2, 3, or 4 for the soft one.
#include "chain.h"

#include <tenon/device/device.h>
#include <tenon/mm/fail.h>
#include <tenon/module/module.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/char_device.h>

namespace tenon::ktest {

#if CHAIN == 2
u32 chain_2() {
    return chain_3() + 1;
}
#elif CHAIN == 3
u32 chain_3() {
    return 1;
}
#endif

namespace {

constexpr const char* kNames[] = {"", "chain1", "chain2", "chain3", "chain_soft"};

class Opener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        return Err(Error::nxio);
    }
};

class Link final : public module::Instance {
  public:
    static Result<std::unique_ptr<Link>> create(module::Context& context) {
        std::unique_ptr<Link> self(new (std::nothrow) Link);
        if (!self) return Err(Error::nomem);
        TRY(self->take(context));
#if CHAIN == 1
        if (chain_2() != 2) return Err(Error::proto);
#elif CHAIN == 2
        if (chain_3() != 1) return Err(Error::proto);
#endif
        return self;
    }

  private:
    static Result<void> step() {
        return mm::testing::fail_here() ? Result<void>(Err(Error::io)) : Result<void>{};
    }
    static void on_timer(void* self) {
        auto& link = *static_cast<Link*>(self);
        link.timer_.arm_at(time::monotonic_ns() + 500'000'000);
    }

    Result<void> take(module::Context& context) {
        arch::MsiMessage message;
        TRY(step());
        TRY_ASSIGN(irq_, context.request_msi([](void*) { return irq::Handled::yes; }, nullptr, this,
                                             message));
        TRY(step());
        TRY_ASSIGN(timer_, context.make_timer(&on_timer, this));
        timer_.arm_at(time::monotonic_ns() + 500'000'000);
        TRY(step());
        std::unique_ptr<vfs::DeviceOpener> opener(new (std::nothrow) Opener);
        if (!opener) return Err(Error::nomem);
        TRY_ASSIGN(numbers_,
                   context.register_char_device(0, 0, 1, kNames[CHAIN], std::move(opener)));
        TRY(step());
        TRY_ASSIGN(auto device, device::Device::create(
                                    {.name = kNames[CHAIN], .node = {.major = numbers_.major()}}));
        TRY_ASSIGN(node_, context.add_device(std::move(device), nullptr, nullptr));
        TRY(step());
        TRY_ASSIGN(dma_, context.alloc_dma(2 * kPageSize));
        return step();
    }

    module::Held irq_, node_;
    module::TimerHandle timer_;
    module::CharDevice numbers_;
    module::DmaBuffer dma_;
};

}  // namespace
}  // namespace tenon::ktest

TENON_MODULE(tenon::ktest::Link, {
    .name = TENON_MODULE_NAME, .version = "1.0",
    .description = "loaded and taken back by ktest_rollback",
#if CHAIN == 1
    .needs = {"ktest_chain_2>=1.0,<2", "ktest_chain_3"}, .softdeps = {"post: ktest_chain_soft"},
#elif CHAIN == 2
                                     .needs = {"ktest_chain_3>=1.0"},
#elif CHAIN == 4
                                     .needs = {"ktest_chain_3"},
#endif
    .imports = {"tenon::mm::testing"},
});
