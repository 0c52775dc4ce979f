#include "core/module/stacks.h"

#include <tenon/arch/smp.h>
#include <tenon/mm/vmalloc.h>

#include <span>

#include "core/mm/page_alloc.h"

namespace tenon::module {

[[gnu::section(".percpu")]] constinit PerCpu<CallStack::Slots> CallStack::g_stacks;

namespace {

constinit std::atomic<u64> g_made{0};

// The first that is there.
uptr take_from(std::span<std::atomic<uptr>> slots) {
    for (auto& slot : slots)
        if (slot.load(std::memory_order_relaxed) != 0)
            if (const uptr end = slot.exchange(0, std::memory_order_acquire); end != 0) return end;
    return 0;
}

// What found no place, or 0.
uptr put_into(std::span<std::atomic<uptr>> slots, uptr end) {
    for (auto& slot : slots) {
        if (end == 0) break;
        if (slot.load(std::memory_order_relaxed) == 0)
            end = slot.exchange(end, std::memory_order_acq_rel);
    }
    return end;
}

void free_one(uptr end) {
    g_made.fetch_sub(1, std::memory_order_relaxed);
    mm::free_kernel_stack(reinterpret_cast<void*>(end - arch::kKernelStackSize));
}

}  // namespace

// Zero: none to be had.
uptr CallStack::make() {
    constexpr u64 kPages = arch::kKernelStackSize / kPageSize;
    const u64 kept = u64{arch::possible_cpus()} * (kReady + kReserve);
    const u64 most = kept + mm::memory_stats().total_pages / 32 / kPages;
    if (g_made.fetch_add(1, std::memory_order_relaxed) < most)
        if (const auto stack = mm::alloc_stack(mm::Alloc::no_oom))
            return reinterpret_cast<uptr>(*stack) + arch::kKernelStackSize;
    g_made.fetch_sub(1, std::memory_order_relaxed);
    return 0;
}

void CallStack::fill(Slots& slots, u32 ready) {
    const auto fill_one = [](std::atomic<uptr>& slot) {
        if (slot.load(std::memory_order_relaxed) != 0) return;
        const uptr end = slot.exchange(make(), std::memory_order_acq_rel);
        if (end != 0) free_one(end);
    };
    for (auto& slot : slots.reserve) fill_one(slot);
    for (u32 i = 0; i < ready; ++i) fill_one(slots.ready[i]);
}

void CallStack::provide() {
    for (u64 left = arch::online_mask().bits(); left != 0; left &= left - 1)
        fill(g_stacks.of(static_cast<u32>(__builtin_ctzll(left))), 1);
}

CallStack CallStack::take_another() {
    Slots& slots = g_stacks.local();
    if (const uptr end = take_from(slots.ready); end != 0) return CallStack(end);
    if (may_sleep()) {
        fill(slots, 0);
        if (const uptr end = make(); end != 0) return CallStack(end);
    }
    const uptr end = take_from(slots.reserve);
    return end != 0 ? CallStack(end | kOfReserve) : CallStack();
}

void CallStack::keep_or_free(uptr word) {
    if ((word & kNone) != 0) return;
    Slots& slots = g_stacks.local();
    uptr end = word & ~kBits;
    if ((word & kOfReserve) != 0) end = put_into(slots.reserve, end);
    end = put_into(slots.ready, end);
    end = put_into(slots.reserve, end);
    if (end != 0) free_one(end);
}

}  // namespace tenon::module
