// x86_64 bodies of <tenon/arch/page_table.h>. Spec: Intel SDM 3A 4.5.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch {

class Pte {
  public:
    constexpr Pte() = default;
    constexpr explicit Pte(u64 bits) : bits_(bits) {}
    static constexpr Pte none() { return Pte(); }
    static Pte make(Pfn pfn, PageFlags flags) { return Pte((pfn.value << 12) | to_bits(flags)); }
    // A non-present entry that carries 58 bits of the caller's. Bit 0 stays clear, bit 1 says
    // "soft".
    static constexpr Pte make_soft(u64 value) { return Pte((value << 6) | kSoftMark); }

    constexpr bool present() const { return bits_ & kPresentBit; }
    constexpr bool is_none() const { return bits_ == 0; }
    constexpr bool is_soft() const { return (bits_ & (kPresentBit | kSoftMark)) == kSoftMark; }
    constexpr u64 soft() const { return bits_ >> 6; }
    constexpr Pfn pfn() const { return {(bits_ & kFrameBits) >> 12}; }
    constexpr bool writable() const { return bits_ & kWriteBit; }
    constexpr bool user() const { return bits_ & kUserBit; }
    constexpr bool dirty() const { return bits_ & kDirtyBit; }
    constexpr bool accessed() const { return bits_ & kAccessedBit; }
    constexpr bool exec() const { return !(bits_ & kNoExecBit); }
    constexpr bool special() const { return bits_ & kSpecialBit; }
    TENON_API PageFlags flags() const;
    constexpr Pte with_write(bool on) const {
        return Pte(on ? bits_ | kWriteBit : bits_ & ~kWriteBit);
    }
    constexpr Pte with_clean() const { return Pte(bits_ & ~kDirtyBit); }
    constexpr Pte with_old() const { return Pte(bits_ & ~kAccessedBit); }
    Pte with_flags(PageFlags flags) const { return Pte((bits_ & kFrameBits) | to_bits(flags)); }
    constexpr u64 raw() const { return bits_; }
    constexpr bool operator==(const Pte&) const = default;

    // Entries in a live table are read by the CPUs' walkers at any moment: whole words only.
    Pte load() const { return Pte(__atomic_load_n(&bits_, __ATOMIC_RELAXED)); }
    void store(Pte v) { __atomic_store_n(&bits_, v.bits_, __ATOMIC_RELEASE); }
    // Takes the entry out, with the dirty and accessed bits that the CPUs set up to now.
    Pte exchange(Pte v) { return Pte(__atomic_exchange_n(&bits_, v.bits_, __ATOMIC_ACQ_REL)); }
    // Sets the accessed and dirty bits that `seen` has and `known` lacks.
    void add_marks(Pte seen, Pte known) {
        const u64 marks = seen.bits_ & ~known.bits_ & (kAccessedBit | kDirtyBit);
        if (marks != 0) __atomic_fetch_or(&bits_, marks, __ATOMIC_RELAXED);
    }

  private:
    static constexpr u64 kPresentBit = 1 << 0, kWriteBit = 1 << 1, kUserBit = 1 << 2,
                         kAccessedBit = 1 << 5, kDirtyBit = 1 << 6, kSpecialBit = 1 << 9,
                         kNoExecBit = u64{1} << 63, kSoftMark = 1 << 1,
                         kFrameBits = 0x000f'ffff'ffff'f000;
    // One word of flags that the boot CPU fixed: no-execute only where there is NX.
    TENON_API static u64 to_bits(PageFlags flags);

    u64 bits_ = 0;
};

inline void flush_tlb_local_page(u64 va) {
    asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

extern "C" {
// Virtual address of physical 0; fixed before anything runs.
extern TENON_API u64 tenon_direct_map;
}
inline void* phys_to_virt(PhysAddr pa) {
    return reinterpret_cast<void*>(tenon_direct_map + pa.value);
}

template <typename Fn>
u64 PageTable::for_each_of_one(u64 start, u64 end, Fn&& fn) const {
    u64 next = 0;
    Pte* table = find_table(start, next);
    const u64 stop = next <= start || end < next ? end : next;  // the end of the address space
    if (table != nullptr)
        for (u64 at = start; at < stop; at += kPageSize) fn(at, table[(at >> 12) & 511]);
    return stop;
}

template <typename Fn>
void PageTable::for_each(u64 start, u64 end, Fn&& fn) const {
    while (start < end) start = for_each_of_one(start, end, fn);
}

}  // namespace tenon::arch
