// @NAME@: a disk whose contents are in memory, and which takes its time.
//
// A request is noted when it comes, and answered by a timer. The block layer keeps the requests: should
// this module be restarted or updated meanwhile, those that it had come again, and programs see a delay.
#include <tenon/block/block.h>
#include <tenon/module/module.h>
#include <tenon/sync/spinlock.h>
#include <tenon/time/clock.h>

#include <algorithm>
#include <cstring>

namespace @NAME@ {

using namespace tenon;

// insmod @NAME@.ko size_mb=64; also in /sys/module/@NAME@/parameters.
TENON_PARAMETER(u32, size_mb, {.value = 16, .min = 1, .max = 1024, .description = "size in MiB"});
TENON_PARAMETER(u64, delay_us, {.value = 50, .max = 10'000'000, .mode = 0644,
                                .description = "how long a request takes"});

constexpr u32 kDepth = 64;  // requests under way

class Disk final : public block::DiskOps {
  public:
    static Result<std::unique_ptr<Disk>> create(module::Context& context) {
        std::unique_ptr<Disk> self(new (std::nothrow) Disk);
        if (!self) return Err(Error::nomem);
        TRY_ASSIGN(self->timer_, context.make_timer<&Disk::on_timer>(self.get()));
        return self;
    }

    // Thread context, may sleep. `request` is the block layer's: only its handle may be kept.
    Result<void> submit(block::Queue& queue, const block::Request& request) override {
        TRY(carry_out(queue.store(), request));
        bool first;
        {
            sync::IrqSpinGuard guard(lock_);
            if (count_ == kDepth) return Err(Error::again);
            waiting_[(first_ + count_) % kDepth] = request.handle();
            first = count_++ == 0;
        }
        if (first) timer_.arm_at(time::monotonic_ns() + delay_us.get() * 1000);
        return {};
    }

  private:
    // Real hardware would be told of request.segments() here; this one copies. The pages belong to the
    // disk, which the block layer keeps when this module goes in order to come again.
    static Result<void> carry_out(block::PageStore& store, const block::Request& request) {
        u64 at = request.sector() << block::kSectorShift;
        const u64 end = at + (request.sectors() << block::kSectorShift);
        if (request.operation() == block::Operation::flush) return {};
        if (request.operation() == block::Operation::discard) {
            const u64 first = (at + kPageSize - 1) >> kPageShift, last = end >> kPageShift;
            if (first < last) store.discard(first, last);
            return {};
        }
        const bool is_write = request.operation() == block::Operation::write;
        for (const block::Segment& s : request.segments()) {
            u8* memory = static_cast<u8*>(mm::page_address(s.page)) + s.offset;
            for (u32 done = 0, n; done < s.length_bytes; done += n, at += n) {
                const u32 offset = at & (kPageSize - 1);
                n = std::min<u32>(s.length_bytes - done, static_cast<u32>(kPageSize) - offset);
                TRY_ASSIGN(mm::Page * page, store.page(at >> kPageShift, is_write));
                if (page == nullptr) {  // a hole
                    std::memset(memory + done, 0, n);
                    continue;
                }
                u8* kept = static_cast<u8*>(mm::page_address(page)) + offset;
                std::memcpy(is_write ? kept : memory + done, is_write ? memory + done : kept, n);
                mm::page_unref(page);
            }
        }
        return {};
    }

    // In irq context: answers the oldest.
    void on_timer() {
        block::RequestHandle next;
        bool more;
        {
            sync::IrqSpinGuard guard(lock_);
            next = waiting_[first_];
            first_ = (first_ + 1) % kDepth;
            more = --count_ != 0;
        }
        (void)block::complete(next, Error::none);
        if (more) timer_.arm_at(time::monotonic_ns() + delay_us.get() * 1000);
    }

    sync::SpinLock lock_;
    block::RequestHandle waiting_[kDepth];  // a ring
    u32 first_ = 0, count_ = 0;
    module::TimerHandle timer_;  // last: it uses what is above
};

// The module: what it acquires from the Context it holds as members; its destructor is the exit.
class Instance final : public module::Instance {
  public:
    static Result<std::unique_ptr<Instance>> create(module::Context& context) {
        std::unique_ptr<Instance> self(new (std::nothrow) Instance);
        if (!self) return Err(Error::nomem);
        TRY_ASSIGN(auto disk, Disk::create(context));
        TRY_ASSIGN(self->disk_,
                   block::register_disk(context,
                                        {.name = "@NAME@",
                                         .sectors = u64{size_mb} << (20 - block::kSectorShift),
                                         .queue_depth = kDepth,
                                         .can_discard = true},
                                        std::move(disk)));
        return self;
    }

  private:
    module::Held disk_;
};

}  // namespace @NAME@

TENON_MODULE(@NAME@::Instance, {
    .name = "@NAME@",
    .version = "0.1",
    .license = "MIT",
    .description = "A disk in memory: /dev/@NAME@",
    .needs = {"block_core>=1.0,<2"},
});
