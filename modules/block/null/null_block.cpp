// A disk without hardware: in memory, or forgetting what is written.
//
// The contents are in the disk's PageStore, which the block layer keeps while an instance of this
// module follows another. save() carries what the next one must agree on, and the counters.
#include <tenon/block/block.h>
#include <tenon/module/module.h>
#include <tenon/sync/spinlock.h>
#include <tenon/time/clock.h>

#include <algorithm>
#include <cstring>

namespace tenon::null_block {

namespace {

TENON_PARAMETER(u32, size_mb, {.value = 64, .min = 1, .max = 65536, .description = "size in MiB"});
TENON_PARAMETER(u32, queues, {.value = 1, .min = 1, .max = 16, .description = "hardware queues"});
TENON_PARAMETER(u32, depth,
                {.value = 64, .min = 1, .max = 256, .description = "requests in flight, a queue"});
TENON_PARAMETER(u32, block_size,
                {.value = 512, .min = 512, .max = 4096, .description = "logical block, bytes"});
TENON_PARAMETER(bool, memory_backed,
                {.value = true, .description = "false: writes are forgotten, reads are zeros"});
TENON_PARAMETER(std::string_view, completion,
                {.value = "inline", .description = "inline, timer (in irq context) or worker"});
TENON_PARAMETER(u64, completion_ns,
                {.value = 10'000,
                 .max = 10'000'000'000,
                 .mode = 0644,
                 .description = "how long a request takes, by timer"});

enum class Mode : u8 { in_place, timer, worker };

struct Saved {
    static constexpr u32 kVersion = 1;
    u32 version = kVersion;
    u32 memory_backed = 0;
    u64 sectors = 0;
    u64 pages = 0;       // of the store; a check, not the contents
    u64 served[4] = {};  // requests by operation
};

class NullDisk final : public block::DiskOps {
  public:
    static Result<std::unique_ptr<NullDisk>> create(module::Context& context, Mode mode) {
        std::unique_ptr<NullDisk> self(new (std::nothrow) NullDisk(mode));
        if (!self) return Err(Error::nomem);
        self->room_ = queues * depth;
        self->pending_.reset(new (std::nothrow) Pending[self->room_]);
        if (!self->pending_) return Err(Error::nomem);
        if (mode == Mode::timer) {
            TRY_ASSIGN(self->timer_, context.make_timer<&NullDisk::on_timer>(self.get()));
        }
        if (mode == Mode::worker) {
            TRY_ASSIGN(self->work_, context.make_work<&NullDisk::on_work>(self.get()));
        }
        return self;
    }

    Result<void> submit(block::Queue& queue, const block::Request& request) override {
        store_.store(&queue.store(), std::memory_order_relaxed);
        if (memory_backed) {
            TRY(move(queue.store(), request));
        } else if (request.operation() == block::Operation::read) {
            for (const block::Segment& s : request.segments())
                std::memset(bytes(s.page) + s.offset, 0, s.length_bytes);
        }
        served_[static_cast<u8>(request.operation())].fetch_add(1, std::memory_order_relaxed);
        if (mode_ == Mode::in_place) {
            (void)block::complete(request.handle(), Error::none);
            return {};
        }
        const u64 due_ns = time::monotonic_ns() + completion_ns;
        bool first;
        {
            sync::IrqSpinGuard guard(lock_);
            if (count_ == room_) return Err(Error::again);
            pending_[(first_ + count_) % room_] = {request.handle(), due_ns};
            first = count_++ == 0;
        }
        if (mode_ == Mode::worker)
            (void)work_.queue();
        else if (first)
            timer_.arm_at(due_ns);
        return {};
    }

    void fill(Saved& saved) const {
        for (u32 i = 0; i < 4; ++i) saved.served[i] = served_[i].load(std::memory_order_relaxed);
        const block::PageStore* store = store_.load(std::memory_order_relaxed);
        saved.pages = store != nullptr ? store->page_count() : 0;
    }
    void take(const Saved& saved) {
        for (u32 i = 0; i < 4; ++i) served_[i] += saved.served[i];
    }

  private:
    struct Pending {
        block::RequestHandle handle;
        u64 due_ns = 0;
    };
    explicit NullDisk(Mode mode) : mode_(mode) {}
    static u8* bytes(mm::Page* page) { return static_cast<u8*>(mm::page_address(page)); }

    static Result<void> move(block::PageStore& store, const block::Request& request) {
        const u64 start = request.sector() << block::kSectorShift;
        const u64 end = start + (request.sectors() << block::kSectorShift);
        if (request.operation() == block::Operation::flush) return {};
        if (request.operation() == block::Operation::discard) {
            // Whole pages; what is left of others keeps its bytes, as a discard may.
            const u64 first = (start + kPageSize - 1) >> kPageShift, last = end >> kPageShift;
            if (first < last) store.discard(first, last);
            return {};
        }
        const bool is_write = request.operation() == block::Operation::write;
        u64 at = start;
        for (const block::Segment& s : request.segments()) {
            for (u32 done = 0; done < s.length_bytes;) {
                const u32 offset = at & (kPageSize - 1);
                const u32 part = std::min<u32>(s.length_bytes - done, kPageSize - offset);
                u8* memory = bytes(s.page) + s.offset + done;
                TRY_ASSIGN(mm::Page * page, store.page(at >> kPageShift, is_write));
                if (page == nullptr) {
                    std::memset(memory, 0, part);
                } else {
                    u8* kept = bytes(page) + offset;
                    std::memcpy(is_write ? kept : memory, is_write ? memory : kept, part);
                    mm::page_unref(page);
                }
                at += part;
                done += part;
            }
        }
        return {};
    }

    // Answers what is due; the time of the next, or 0.
    u64 finish_until(u64 now) {
        for (;;) {
            Pending next;
            {
                sync::IrqSpinGuard guard(lock_);
                if (count_ == 0) return 0;
                next = pending_[first_];
                if (next.due_ns > now) return next.due_ns;
                first_ = (first_ + 1) % room_;
                --count_;
            }
            (void)block::complete(next.handle, Error::none);
        }
    }
    void on_timer() {
        if (const u64 next = finish_until(time::monotonic_ns())) timer_.arm_at(next);
    }
    void on_work() { (void)finish_until(~u64{0}); }

    const Mode mode_;
    std::atomic<u64> served_[4] = {};
    std::atomic<const block::PageStore*> store_{nullptr};
    sync::SpinLock lock_;
    std::unique_ptr<Pending[]> pending_;  // a ring, by time
    u32 room_ = 0, first_ = 0, count_ = 0;
    module::WorkHandle work_;
    module::TimerHandle timer_;
};

class NullBlock final : public module::Instance {
  public:
    static Result<std::unique_ptr<NullBlock>> create(module::Context& context) {
        TRY_ASSIGN(const Mode mode,
                   module::choice<Mode>(completion, {"inline", "timer", "worker"}));
        std::unique_ptr<NullBlock> self(new (std::nothrow) NullBlock);
        if (!self) return Err(Error::nomem);
        TRY_ASSIGN(auto ops, NullDisk::create(context, mode));
        self->ops_ = ops.get();
        TRY_ASSIGN(self->disk_, block::register_disk(context,
                                                     {.name = "nullb0",
                                                      .sectors = sectors(),
                                                      .logical_block_bytes = block_size,
                                                      .physical_block_bytes = block_size,
                                                      .queues = queues,
                                                      .queue_depth = depth,
                                                      .can_discard = memory_backed},
                                                     std::move(ops)));
        return self;
    }

    Result<usize> save(std::span<u8> out) override {
        Saved saved{.memory_backed = memory_backed, .sectors = sectors()};
        ops_->fill(saved);
        return module::put_state(out, saved);
    }
    Result<void> restore(std::span<const u8> from, u32) override {
        TRY_ASSIGN(const Saved saved, module::get_state<Saved>(from));
        if (saved.version != Saved::kVersion || saved.sectors != sectors() ||
            saved.memory_backed != u32{memory_backed})
            return Err(Error::inval);
        ops_->take(saved);
        log::info("nullb0: goes on after {} reads and {} writes, {} pages in memory",
                  saved.served[0], saved.served[1], saved.pages);
        return {};
    }

  private:
    static u64 sectors() { return u64{size_mb} << (20 - block::kSectorShift); }
    NullDisk* ops_ = nullptr;  // the block layer's to destroy, with disk_
    module::Held disk_;
};

}  // namespace
}  // namespace tenon::null_block

TENON_MODULE(tenon::null_block::NullBlock, {
                                               .name = "null_block",
                                               .version = "1.0",
                                               .description = "A disk in memory",
                                               .needs = {"block_core>=1.0,<2"},
                                               .restart = tenon::module::Restart::with_providers,
                                           });
