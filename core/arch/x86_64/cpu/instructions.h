// The instructions that C++ has no word for.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

struct CpuidResult {
    u32 a, b, c, d;
};
inline CpuidResult cpuid(u32 leaf, u32 subleaf = 0) {
    CpuidResult r;
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}

inline u64 rdmsr(u32 msr) {
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64{high} << 32) | low;
}
inline void wrmsr(u32 msr, u64 value) {
    asm volatile("wrmsr" ::"c"(msr), "a"(static_cast<u32>(value)),
                 "d"(static_cast<u32>(value >> 32))
                 : "memory");
}

enum Msr : u32 {
    kMsrTsc = 0x10,
    kMsrApicBase = 0x1b,
    kMsrTscDeadline = 0x6e0,
    kMsrX2apic = 0x800,
    kMsrEfer = 0xc0000080,
    kMsrStar = 0xc0000081,
    kMsrLstar = 0xc0000082,
    kMsrCstar = 0xc0000083,
    kMsrFmask = 0xc0000084,
    kMsrFsBase = 0xc0000100,
    kMsrGsBase = 0xc0000101,
    kMsrKernelGsBase = 0xc0000102,
    kMsrTscAux = 0xc0000103,
    kMsrPat = 0x277,
    kMsrPkrs = 0x6e1,
    kMsrSysenterCs = 0x174,
};

inline u64 rdtsc() {
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64{high} << 32) | low;
}

#define TENON_CONTROL_REGISTER(n)                               \
    inline u64 read_cr##n() {                                   \
        u64 v;                                                  \
        asm volatile("mov %%cr" #n ", %0" : "=r"(v)::"memory"); \
        return v;                                               \
    }                                                           \
    inline void write_cr##n(u64 v) {                            \
        asm volatile("mov %0, %%cr" #n ::"r"(v) : "memory");    \
    }
TENON_CONTROL_REGISTER(0)
TENON_CONTROL_REGISTER(2)
TENON_CONTROL_REGISTER(3)
TENON_CONTROL_REGISTER(4)
#undef TENON_CONTROL_REGISTER

enum Cr4 : u64 {
    kCr4Tsd = 1 << 2,
    kCr4Pge = 1 << 7,
    kCr4Osfxsr = 1 << 9,
    kCr4Osxmmexcpt = 1 << 10,
    kCr4Umip = 1 << 11,
    kCr4Fsgsbase = 1 << 16,
    kCr4Osxsave = 1 << 18,
    kCr4Smep = 1 << 20,
    kCr4Smap = 1 << 21,
    kCr4Pks = 1 << 24,
};
enum Cr0 : u64 {
    kCr0Mp = 1 << 1,
    kCr0Em = 1 << 2,
    kCr0Ts = 1 << 3,
    kCr0Ne = 1 << 5,
    kCr0Wp = 1 << 16
};

inline void invlpg(u64 va) {
    asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

inline void out8(u16 port, u8 v) {
    asm volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}
inline void out16(u16 port, u16 v) {
    asm volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}
inline void out32(u16 port, u32 v) {
    asm volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}
inline u8 in8(u16 port) {
    u8 v;
    asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
inline u16 in16(u16 port) {
    u16 v;
    asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
inline u32 in32(u16 port) {
    u32 v;
    asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

}  // namespace tenon::arch::x86
