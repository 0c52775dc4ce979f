// The mock core's body of <tenon/arch/cpu.h>: one CPU, whose interrupts and tasks the test drives.
#pragma once

#include <tenon/lib/types.h>

namespace tenon {

inline void asm_barrier() {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

namespace arch {

struct IrqState {
    u64 flags;  // 1: interrupts were on
};

Task* current();
inline bool in_call() {
    return false;
}
inline u32 cpu_id() {
    return 0;
}
inline uptr percpu_offset() {
    return 0;
}
bool irqs_enabled();
void irq_enable();  // delivers what came in meanwhile
void irq_disable();
inline IrqState irq_save() {
    const IrqState state{irqs_enabled() ? u64{1} : u64{0}};
    irq_disable();
    return state;
}
inline void irq_restore(IrqState state) {
    if (state.flags != 0) irq_enable();
}
inline void cpu_relax() {}
void wait_for_interrupt();

u32 preempt_count();
void preempt_count_add(u32 n);
bool preempt_count_sub_and_test(u32 n);
inline void set_need_resched() {}
inline void clear_need_resched() {}
inline bool need_resched() {
    return false;
}
u64 cycles();

}  // namespace arch
}  // namespace tenon
