// The code of the vDSO: runs in user mode, on any thread, in signal handlers. No kernel headers, no
// relocations, no writable data. Spec: man 7 vdso; Linux Documentation/ABI/stable/vdso.
#include <asm/unistd.h>
#include <linux/time.h>
#include <tenon/arch/user_code.h>

#include "personality/linux/exec/vdso_data.h"

using tenon::personality::vdso::Data;
using tenon::personality::vdso::kCoarseTickNs;
using u64 = unsigned long long;
using i64 = long long;
using tenon::arch::user::system_call;

extern "C" {

// One page before the image: the linker script says so.
extern const Data vvar __attribute__((visibility("hidden")));
}

namespace {

constexpr i64 kSecond = 1'000'000'000;

// Nanoseconds of the monotonic clock; false when the counter cannot be used.
bool read_clock(u64& monotonic_ns, i64& offset_ns) {
    for (;;) {
        const unsigned before = __atomic_load_n(&vvar.sequence, __ATOMIC_ACQUIRE);
        if (before & 1) continue;
        if (!vvar.usable) return false;
        // Not earlier than the sequence.
        const u64 cycles = tenon::arch::user::read_counter();
        const u64 delta = cycles > vvar.base_cycles ? cycles - vvar.base_cycles : 0;
        monotonic_ns =
            vvar.base_ns +
            static_cast<u64>((static_cast<unsigned __int128>(delta) * vvar.mult) >> vvar.shift);
        offset_ns = vvar.realtime_offset_ns;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (vvar.sequence == before) return true;
    }
}

bool read_realtime(i64& ns) {
    u64 monotonic;
    i64 offset;
    if (!read_clock(monotonic, offset)) return false;
    ns = static_cast<i64>(monotonic) + offset;
    return true;
}

}  // namespace

extern "C" {

#define EXPORT __attribute__((visibility("default")))

EXPORT int __vdso_clock_gettime(int clock, __kernel_timespec* ts) {
    u64 monotonic;
    i64 offset, ns;
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_COARSE:
            if (!read_realtime(ns)) break;
            if (clock == CLOCK_REALTIME_COARSE) ns -= ns % kCoarseTickNs;
            ts->tv_sec = ns / kSecond;
            ts->tv_nsec = ns % kSecond;
            return 0;
        case CLOCK_MONOTONIC:
        case CLOCK_MONOTONIC_COARSE:
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_BOOTTIME:
            if (!read_clock(monotonic, offset)) break;
            if (clock == CLOCK_MONOTONIC_COARSE) monotonic -= monotonic % kCoarseTickNs;
            ts->tv_sec = static_cast<i64>(monotonic / kSecond);
            ts->tv_nsec = static_cast<i64>(monotonic % kSecond);
            return 0;
        default:
            break;
    }
    return static_cast<int>(system_call(__NR_clock_gettime, clock, reinterpret_cast<long>(ts)));
}

EXPORT int __vdso_gettimeofday(__kernel_old_timeval* tv, void* zone) {
    i64 ns;
    if (zone != nullptr || tv == nullptr || !read_realtime(ns))
        return static_cast<int>(system_call(__NR_gettimeofday, reinterpret_cast<long>(tv),
                                            reinterpret_cast<long>(zone)));
    tv->tv_sec = ns / kSecond;
    tv->tv_usec = ns % kSecond / 1000;
    return 0;
}

EXPORT long __vdso_time(long* out) {
    i64 ns;
    if (!read_realtime(ns)) return system_call(__NR_time, reinterpret_cast<long>(out), 0);
    const long seconds = static_cast<long>(ns / kSecond);
    if (out != nullptr) *out = seconds;
    return seconds;
}

EXPORT int __vdso_clock_getres(int clock, __kernel_timespec* ts) {
    return static_cast<int>(system_call(__NR_clock_getres, clock, reinterpret_cast<long>(ts)));
}

EXPORT long __vdso_getcpu(unsigned* cpu, unsigned* node, void*) {
    return system_call(__NR_getcpu, reinterpret_cast<long>(cpu), reinterpret_cast<long>(node));
}

#define WEAK __attribute__((weak, visibility("default")))
WEAK int clock_gettime(int, __kernel_timespec*) __attribute__((alias("__vdso_clock_gettime")));
WEAK int gettimeofday(__kernel_old_timeval*, void*) __attribute__((alias("__vdso_gettimeofday")));
WEAK long time(long*) __attribute__((alias("__vdso_time")));
WEAK int clock_getres(int, __kernel_timespec*) __attribute__((alias("__vdso_clock_getres")));
WEAK long getcpu(unsigned*, unsigned*, void*) __attribute__((alias("__vdso_getcpu")));

}  // extern "C"
