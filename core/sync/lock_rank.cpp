// The rank checker of debug kernels.
#include <tenon/arch/smp.h>
#include <tenon/process/task.h>
#include <tenon/sync/spinlock.h>
#include <tenon/trace/log.h>

#if TENON_DEBUG
namespace tenon::sync {

namespace {

constexpr u32 kMaxSpin = 24;
constexpr u32 kMaxSleeping = sizeof(Task::held_locks) / sizeof(Task::held_locks[0]);

struct HeldSpin {
    const void* lock;
    LockRank rank;
    u8 irq_depth;
};
struct CpuHeld {
    HeldSpin held[kMaxSpin];
    u32 count;
};
TENON_PERCPU(CpuHeld, g_held);

bool is_spin(LockRank rank) {
    return rank >= LockRank::spin_outer;
}
u8 irq_depth() {
    return static_cast<u8>(arch::preempt_count() >> 16);
}

[[noreturn]] void inversion(LockRank held, const void* held_lock, LockRank wanted,
                            const void* wanted_lock) {
    log::err("lock rank inversion: {} (rank {}) is held, {} (rank {}) wanted", held_lock,
             static_cast<u32>(held), wanted_lock, static_cast<u32>(wanted));
    panic("lock rank inversion");
}

void acquire_spin(LockRank rank, const void* lock) {
    CpuHeld& cpu = g_held.local();
    const u8 depth = irq_depth();
    for (u32 i = 0; rank != LockRank::none && i < cpu.count; ++i)
        if (cpu.held[i].irq_depth == depth && cpu.held[i].rank >= rank)
            inversion(cpu.held[i].rank, cpu.held[i].lock, rank, lock);
    if (cpu.count < kMaxSpin) cpu.held[cpu.count++] = {lock, rank, depth};
}

void acquire_sleeping(LockRank rank, const void* lock) {
    Task* task = arch::current();
    if (task == nullptr) return;
    // Spin locks outrank every sleeping one, and nothing sleeps under them.
    TENON_ASSERT(irq_depth() == 0);
    for (u32 i = 0; i < task->held_lock_count; ++i)
        if (task->held_locks[i].rank >= rank)
            inversion(task->held_locks[i].rank, task->held_locks[i].lock, rank, lock);
    if (task->held_lock_count < kMaxSleeping)
        task->held_locks[task->held_lock_count++] = {lock, rank};
}

}  // namespace

void rank_acquire(LockRank rank, const void* lock) {
    const IrqGuard guard;
    if (rank == LockRank::none || is_spin(rank))
        acquire_spin(rank, lock);
    else
        acquire_sleeping(rank, lock);
}

// Locks are mostly released in reverse order, but need not be.
void rank_release(LockRank rank, const void* lock) {
    const IrqGuard guard;
    if (rank == LockRank::none || is_spin(rank)) {
        CpuHeld& cpu = g_held.local();
        for (u32 i = cpu.count; i-- > 0;) {
            if (cpu.held[i].lock != lock) continue;
            for (--cpu.count; i < cpu.count; ++i) cpu.held[i] = cpu.held[i + 1];
            return;
        }
        return;
    }
    Task* task = arch::current();
    if (task == nullptr) return;
    for (u32 i = task->held_lock_count; i-- > 0;) {
        if (task->held_locks[i].lock != lock) continue;
        for (--task->held_lock_count; i < task->held_lock_count; ++i)
            task->held_locks[i] = task->held_locks[i + 1];
        return;
    }
}

}  // namespace tenon::sync
#endif

namespace tenon::sync {

// By the task that holds it; spin locks of interrupt handlers nest on the interrupted task's. The
// place is taken before it is written, so that an interrupt between pushes and pops behind it; a
// place without a lock is not written yet, or is nobody's.
void note_module_lock(void* lock, HeldKind kind) {
    Task& task = *current();
    const u32 n = task.module_lock_count;
    task.module_lock_count = n + 1;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (n >= module::kMaxModuleLocks) return;
    task.module_locks[n].kind = kind;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    task.module_locks[n].lock = lock;
}

void forget_module_lock(void* lock) {
    Task& task = *current();
    const u32 n = task.module_lock_count;
    bool found = n > module::kMaxModuleLocks;
    for (u32 i = n < module::kMaxModuleLocks ? n : module::kMaxModuleLocks; i-- > 0;) {
        if (task.module_locks[i].lock != lock) continue;
        for (; i + 1 < n && i + 1 < module::kMaxModuleLocks; ++i)
            task.module_locks[i] = task.module_locks[i + 1];
        task.module_locks[i].lock = nullptr;
        found = true;
        break;
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
    // One that was taken before the call is not among them.
    if (found) task.module_lock_count = n - 1;
}

void SpinLock::lock_tracked() {
    if (word_.exchange(1, std::memory_order_acquire) != 0) [[unlikely]]
        lock_slow();
    note_module_lock(this, HeldKind::spin);
}

bool SpinLock::try_lock_tracked() {
    u32 expected = 0;
    if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire,
                                       std::memory_order_relaxed))
        return false;
    note_module_lock(this, HeldKind::spin);
    return true;
}

void SpinLock::unlock_tracked() {
    forget_module_lock(this);
    word_.store(0, std::memory_order_release);
}

// Leaf text: who spins here for ever can be cut off.
[[gnu::section(".text.leaf")]] void SpinLock::lock_slow() {
    const bool irqs_off = !arch::irqs_enabled();
    do {
        // Reads only, so that the line stays shared until the lock is free.
        while (word_.load(std::memory_order_relaxed) != 0) {
            arch::cpu_relax();
            // The holder may be waiting for this CPU to flush its TLB.
            if (irqs_off) arch::serve_remote();
        }
    } while (word_.exchange(1, std::memory_order_acquire) != 0);
}

}  // namespace tenon::sync
