// Spec: man 2 eventfd.
#include "personality/linux/poll/eventfd.h"

#include <tenon/vfs/pipe.h>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

constexpr u32 EFD_SEMAPHORE = 1;
constexpr u64 kMax = ~u64{0} - 1;
constinit const u8 kTag = 0;

class EventFd final : public vfs::FileOps {
  public:
    EventFd(u64 count, bool semaphore) : count_(count), semaphore_(semaphore) {}

    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        if (buffer.remaining() < sizeof(u64)) return Err(Error::inval);
        u64 taken = 0;
        auto take = [&] {
            u64 now = count_.load(std::memory_order_acquire);
            while (now != 0) {
                u64 part = semaphore_ ? 1 : now;
                if (count_.compare_exchange_weak(now, now - part, std::memory_order_acq_rel)) {
                    taken = part;
                    return true;
                }
            }
            return false;
        };
        if (!take()) {
            if (file.nonblocking()) return Err(Error::again);
            TRY(wait_.wait(take));
        }
        wait_.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
        return buffer.put(&taken, sizeof(taken));
    }

    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        if (buffer.remaining() < sizeof(u64)) return Err(Error::inval);
        u64 more;
        TRY_ASSIGN(usize got, buffer.get(&more, sizeof(more)));
        if (got != sizeof(more)) return Err(Error::fault);
        if (more == ~u64{0}) return Err(Error::inval);
        auto add = [&] {
            u64 now = count_.load(std::memory_order_acquire);
            while (kMax - now >= more)
                if (count_.compare_exchange_weak(now, now + more, std::memory_order_acq_rel))
                    return true;
            return false;
        };
        if (!add()) {
            if (file.nonblocking()) return Err(Error::again);
            TRY(wait_.wait(add));
        }
        wait_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
        return sizeof(more);
    }

    u32 poll(vfs::File&, vfs::PollTable* table) override {
        if (table != nullptr) table->add(wait_);
        u64 now = count_.load(std::memory_order_acquire);
        u32 events = 0;
        if (now > 0) events |= vfs::kPollIn;
        if (now == ~u64{0}) events |= vfs::kPollErr;
        if (now < kMax) events |= vfs::kPollOut;
        return events;
    }
    void describe(vfs::File&, fmt::Sink& sink) override {
        fmt::print(sink, "eventfd-count: {:16x}\n", count_.load(std::memory_order_relaxed));
    }
    bool is_stream() const override { return true; }
    const void* tag() const override { return &kTag; }
    void signal(u64 more) {
        u64 now = count_.load(std::memory_order_acquire);
        while (!count_.compare_exchange_weak(now, kMax - now < more ? kMax + 1 : now + more,
                                             std::memory_order_acq_rel)) {
        }
        wait_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    }
    // Seeking is allowed and goes nowhere.
    Result<u64> seek(vfs::File&, i64, Whence) override { return u64{0}; }

  private:
    std::atomic<u64> count_;
    bool semaphore_;
    sync::WaitQueue wait_;
};

}  // namespace

Result<Ref<vfs::File>> eventfd_file(i32 fd) {
    TRY_ASSIGN(auto file, current()->files->get(fd));
    if (file->tag() != &kTag) return Err(file->is_path_only() ? Error::badf : Error::inval);
    return file;
}

void signal_eventfd(vfs::File& file, u64 count) {
    static_cast<EventFd*>(file.raw_ops())->signal(count);
}

Result<i64> sys_eventfd2(u32 count, u32 flags) {
    if (flags & ~static_cast<u32>(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)) return Err(Error::inval);
    auto ops = mm::make<EventFd>(count, (flags & EFD_SEMAPHORE) != 0);
    if (!ops) return Err(Error::nomem);
    TRY_ASSIGN(Ref<vfs::File> file,
               vfs::make_anonymous_file("anon_inode:[eventfd]",
                                        module::Gated<vfs::FileOps>::own(std::move(ops), nullptr),
                                        vfs::kOpenRead | vfs::kOpenWrite |
                                            ((flags & O_NONBLOCK) ? u32{vfs::kOpenNonblock} : 0)));
    return install_file(std::move(file), flags & O_CLOEXEC);
}
Result<i64> sys_eventfd(u32 count) {
    return sys_eventfd2(count, 0);
}

}  // namespace tenon::personality
