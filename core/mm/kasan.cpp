#include "core/mm/kasan.h"

#if TENON_KASAN
#include <tenon/arch/page_table.h>
#include <tenon/lib/assert.h>
#include <tenon/trace/log.h>

namespace tenon::mm::kasan {

namespace {

constexpr u8 kClosed = 0xff;
constinit u8* shadow = nullptr;
constinit u64 covered = 0;  // bytes of physical memory
constinit bool reported = false;

uptr offset_of(const void* p) {
    return reinterpret_cast<uptr>(p) - reinterpret_cast<uptr>(arch::phys_to_virt(PhysAddr{0}));
}

bool is_bad(const void* p, usize size_bytes) {
    const uptr start = offset_of(p);
    if (start >= covered || size_bytes == 0) return false;  // also before init()
    const uptr last = start + size_bytes - 1;
    for (uptr granule = start >> 3; granule <= last >> 3; ++granule) {
        const u8 s = shadow[granule];
        if (s == 0 || (s < 8 && granule == last >> 3 && (last & 7) < s)) continue;
        return true;
    }
    return false;
}

void report(const void* p, usize size_bytes, const char* what, const void* by) {
    if (__atomic_exchange_n(&reported, true, __ATOMIC_RELAXED)) return;
    log::err("kasan: {} of {} bytes at {} by {}, shadow {:#x}", what, size_bytes, p, by,
             static_cast<u32>(shadow[offset_of(p) >> 3]));
    panic("memory error");
}

inline void access(const void* p, usize size_bytes, bool is_write, const void* by) {
    if (is_bad(p, size_bytes)) [[unlikely]]
        report(p, size_bytes, is_write ? "write" : "read", by);
}

}  // namespace

void init(u8* memory, u64 bytes) {
    for (u64 i = 0; i < bytes >> 3; ++i) memory[i] = 0;
    shadow = memory;
    covered = bytes;
}

void open(const void* p, usize used_bytes, usize room_bytes) {
    if (shadow == nullptr) return;
    u8* s = shadow + (offset_of(p) >> 3);
    usize granule = 0;
    for (; granule < used_bytes >> 3; ++granule) s[granule] = 0;
    if ((used_bytes & 7) != 0) s[granule++] = used_bytes & 7;
    for (; granule < room_bytes >> 3; ++granule) s[granule] = kClosed;
}

void close(const void* p, usize room_bytes) {
    if (shadow == nullptr) return;
    if (shadow[offset_of(p) >> 3] == kClosed)
        report(p, room_bytes, "second free", __builtin_return_address(0));
    open(p, 0, room_bytes);
}

void check(const void* p, usize size_bytes, bool is_write) {
    access(p, size_bytes, is_write, __builtin_return_address(0));
}

}  // namespace tenon::mm::kasan

// What the compiler calls (GCC, -fsanitize=kernel-address).
extern "C" {
#define TENON_KASAN_ACCESS(n)                                               \
    TENON_API void __asan_load##n##_noabort(const void* p) {                \
        tenon::mm::kasan::access(p, n, false, __builtin_return_address(0)); \
    }                                                                       \
    TENON_API void __asan_store##n##_noabort(const void* p) {               \
        tenon::mm::kasan::access(p, n, true, __builtin_return_address(0));  \
    }
TENON_KASAN_ACCESS(1)
TENON_KASAN_ACCESS(2)
TENON_KASAN_ACCESS(4)
TENON_KASAN_ACCESS(8)
TENON_KASAN_ACCESS(16)
TENON_API void __asan_loadN_noabort(const void* p, tenon::usize n) {
    tenon::mm::kasan::access(p, n, false, __builtin_return_address(0));
}
TENON_API void __asan_storeN_noabort(const void* p, tenon::usize n) {
    tenon::mm::kasan::access(p, n, true, __builtin_return_address(0));
}
TENON_API void __asan_handle_no_return() {}

// The block operations, checked; core/arch has the real ones under these names.
[[gnu::visibility("hidden")]] void* raw_memcpy(void* to, const void* from, tenon::usize n);
[[gnu::visibility("hidden")]] void* raw_memmove(void* to, const void* from, tenon::usize n);
[[gnu::visibility("hidden")]] void* raw_memset(void* to, int byte, tenon::usize n);

TENON_API void* memcpy(void* to, const void* from, tenon::usize n) {
    tenon::mm::kasan::access(from, n, false, __builtin_return_address(0));
    tenon::mm::kasan::access(to, n, true, __builtin_return_address(0));
    return raw_memcpy(to, from, n);
}
TENON_API void* memmove(void* to, const void* from, tenon::usize n) {
    tenon::mm::kasan::access(from, n, false, __builtin_return_address(0));
    tenon::mm::kasan::access(to, n, true, __builtin_return_address(0));
    return raw_memmove(to, from, n);
}
TENON_API void* memset(void* to, int byte, tenon::usize n) {
    tenon::mm::kasan::access(to, n, true, __builtin_return_address(0));
    return raw_memset(to, byte, n);
}
}
#endif
