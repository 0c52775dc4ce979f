// Stacks that calls into modules run on, each between guard pages.
//
// Theory. A module that overruns a buffer on the stack, in either direction, or loses its stack
// pointer, meets a guard page before it meets a frame of its caller. Each CPU keeps a few stacks,
// taken and given back by one exchange each (no lock; a task may have moved to another CPU between
// finding the slot and exchanging). `ready` is for whoever comes first; where one may sleep and
// nothing is ready, a stack is made. What may not sleep has `reserve` besides. There is at most one
// for each call that is on, and those that are more than the CPUs keep take 1/32 of memory at most;
// when there is none, the call runs on its caller's stack.
#pragma once

#include <tenon/arch/context.h>
#include <tenon/arch/cpu.h>

#include <atomic>

namespace tenon::module {

// A call's stack, by its end; the low bits say where it goes back to.
class CallStack {
    static constexpr uptr kOfReserve = 1, kNone = 2, kBits = 3;

  public:
    constexpr CallStack() = default;
    bool exists() const { return (word_ & kNone) == 0; }
    uptr end() const { return word_ & ~kBits; }
    uptr start() const { return end() - arch::kKernelStackSize; }
    // For arch::guarded_call().
    uptr word() const { return word_; }

    // Any context.
    static CallStack take() {
        const uptr end = g_stacks.local().ready[0].exchange(0, std::memory_order_acquire);
        return end != 0 ? CallStack(end) : take_another();
    }
    void give_back() {
        uptr left = word_;
        if ((left & kBits) == 0) [[likely]]
            left = g_stacks.local().ready[0].exchange(left, std::memory_order_release);
        if (left != 0) [[unlikely]]
            keep_or_free(left);
    }
    // [core] May sleep: fills what the CPUs that are up keep.
    static void provide();

  private:
    static constexpr u32 kReady = 3, kReserve = 3;
    struct Slots {
        std::atomic<uptr> ready[kReady], reserve[kReserve];
    };
    explicit CallStack(uptr word) : word_(word) {}
    static CallStack take_another();
    static void keep_or_free(uptr word);
    static uptr make();
    static void fill(Slots& slots, u32 ready);

    uptr word_ = kNone;
    static PerCpu<Slots> g_stacks;
};

}  // namespace tenon::module
