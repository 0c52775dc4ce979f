#include <tenon/arch/time.h>
#include <tenon/time/clock.h>

#include "core/time/internal.h"

namespace tenon::time {

namespace {

constexpr i64 kNsPerSecond = 1'000'000'000;

constinit std::atomic<i64> g_offset_ns{0};  // realtime - monotonic
constinit std::atomic<u32> g_steps{0};
// Outermost: its callbacks arm timers and wake other queues.
constinit sync::WaitQueue g_step_queue{sync::LockRank::spin_outer};

}  // namespace

u64 monotonic_ns() {
    return arch::clock_ns();
}
u64 boottime_ns() {
    return arch::clock_ns();
}
i64 realtime_offset_ns() {
    return g_offset_ns.load(std::memory_order_relaxed);
}
i64 realtime_ns() {
    return static_cast<i64>(arch::clock_ns()) + realtime_offset_ns();
}
void set_realtime_ns(i64 value) {
    g_offset_ns.store(value - static_cast<i64>(arch::clock_ns()), std::memory_order_relaxed);
    g_steps.fetch_add(1, std::memory_order_release);
    g_step_queue.wake_all();
}
u32 realtime_step_count() {
    return g_steps.load(std::memory_order_acquire);
}
sync::WaitQueue& realtime_step_queue() {
    return g_step_queue;
}

void init() {
    init_timers();
    g_offset_ns.store(static_cast<i64>(arch::read_wall_clock_seconds()) * kNsPerSecond -
                          static_cast<i64>(arch::clock_ns()),
                      std::memory_order_relaxed);
}

}  // namespace tenon::time
