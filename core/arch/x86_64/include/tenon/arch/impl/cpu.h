// x86_64 bodies of <tenon/arch/cpu.h>.
//
// %gs holds the distance from the template of the per-CPU section to this CPU's copy, so that
// `%gs:symbol(%rip)` is this CPU's object, in the core and in modules alike, in one instruction.
//
// The preemption count carries an inverted "reschedule due" in bit 31: it is 0 as a whole exactly
// when the last disable was undone and a reschedule waits, which one `sub` finds out.
#pragma once

#include <tenon/lib/types.h>

namespace tenon {

#ifndef TENON_ASM_BARRIER
#define TENON_ASM_BARRIER
// Keeps the compiler from moving memory accesses across.
inline void asm_barrier() {
    asm volatile("" ::: "memory");
}
#endif

namespace arch {

inline constexpr u32 kNoReschedule = 1u << 31;

// The hot words of a CPU, at the front of its per-CPU area. Offsets are known to trap/entry.S.
struct CpuLocal {
    u64 offset;  // what %gs holds
    Task* current;
    u64 kernel_stack;  // top of current's kernel stack
    u64 user_stack;    // scratch of the system call entry
    u32 preempt_count;
    u32 cpu_id;
    u64 in_call;  // in_call()
    u64 scratch;
};

extern "C" {
// The template; this CPU's copy is reached through %gs. SAFETY: never named without it.
extern TENON_API CpuLocal tenon_cpu_local;
}

inline Task* current() {
    Task* task;
    // Not volatile: the compiler may keep it, as a task sees one value however it migrates.
    asm("movq %%gs:%1, %0" : "=r"(task) : "m"(tenon_cpu_local.current));
    return task;
}

inline u32 cpu_id() {
    u32 id;
    asm volatile("movl %%gs:%1, %0" : "=r"(id) : "m"(tenon_cpu_local.cpu_id));
    return id;
}

inline bool in_call() {
    bool in;
    asm volatile("cmpq $0, %%gs:%1" : "=@ccne"(in) : "m"(tenon_cpu_local.in_call));
    return in;
}

inline void set_in_call(bool in) {
    asm volatile("movq %1, %%gs:%0" : "=m"(tenon_cpu_local.in_call) : "r"(u64{in}));
}

inline uptr percpu_offset() {
    uptr offset;
    asm volatile("movq %%gs:%1, %0" : "=r"(offset) : "m"(tenon_cpu_local.offset));
    return offset;
}

struct IrqState {
    u64 flags;
};
inline constexpr u64 kInterruptFlag = 1 << 9;

inline u64 read_flags() {
    u64 flags;
    asm volatile("pushfq; popq %0" : "=r"(flags)::"memory");
    return flags;
}
inline bool irqs_enabled() {
    return (read_flags() & kInterruptFlag) != 0;
}
inline void irq_enable() {
    asm volatile("sti" ::: "memory");
}
inline void irq_disable() {
    asm volatile("cli" ::: "memory");
}
inline IrqState irq_save() {
    const u64 flags = read_flags();
    irq_disable();
    return {flags};
}
inline void irq_restore(IrqState state) {
    asm_barrier();
    if (state.flags & kInterruptFlag) irq_enable();
}
inline void cpu_relax() {
    asm volatile("pause" ::: "memory");
}
// SAFETY: sti delays interrupts past the next instruction, so none slips in before hlt.
inline void wait_for_interrupt() {
    asm volatile("sti; hlt" ::: "memory");
}

inline u32 preempt_count() {
    u32 count;
    asm volatile("movl %%gs:%1, %0" : "=r"(count) : "m"(tenon_cpu_local.preempt_count));
    return count & ~kNoReschedule;
}
inline void preempt_count_add(u32 n) {
    asm volatile("addl %1, %%gs:%0" : "+m"(tenon_cpu_local.preempt_count) : "ri"(n) : "memory");
}
inline bool preempt_count_sub_and_test(u32 n) {
    bool zero;
    asm volatile("subl %2, %%gs:%0"
                 : "+m"(tenon_cpu_local.preempt_count), "=@ccz"(zero)
                 : "ri"(n)
                 : "memory");
    return zero;
}
inline void set_need_resched() {
    asm volatile("andl %1, %%gs:%0"
                 : "+m"(tenon_cpu_local.preempt_count)
                 : "i"(~kNoReschedule)
                 : "memory");
}
inline void clear_need_resched() {
    asm volatile("orl %1, %%gs:%0"
                 : "+m"(tenon_cpu_local.preempt_count)
                 : "i"(kNoReschedule)
                 : "memory");
}
inline bool need_resched() {
    u32 count;
    asm volatile("movl %%gs:%1, %0" : "=r"(count) : "m"(tenon_cpu_local.preempt_count));
    return (count & kNoReschedule) == 0;
}

inline u64 cycles() {
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64{high} << 32) | low;
}

}  // namespace arch
}  // namespace tenon
