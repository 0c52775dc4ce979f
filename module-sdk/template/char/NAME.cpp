// @NAME@: a character device that remembers the last line written to it.
#include <tenon/device/device.h>
#include <tenon/module/module.h>
#include <tenon/sync/mutex.h>
#include <tenon/vfs/char_device.h>

#include <algorithm>

namespace @NAME@ {

using namespace tenon;

// insmod @NAME@.ko limit=80; also in /sys/module/@NAME@/parameters.
TENON_PARAMETER(u32, limit, {.value = 64, .min = 1, .max = 256, .mode = 0644,
                             .description = "bytes of a line that are kept"});

// What all open files share. Guarded by `lock`: user memory is copied under it, so its rank is one that
// page faults may come after.
struct Line {
    sync::Mutex lock{sync::LockRank::pipe};
    char text[256] = {};
    usize length = 0;
};
constinit Line line;

class File final : public vfs::FileOps {
  public:
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        sync::MutexGuard guard(line.lock);
        if (position >= line.length) return usize{0};
        const usize n = std::min<usize>(buffer.remaining(), line.length - position);
        TRY_ASSIGN(const usize moved, buffer.put(line.text + position, n));
        position += moved;
        return moved;
    }
    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64&) override {
        sync::MutexGuard guard(line.lock);
        const usize all = buffer.remaining();
        TRY_ASSIGN(line.length, buffer.get(line.text, std::min<usize>(all, limit)));
        return all;
    }
};

class Opener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        std::unique_ptr<File> file(new (std::nothrow) File);
        if (!file) return Err(Error::nomem);
        return module::Gated<vfs::FileOps>::own(std::move(file));
    }
};

// The module: what it acquires from the Context it holds as members; its destructor is the exit.
class Instance final : public module::Instance {
  public:
    static Result<std::unique_ptr<Instance>> create(module::Context& context) {
        std::unique_ptr<Instance> self(new (std::nothrow) Instance);
        std::unique_ptr<Opener> opener(new (std::nothrow) Opener);
        if (!self || !opener) return Err(Error::nomem);
        TRY_ASSIGN(self->numbers_,
                   context.register_char_device(0, 0, 1, "@NAME@", std::move(opener)));
        // The node: /dev/@NAME@, for everybody.
        TRY_ASSIGN(auto device, device::Device::create({.name = "@NAME@",
                                                        .class_name = "misc",
                                                        .node = {.major = self->numbers_.major(),
                                                                 .mode = 0666}}));
        TRY_ASSIGN(self->node_, context.add_device(std::move(device), nullptr, nullptr));
        log::info("@NAME@: loaded");
        return self;
    }

  private:
    module::CharDevice numbers_;
    module::Held node_;
};

}  // namespace @NAME@

TENON_MODULE(@NAME@::Instance, {
    .name = "@NAME@",
    .version = "0.1",
    .license = "MIT",
    .description = "Remembers the last line written to /dev/@NAME@",
});
