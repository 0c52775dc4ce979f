#include <tenon/arch/smp.h>
#include <tenon/sync/spinlock.h>

namespace tenon::sync {

void SpinLock::lock_slow() {
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
