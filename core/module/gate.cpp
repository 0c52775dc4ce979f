// The gate's counters.
//
// Theory. Each CPU counts entries and exits apart, in two phases (as SRCU does), because a task may
// enter on one CPU and leave on another. A gate is quiet when, for each phase, the exits read first
// equal the entries read after: an entry that the second sum misses came after close() and finds
// the gate closed. Two phases let a waiter that does not close the gate (an update) wait for the
// calls that were inside when it asked, however many come after.
#include <tenon/arch/cpu.h>
#include <tenon/module/gate.h>
#include <tenon/process/task.h>
#include <tenon/sync/wait_queue.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/types.h>

#include <cstring>
#include <span>

#include "core/mm/page_alloc.h"

namespace tenon::module {

struct Gate::Counters {
    struct PerCpu {
        std::atomic<u64> entries[2]{};
        std::atomic<u64> exits[2]{};
        u64 apart[4];  // two CPUs do not share a cache line
    };
    std::unique_ptr<PerCpu[]> cpu;
    u32 cpus = 0;
    sync::WaitQueue drained;
    sync::SpinLock watch_lock{sync::LockRank::gate_watch};
    sync::WaitEntry* watchers = nullptr;
};

Result<Ref<Gate>> Gate::create(std::string_view name, u32 tag, bool trusted) {
    Gate* gate = new (mm::OpenToModules{}) Gate;  // they pin it
    if (gate == nullptr) return Err(Error::nomem);
    Ref<Gate> ref = adopt_ref(gate);
    if (!trusted) {
        gate->counters_ = new (std::nothrow) Counters;
        if (gate->counters_ == nullptr) return Err(Error::nomem);
        // Only the CPUs that may come up are given memory.
        gate->counters_->cpus = arch::possible_cpus();
        gate->counters_->cpu.reset(new (std::nothrow) Counters::PerCpu[gate->counters_->cpus]);
        if (!gate->counters_->cpu) return Err(Error::nomem);
    }
    gate->tag_ = tag;
    gate->trusted_ = trusted;
    const usize n = name.size() < sizeof(gate->name_) ? name.size() : sizeof(gate->name_) - 1;
    std::memcpy(gate->name_, name.data(), n);
    return ref;
}

void Gate::watch(sync::WaitEntry& entry) {
    Gate* gate = current_gate();
    if (!counts(gate)) return;
    sync::IrqSpinGuard guard(gate->counters_->watch_lock);
    entry.owner = gate;
    entry.owner_prev = nullptr;
    entry.owner_next = std::exchange(gate->counters_->watchers, &entry);
    if (entry.owner_next != nullptr) entry.owner_next->owner_prev = &entry;
}

void Gate::unwatch(sync::WaitEntry& entry) {
    // Only this registration's holder and the end of its module write it; the holder also keeps the
    // gate, by the file that it waits for.
    Gate* gate = entry.owner;
    if (gate == nullptr) return;
    sync::IrqSpinGuard guard(gate->counters_->watch_lock);
    if (std::exchange(entry.owner, nullptr) == nullptr) return;
    if (entry.owner_next != nullptr) entry.owner_next->owner_prev = entry.owner_prev;
    (entry.owner_prev != nullptr ? entry.owner_prev->owner_next : gate->counters_->watchers) =
        entry.owner_next;
}

void Gate::end_watches() {
    if (counters_ == nullptr) return;
    for (;;) {
        sync::IrqSpinGuard guard(counters_->watch_lock);
        sync::WaitEntry* entry = counters_->watchers;
        if (entry == nullptr) return;
        counters_->watchers = entry->owner_next;
        if (entry->owner_next != nullptr) entry->owner_next->owner_prev = nullptr;
        // Null: it was taken off its queue, and its holder waits for our lock.
        auto* queue = __atomic_load_n(&entry->queue, __ATOMIC_RELAXED);
        if (queue != nullptr) queue->dismiss(*entry, vfs::kPollErr | vfs::kPollHup);
        entry->owner = nullptr;
    }
}

void Gate::on_last_ref() {
    delete counters_;
    delete this;
}

bool Gate::enter(u32& phase) {
    phase = phase_.load(std::memory_order_relaxed) & 1;
    // seq_cst: the entry must be visible before `closed_` is read; pairs with close() then count().
    counters_->cpu[arch::cpu_id()].entries[phase].fetch_add(1, std::memory_order_seq_cst);
    // A call that the module makes into the core may come back into it: those are let in to the
    // end. An interrupt only happens to find the module's own task running.
    if (closed_.load(std::memory_order_seq_cst) &&
        (failed() || current_gate() != this || arch::preempt_count() >= kHardirqOne)) [[unlikely]] {
        leave(phase);
        return false;
    }
    return true;
}

void Gate::leave(u32 phase) {
    counters_->cpu[arch::cpu_id()].exits[phase].fetch_add(1, std::memory_order_seq_cst);
    if (closed_.load(std::memory_order_seq_cst)) [[unlikely]]
        counters_->drained.wake_all();
}

bool Gate::enter_resident() {
    // seq_cst: pairs with fail() and then residents(): either that sees this one, or this sees the
    // failure.
    residents_.fetch_add(1, std::memory_order_seq_cst);
    if (!failed_.load(std::memory_order_seq_cst)) [[likely]]
        return true;
    leave_resident();
    return false;
}

u32 Gate::owner_tag() const {
    return tag_;
}

std::string_view Gate::owner_name() const {
    return name_;
}

void Gate::close() {
    closed_.store(true, std::memory_order_seq_cst);
}

void Gate::open() {
    closed_.store(false, std::memory_order_seq_cst);
}

u64 Gate::count(u32 phase) const {
    u64 exits = 0, entries = 0;
    const std::span cpus(counters_->cpu.get(), counters_->cpus);
    for (const auto& c : cpus) exits += c.exits[phase].load(std::memory_order_seq_cst);
    for (const auto& c : cpus) entries += c.entries[phase].load(std::memory_order_seq_cst);
    return entries - exits;
}

u64 Gate::in_flight() const {
    return counters_ == nullptr ? 0 : count(0) + count(1);
}

Result<void> Gate::quiesce(u64 deadline_ns) {
    if (counters_ == nullptr) return {};
    for (int round = 0; round < 2; ++round) {
        const u32 phase = phase_.fetch_xor(1, std::memory_order_seq_cst) & 1;
        TRY(counters_->drained.wait([&] { return count(phase) == 0; },
                                    sync::WaitMode::uninterruptible, sync::Deadline{deadline_ns}));
    }
    return {};
}

bool Gate::fail(const char* what) {
    const bool first = !failed_.exchange(true, std::memory_order_seq_cst);
    if (first) failure_ = what;
    close();
    return first;
}

Gate* GateAttribution::exchange_current(Gate* gate) {
    return std::exchange(current()->gate, gate);
}

Gate* current_gate() {
    return current()->gate;
}

}  // namespace tenon::module
