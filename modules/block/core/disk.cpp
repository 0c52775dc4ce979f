// A disk's life: drivers that come, go and come again.
#include "disk.h"

#include <tenon/time/clock.h>
#include <tenon/trace/log.h>

#include <cstring>

namespace tenon::block {

namespace {

constexpr u64 kMs = 1'000'000;

bool comes_again(const module::Gate& gate) {
    return gate.successor_expected() || unload_is_restart();
}

template <usize N>
void copy_name(char (&to)[N], std::string_view from) {
    std::memcpy(to, from.data(), from.size() < N ? from.size() : N - 1);
}

}  // namespace

Result<Ref<Disk>> Disk::create(module::Context& core, const DiskOptions& options, u32 index,
                               std::string_view module_name) {
    auto* disk = new (std::nothrow) Disk;
    if (disk == nullptr) return Err(Error::nomem);
    Ref<Disk> self = adopt_ref(disk);
    copy_name(disk->name_, options.name);
    copy_name(disk->module_name_, module_name);
    disk->options_ = options;
    disk->options_.name = disk->name_;
    disk->index_ = index;
    disk->size_bytes_ = options.sectors << kSectorShift;
    disk->read_only = options.read_only;
    disk->queues_.reset(new (std::nothrow) HardwareQueue[options.queues]);
    disk->slots_.reset(new (std::nothrow) Slot[options.queues * options.queue_depth]);
    if (!disk->queues_ || !disk->slots_) return Err(Error::nomem);
    for (u32 i = 0; i < options.queues; ++i) disk->queues_[i].init(i, &disk->memory_);
    TRY_ASSIGN(disk->work_, core.make_work<&Disk::tick>(disk));
    TRY_ASSIGN(disk->timer_, core.make_timer<&Disk::on_timer>(disk));
    return self;
}

// The worker may be in tick(), which arms the timer.
Disk::~Disk() {
    over_ = true;
    if (work_) work_.flush();
}

// A completion in an interrupt may still look at it, and its worker may be what drops it.
void Disk::on_last_ref() {
    sync::rcu_delete<offsetof(Disk, rcu)>(this);
}

bool Disk::same_medium(const DiskOptions& o) const {
    return o.sectors == options_.sectors && o.queues == options_.queues &&
           o.queue_depth == options_.queue_depth &&
           o.logical_block_bytes == options_.logical_block_bytes;
}

bool Disk::claim() {
    sync::IrqSpinGuard guard(lock_);
    if (!is_free_locked()) return false;
    return claimed_ = true;
}

void Disk::unclaim() {
    sync::IrqSpinGuard guard(lock_);
    claimed_ = false;
}

bool Disk::give_up() {
    {
        sync::IrqSpinGuard guard(lock_);
        if (!is_free_locked()) return false;
        state_ = State::dead;
    }
    bury();
    return true;
}

void Disk::attach(std::unique_ptr<DiskOps> ops, module::Gate& gate) {
    u64 held_ns = 0;
    // Of the instance before; its last reference may be dropped, so not under the lock.
    Ref<module::Gate> other(&gate);
    {
        sync::MutexGuard opens(open_lock_);
        for (u32 i = 0; i < opens_; ++i) gate.pin();
        sync::IrqSpinGuard guard(lock_);
        ops_ = module::Gated<DiskOps>::own(std::move(ops), &gate);
        gate_.swap(other);
        claimed_ = false;
        refused_since_ns_ = 0;
        if (held_since_ns_ != 0) {
            held_ns = time::monotonic_ns() - held_since_ns_;
            statistics_.longest_hold_ns = std::max(statistics_.longest_hold_ns, held_ns);
        }
        held_since_ns_ = 0;
        state_ = State::live;
    }
    if (held_ns == 0) return;
    log::notice("{}: {} serves it again, {} us held", name(), module_name(), held_ns / 1000);
    // Not from here: the driver's instance is still being made.
    (void)work_.queue();
}

// The driver's handle went. Nothing of it is called any more when this returns.
void Disk::detach() {
    module::Gated<DiskOps> ops;
    Ref<module::Gate> gate;
    {
        sync::MutexGuard opens(open_lock_);
        {
            sync::IrqSpinGuard guard(lock_);
            if (state() != State::live) return;
            state_ = State::held;
            held_since_ns_ = time::monotonic_ns();
            ++statistics_.holds;
            gate = std::move(gate_);
        }
        for (u32 i = 0; i < opens_; ++i) gate->unpin();
    }
    // The driver's own calls have ended; those who came back from one are about to say so. One
    // whose call here was cut off does not.
    constexpr u64 kLeaveNs = 2000 * kMs;
    (void)calls_ended_.wait(
        [&] {
            sync::IrqSpinGuard guard(lock_);
            return calls_ == 0;
        },
        sync::WaitMode::uninterruptible, sync::Deadline::after_ns(kLeaveNs));
    const bool wait = comes_again(*gate);
    {
        sync::IrqSpinGuard guard(lock_);
        ops = std::move(ops_);
        // What the driver had goes to the front, in the order in which it was submitted.
        for (u32 tag = 0; tag < options_.queues * options_.queue_depth; ++tag) {
            if (slots_[tag].request == nullptr) continue;
            wait_again_locked(*take_locked(tag, slots_[tag].generation));
            ++statistics_.replayed;
        }
        if (wait) gate_ = std::move(gate);
    }
    ops.reset();
    if (wait)
        arm(100 * kMs);
    else
        kill();
}

// For good: everything that waits ends, the node goes, open files answer Error::io.
void Disk::kill() {
    {
        sync::IrqSpinGuard guard(lock_);
        if (state() == State::dead) return;
        state_ = State::dead;
    }
    bury();
}

void Disk::bury() {
    fail_waiting(Error::io);
    unpublish();
    mapping_.truncate(0);
    forget_disk(*this);
}

void Disk::tick() {
    if (over_) return;
    u64 now;
    bool gave_up = false, gate_shut = false, again = false;
    {
        sync::IrqSpinGuard guard(lock_);
        // Read under the lock: what was noted under it must not be later than now.
        now = time::monotonic_ns();
        gave_up =
            is_free_locked() && (now - held_since_ns_ >= hold_limit_ns() || !comes_again(*gate_));
        // Under the lock: from here on no instance takes it.
        if (gave_up) state_ = State::dead;
        gate_shut = refused_since_ns_ != 0 && now - refused_since_ns_ >= hold_limit_ns();
        again = state() == State::held || refused_since_ns_ != 0;
    }
    if (gave_up) {
        log::err("{}: {} did not come back: the disk is gone", name(), module_name());
        bury();
        return;
    }
    if (gate_shut) fail_waiting(Error::io);
    for (u32 tag = 0; tag < options_.queues * options_.queue_depth; ++tag) {
        u64 late = 0;
        {
            sync::IrqSpinGuard guard(lock_);
            const IoRequest* r = slots_[tag].request;
            if (r != nullptr && state() == State::live && r->deadline_ns <= now) {
                late = slots_[tag].generation;
                ++statistics_.timeouts;
            }
        }
        if (late == 0) continue;
        log::err("{}: a request was not answered for {} ms", name(), options_.timeout_ns / kMs);
        (void)complete(tag, late, Error::timedout);
    }
    dispatch();
    if (again) {
        arm(10 * kMs);
    } else if (in_flight() != 0) {
        arm(500 * kMs);
    } else {
        ticking_ = false;
        if (in_flight() != 0 && !ticking_.exchange(true)) arm(500 * kMs);
    }
}

void Disk::arm(u64 in_ns) {
    timer_.arm_at(time::monotonic_ns() + in_ns);
}

Result<void> Disk::open(bool exclusive) {
    sync::MutexGuard guard(open_lock_);
    if (!alive()) return Err(Error::nxio);
    if (exclusive && exclusive_) return Err(Error::busy);
    if (exclusive) exclusive_ = true;
    ++opens_;
    sync::IrqSpinGuard state(lock_);
    if (this->state() == State::live) gate_->pin();
    return {};
}

void Disk::close(bool exclusive) {
    bool last;
    {
        sync::MutexGuard guard(open_lock_);
        last = opens_ == 1;
    }
    // While it still counts as open, so that the driver stays.
    if (last && alive()) (void)flush_buffers();
    sync::MutexGuard guard(open_lock_);
    if (exclusive) exclusive_ = false;
    --opens_;
    sync::IrqSpinGuard state(lock_);
    if (this->state() == State::live) gate_->unpin();
}

Statistics Disk::statistics() {
    sync::IrqSpinGuard guard(lock_);
    Statistics s = statistics_;
    if (in_flight_ != 0) s.busy_ns += time::monotonic_ns() - s.busy_since_ns;
    return s;
}

u32 Disk::in_flight() {
    sync::IrqSpinGuard guard(lock_);
    return in_flight_;
}

}  // namespace tenon::block
