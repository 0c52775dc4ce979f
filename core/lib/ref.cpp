// Reference counts of the core's objects, for modules that can fail.
#include <tenon/lib/ref.h>

namespace tenon::detail {

void ref_for_module(std::atomic<u32>& refs) {
    refs.fetch_add(1, std::memory_order_relaxed);
}

bool try_ref_for_module(std::atomic<u32>& refs) {
    u32 n = refs.load(std::memory_order_relaxed);
    while (n != 0 && !refs.compare_exchange_weak(n, n + 1, std::memory_order_acquire,
                                                 std::memory_order_relaxed)) {
    }
    return n != 0;
}

u32 unref_for_module(std::atomic<u32>& refs) {
    return refs.fetch_sub(1, std::memory_order_acq_rel);
}

}  // namespace tenon::detail
