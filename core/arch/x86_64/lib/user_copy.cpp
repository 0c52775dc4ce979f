#include <tenon/arch/context.h>
#include <tenon/arch/user_copy.h>

#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/mm/kasan.h"
#include "core/arch/x86_64/trap/trap.h"

extern "C" {
TENON_HIDDEN tenon::usize copy_user(void* to, const void* from, tenon::usize length);
TENON_HIDDEN tenon::usize clear_user_bytes(void* to, tenon::usize length);
}

namespace tenon::arch {

namespace {

// Opens user memory to the kernel (SMAP) for a few instructions.
class UserAccess {
  public:
    UserAccess() {
        if (x86::features().smap) asm volatile("stac" ::: "memory");
    }
    ~UserAccess() {
        if (x86::features().smap) asm volatile("clac" ::: "memory");
    }
    TENON_NONCOPYABLE(UserAccess);
};

bool in_user_space(u64 address, usize length_bytes) {
    return length_bytes <= kUserLimit && address <= kUserLimit - length_bytes;
}
// What of a range that leaves user space can be copied before it does.
usize clip(u64 address, usize length_bytes) {
    if (address >= kUserLimit) return 0;
    return length_bytes < kUserLimit - address ? length_bytes : kUserLimit - address;
}

// One load or store. False: it faulted. "=q": a byte register in the form of any size.
template <typename T>
bool load_user(u64 address, T& value) {
    T v;
    asm goto("1: mov %1, %0" TENON_FIXUP("1b", "%l[fault]")
             : "=q"(v)
             : "m"(*reinterpret_cast<const T*>(address))
             :
             : fault);
    value = v;
    return true;
fault:
    return false;
}

template <typename T>
bool store_user(u64 address, u64 value) {
    asm goto("1: mov %1, %0" TENON_FIXUP("1b", "%l[fault]")
             : "=m"(*reinterpret_cast<T*>(address))
             : "q"(static_cast<T>(value))
             : "memory"
             : fault);
    return true;
fault:
    return false;
}

bool aligned_user_word(u64 address) {
    return (address & 3) == 0 && in_user_space(address, 4);
}

// One lock cmpxchg. False: it faulted.
bool exchange_user(u64 address, u32& expected, u32 desired) {
    u32 seen = expected;
    asm goto("1: lock cmpxchgl %2, %1" TENON_FIXUP("1b", "%l[fault]")
             : "+a"(seen), "+m"(*reinterpret_cast<u32*>(address))
             : "r"(desired)
             : "memory", "cc"
             : fault);
    expected = seen;
    return true;
fault:
    return false;
}

}  // namespace

usize copy_from_user_raw(void* to, u64 from, usize length_bytes) {
    const usize length = clip(from, length_bytes);
    mm::kasan::check(to, length, true);
    UserAccess access;
    return length_bytes - length + copy_user(to, reinterpret_cast<const void*>(from), length);
}

usize copy_to_user_raw(u64 to, const void* from, usize length_bytes) {
    const usize length = clip(to, length_bytes);
    mm::kasan::check(from, length, false);
    UserAccess access;
    return length_bytes - length + copy_user(reinterpret_cast<void*>(to), from, length);
}

usize clear_user_raw(u64 to, usize length_bytes) {
    const usize length = clip(to, length_bytes);
    UserAccess access;
    return length_bytes - length + clear_user_bytes(reinterpret_cast<void*>(to), length);
}

isize copy_string_from_user_raw(char* to, u64 from, usize limit) {
    const usize reach = clip(from, limit);
    UserAccess access;
    usize at = 0;
    auto byte = [&] {
        u8 c = 0;
        if (!load_user(from + at, c)) return -1;
        to[at] = static_cast<char>(c);
        return c == 0 ? 0 : 1;
    };
    // Bytes up to an aligned word, then words, which cross into no other page; then bytes.
    for (; at < reach && ((from + at) & 7) != 0; ++at)
        if (int r = byte(); r <= 0) return r < 0 ? -1 : static_cast<isize>(at);
    constexpr u64 kOnes = 0x0101'0101'0101'0101, kTops = 0x8080'8080'8080'8080;
    for (; at + 8 <= reach; at += 8) {
        u64 w = 0;
        if (!load_user(from + at, w)) return -1;
        __builtin_memcpy(to + at, &w, 8);
        const u64 zero = (w - kOnes) & ~w & kTops;
        if (zero != 0)
            return static_cast<isize>(at + static_cast<usize>(__builtin_ctzll(zero)) / 8);
    }
    for (; at < reach; ++at)
        if (int r = byte(); r <= 0) return r < 0 ? -1 : static_cast<isize>(at);
    return reach < limit ? -1 : static_cast<isize>(limit);
}

bool user_load(u64 address, u64& value, usize size_bytes) {
    if (!in_user_space(address, size_bytes)) return false;
    UserAccess access;
    const auto load = [&]<typename T>(T narrow) {
        if (!load_user(address, narrow)) return false;
        value = narrow;
        return true;
    };
    if (size_bytes == 8) return load(u64{});
    if (size_bytes == 4) return load(u32{});
    return size_bytes == 2 ? load(u16{}) : load(u8{});
}

bool user_store(u64 address, u64 value, usize size_bytes) {
    if (!in_user_space(address, size_bytes)) return false;
    UserAccess access;
    if (size_bytes == 8) return store_user<u64>(address, value);
    if (size_bytes == 4) return store_user<u32>(address, value);
    return size_bytes == 2 ? store_user<u16>(address, value) : store_user<u8>(address, value);
}

bool user_load32(u64 address, u32& value) {
    if (!aligned_user_word(address)) return false;
    UserAccess access;
    return load_user(address, value);
}

bool user_cmpxchg32(u64 address, u32& expected, u32 desired) {
    if (!aligned_user_word(address)) return false;
    UserAccess access;
    return exchange_user(address, expected, desired);
}

bool user_atomic32(UserAtomicOp op, u64 address, u32 operand, u32& old) {
    if (!aligned_user_word(address)) return false;
    UserAccess access;
    u32 seen = 0;
    if (!load_user(address, seen)) return false;
    for (;;) {
        u32 desired = 0;
        switch (op) {
            case UserAtomicOp::set:
                desired = operand;
                break;
            case UserAtomicOp::add:
                desired = seen + operand;
                break;
            case UserAtomicOp::or_:
                desired = seen | operand;
                break;
            case UserAtomicOp::andn:
                desired = seen & ~operand;
                break;
            case UserAtomicOp::xor_:
                desired = seen ^ operand;
                break;
        }
        const u32 expected = seen;
        if (!exchange_user(address, seen, desired)) return false;
        if (seen == expected) break;
    }
    old = seen;
    return true;
}

}  // namespace tenon::arch
