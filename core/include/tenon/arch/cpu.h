// This CPU: its number, the current task, interrupts, preemption count.
//
// impl/cpu.h defines, inline and each a few instructions:
//   Task* current()            the running task; never null after boot
//   u32 cpu_id()               this CPU's number, dense from 0; stable only with preemption off
//   bool irqs_enabled(); void irq_enable(); void irq_disable();
//   IrqState irq_save();  void irq_restore(IrqState);
//   void cpu_relax();          spin hint
//   void wait_for_interrupt(); enables interrupts and halts, atomically
//   u32 preempt_count(); void preempt_count_add(u32); bool preempt_count_sub_and_test(u32 n);
//       the count of this CPU. sub_and_test is true when the count came to 0 and a reschedule is
//       due.
//   void set_need_resched(); void clear_need_resched(); bool need_resched();   of this CPU
//   uptr percpu_offset();      what to add to the address of a .percpu object for this CPU's copy
//   u64 cycles();              the cheap cycle counter
//   bool in_call();            whether the current task is inside a call that can be ended
//   void set_in_call(bool);    follows Task::crossing
#pragma once

#include <tenon/lib/types.h>

#include <atomic>

namespace tenon {
class Task;
}

namespace tenon::arch {

inline constexpr u32 kMaxCpus = 64;

// CPUs that may ever come up (from firmware tables), and that are up.
TENON_API u32 possible_cpus();
TENON_API u32 online_cpus();

}  // namespace tenon::arch

#include <tenon/arch/impl/cpu.h>  // IWYU pragma: export

namespace tenon {

using arch::current;

// Count layout in preempt_count: bits 0-7 preemption depth, 8-15 softirq, 16-23 hard irq, 24 NMI.
inline constexpr u32 kPreemptOne = 1;
inline constexpr u32 kSoftirqOne = 1u << 8;
inline constexpr u32 kHardirqOne = 1u << 16;
inline constexpr u32 kNmiOne = 1u << 24;

inline bool may_sleep() {
    return arch::preempt_count() == 0 && arch::irqs_enabled();
}

namespace sched {
// Called when the preempt count fell to 0 with a reschedule due. Returns at once with irqs off.
TENON_API void preempt_schedule();
// [arch] The same at the end of an interrupt, with irqs off before and after.
void preempt_from_irq();
}  // namespace sched

inline void preempt_disable() {
    arch::preempt_count_add(kPreemptOne);
    std::atomic_signal_fence(std::memory_order_seq_cst);
}
inline void preempt_enable() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (arch::preempt_count_sub_and_test(kPreemptOne)) [[unlikely]]
        sched::preempt_schedule();
}

class PreemptGuard {
  public:
    PreemptGuard() { preempt_disable(); }
    ~PreemptGuard() { preempt_enable(); }
    TENON_NONCOPYABLE(PreemptGuard);
};

class IrqGuard {
  public:
    IrqGuard() : state_(arch::irq_save()) {}
    ~IrqGuard() { arch::irq_restore(state_); }
    TENON_NONCOPYABLE(IrqGuard);

  private:
    arch::IrqState state_;
};

// A static per-CPU object of the core: TENON_PERCPU(RunQueue, run_queue); run_queue.local().x
// Zero-initialised in every copy (constant-initialised T only). Modules use PerCpuArray instead.
template <typename T>
class PerCpu {
  public:
    // Preemption must be off, or the caller tolerates migration.
    T& local() { return at_offset(arch::percpu_offset()); }
    T& of(u32 cpu);

  private:
    T& at_offset(uptr offset) {
        return *reinterpret_cast<T*>(reinterpret_cast<uptr>(&value_) + offset);
    }
    T value_;
};
namespace arch {
TENON_API uptr percpu_offset_of(u32 cpu);
}
template <typename T>
T& PerCpu<T>::of(u32 cpu) {
    return at_offset(arch::percpu_offset_of(cpu));
}

#define TENON_PERCPU(type, name) \
    __attribute__((section(".percpu"))) constinit ::tenon::PerCpu<type> name

// A set of CPUs.
class CpuMask {
  public:
    constexpr CpuMask() = default;
    static constexpr CpuMask of(u32 cpu) { return CpuMask(u64{1} << cpu); }
    static constexpr CpuMask all() { return CpuMask(~u64{0}); }
    constexpr explicit CpuMask(u64 bits) : bits_(bits) {}
    constexpr bool test(u32 cpu) const { return (bits_ >> cpu) & 1; }
    constexpr void set(u32 cpu) { bits_ |= u64{1} << cpu; }
    constexpr void clear(u32 cpu) { bits_ &= ~(u64{1} << cpu); }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr u64 bits() const { return bits_; }
    constexpr CpuMask operator&(CpuMask o) const { return CpuMask(bits_ & o.bits_); }
    constexpr CpuMask operator|(CpuMask o) const { return CpuMask(bits_ | o.bits_); }
    constexpr bool operator==(const CpuMask&) const = default;

  private:
    u64 bits_ = 0;
};
static_assert(arch::kMaxCpus <= 64);

}  // namespace tenon
