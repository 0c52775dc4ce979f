#pragma once

namespace tenon::arch::user {

inline long system_call(long number, long a, long b) {
    long result;
    // SAFETY: clobbers are those of SYSCALL (Intel SDM 2B): rcx and r11.
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

// LFENCE: RDTSC is not ordered by itself (Intel SDM 2B RDTSC).
inline unsigned long long read_counter() {
    __builtin_ia32_lfence();
    return __builtin_ia32_rdtsc();
}

}  // namespace tenon::arch::user
