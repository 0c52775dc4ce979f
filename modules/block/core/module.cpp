#include <tenon/module/module.h>

#include "disk.h"

namespace tenon::block {

namespace {

TENON_PARAMETER(u32, hold_ms,
                {.value = 5000,
                 .min = 0,
                 .max = 600'000,
                 .mode = 0644,
                 .description = "how long a disk waits for the next instance of its driver"});
TENON_PARAMETER(bool, hold_always,
                {.value = false,
                 .mode = 0644,
                 .description = "an unload of a driver is taken for a restart (for tests)"});

class BlockCore final : public module::Instance {
  public:
    static Result<std::unique_ptr<BlockCore>> create(module::Context& context) {
        std::unique_ptr<BlockCore> self(new (std::nothrow) BlockCore);
        auto opener = make_opener();
        if (!self || !opener) return Err(Error::nomem);
        start(context);
        // An instance that failed could not give them back.
        give_back_numbers(nullptr);
        TRY(vfs::register_block_device(
            kMajor, 0, kMaxDisks, "blkext",
            module::Gated<vfs::DeviceOpener>::own(std::move(opener), &context.gate())));
        auto numbers = context.hold("block device numbers", &give_back_numbers, nullptr);
        if (!numbers) {
            give_back_numbers(nullptr);
            return Err(numbers.error());
        }
        self->numbers_ = std::move(*numbers);
        return self;
    }
    ~BlockCore() override {
        numbers_.release();
        stop();
    }

  private:
    static void give_back_numbers(void*) { vfs::unregister_block_device(kMajor, 0, kMaxDisks); }
    module::Held numbers_;
};

}  // namespace

u64 hold_limit_ns() {
    return u64{hold_ms.get()} * 1'000'000;
}
bool unload_is_restart() {
    return hold_always.get();
}

}  // namespace tenon::block

TENON_MODULE(tenon::block::BlockCore, {
                                          .name = "block_core",
                                          .version = "1.0",
                                          .description = "Disks: queues, requests, /dev nodes",
                                      });
