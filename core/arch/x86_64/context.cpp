// Contexts: kernel stacks, TLS bases, and what a first switch finds.
#include <tenon/arch/context.h>
#include <tenon/mm/slab.h>
#include <tenon/process/task.h>

#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/cpu/cpu_local.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/trap/trap.h"

extern "C" {
TENON_HIDDEN tenon::Task* switch_stacks(tenon::uptr* save_sp, tenon::uptr load_sp,
                                        tenon::Task* previous);
TENON_HIDDEN void first_switch();
[[noreturn]] TENON_HIDDEN void enter_user_frame(const tenon::arch::UserRegs* regs);
}

namespace tenon::arch {

namespace {

using x86::features;

// What switch_stacks pops.
struct SwitchFrame {
    u64 r15, r14, r13, r12, rbx, rbp;
    u64 return_address;
};

u64 read_user_fs() {
    if (!features().fsgsbase) return x86::rdmsr(x86::kMsrFsBase);
    u64 v;
    asm volatile("rdfsbase %0" : "=r"(v));
    return v;
}
void write_user_fs(u64 v) {
    if (features().fsgsbase)
        asm volatile("wrfsbase %0" ::"r"(v) : "memory");
    else
        x86::wrmsr(x86::kMsrFsBase, v);
}
// The user's GS base rests in the other register while the kernel runs.
u64 read_user_gs() {
    if (!features().fsgsbase) return x86::rdmsr(x86::kMsrKernelGsBase);
    u64 v;
    asm volatile("swapgs; rdgsbase %0; swapgs" : "=r"(v)::"memory");
    return v;
}
void write_user_gs(u64 v) {
    if (features().fsgsbase)
        // SAFETY: interrupts are off, and paranoid_entry looks GS up, so nobody sees the swap.
        asm volatile("swapgs; wrgsbase %0; swapgs" ::"r"(v) : "memory");
    else
        x86::wrmsr(x86::kMsrKernelGsBase, v);
}

// Spec: Intel SDM 3B 18.2.4: bit 10 reads as one.
constexpr u64 kDr7Off = 0x400;

void load_debug_regs(const DebugRegs* regs) {
    asm volatile("mov %0, %%dr7" ::"r"(kDr7Off));
    if (regs == nullptr || regs->control == 0) return;
    asm volatile("mov %0, %%dr0" ::"r"(regs->address[0]));
    asm volatile("mov %0, %%dr1" ::"r"(regs->address[1]));
    asm volatile("mov %0, %%dr2" ::"r"(regs->address[2]));
    asm volatile("mov %0, %%dr3" ::"r"(regs->address[3]));
    asm volatile("mov %0, %%dr7" ::"r"(regs->control | kDr7Off));
}

void load_counter(UserCounter counter) {
    const u64 cr4 = x86::read_cr4();
    x86::write_cr4(counter == UserCounter::traps ? cr4 | x86::kCr4Tsd : cr4 & ~x86::kCr4Tsd);
}

CpuLocal* make_current(Task& task) {
    auto* local =
        reinterpret_cast<CpuLocal*>(reinterpret_cast<uptr>(&tenon_cpu_local) + percpu_offset());
    local->current = &task;
    local->kernel_stack = task.kernel_stack_top;
    x86::set_trap_stack(task.kernel_stack_top);
    return local;
}

void set_kernel_sp(Task& task, SwitchFrame* frame, u64 function, u64 argument) {
    *frame = {};
    frame->rbx = function;
    frame->r12 = argument;
    frame->return_address = reinterpret_cast<u64>(&first_switch);
    task.context.kernel_sp = reinterpret_cast<uptr>(frame);
}

}  // namespace

UserRegs& user_regs(Task& task) {
    return *reinterpret_cast<UserRegs*>(task.kernel_stack_top - sizeof(UserRegs));
}

TENON_API void init_kernel_context(Task& task, void (*entry)(void*), void* argument) {
    // Below the user frame, as exec in a kernel thread fills that in later.
    const uptr top = align_down(task.kernel_stack_top - sizeof(UserRegs), 16);
    auto* frame = reinterpret_cast<SwitchFrame*>(top) - 1;
    // As if called: the stack is 8 off a 16-byte boundary at a function's first instruction. The
    // frame is 56 bytes, so its end, where first_switch starts, must be 16-byte aligned.
    set_kernel_sp(task, frame, reinterpret_cast<u64>(entry), reinterpret_cast<u64>(argument));
}

void init_user_context(Task& task, const UserRegs& regs) {
    user_regs(task) = regs;
    auto* frame = reinterpret_cast<SwitchFrame*>(&user_regs(task)) - 1;
    set_kernel_sp(task, frame, 0, 0);
}

Task* switch_to(Task& prev, Task& next) {
    Context& from = prev.context;
    Context& to = next.context;
    if (!prev.is_kernel_thread()) {
        from.user_tls_base = read_user_fs();
        from.user_gs_base = read_user_gs();
        x86::fpu_switch_out(from);
    }
    if (!next.is_kernel_thread()) {
        write_user_fs(to.user_tls_base);
        write_user_gs(to.user_gs_base);
        x86::fpu_switch_in(to);
    }
    if (from.debug != nullptr || to.debug != nullptr) [[unlikely]]
        load_debug_regs(to.debug);
    if (from.counter != to.counter) [[unlikely]]
        load_counter(to.counter);
    make_current(next)->in_call = next.crossing != nullptr;
    return switch_stacks(&from.kernel_sp, to.kernel_sp, &prev);
}

TENON_API void enter_user(const UserRegs& regs) {
    irq_disable();
    Task& task = *current();
    user_regs(task) = regs;
    write_user_fs(task.context.user_tls_base);
    write_user_gs(task.context.user_gs_base);
    x86::fpu_switch_in(task.context);
    enter_user_frame(&user_regs(task));
}

void set_current(Task& task) {
    IrqGuard guard;
    make_current(task);
}

void set_user_tls(Task& task, u64 base) {
    IrqGuard guard;
    task.context.user_tls_base = base;
    if (&task == current()) write_user_fs(base);
}
u64 user_tls(Task& task) {
    IrqGuard guard;
    return &task == current() && !task.is_kernel_thread() ? read_user_fs()
                                                          : task.context.user_tls_base;
}
void set_user_gs(Task& task, u64 base) {
    IrqGuard guard;
    task.context.user_gs_base = base;
    if (&task == current()) write_user_gs(base);
}
u64 user_gs(Task& task) {
    IrqGuard guard;
    return &task == current() && !task.is_kernel_thread() ? read_user_gs()
                                                          : task.context.user_gs_base;
}

void set_user_counter(Task& task, UserCounter counter) {
    IrqGuard guard;
    task.context.counter = counter;
    if (&task == current()) load_counter(counter);
}

Result<void> set_debug_regs(Task& stopped, const DebugRegs& regs) {
    Context& context = stopped.context;
    if (context.debug == nullptr) {
        if (regs.control == 0 &&
            (regs.address[0] | regs.address[1] | regs.address[2] | regs.address[3]) == 0)
            return {};
        context.debug = new (std::nothrow) DebugRegs;
        if (context.debug == nullptr) return Err(Error::nomem);
    }
    *context.debug = regs;
    return {};
}
DebugRegs debug_regs(const Task& task) {
    return task.context.debug != nullptr ? *task.context.debug : DebugRegs{};
}
void debug_regs_free(Task& task) {
    delete task.context.debug;
    task.context.debug = nullptr;
}
void debug_regs_reset() {
    Context& context = current()->context;
    if (context.debug == nullptr) return;
    IrqGuard guard;
    *context.debug = {};
    load_debug_regs(nullptr);
}

// From first_switch, with interrupts off and the run queue locked.
extern "C" TENON_HIDDEN void task_first_run(Task* previous) {
    sched::finish_first_switch(previous);
}
// The way into user mode for the first time is the end of a system call.
extern "C" TENON_HIDDEN void user_first_run(UserRegs* regs) {
    x86::finish_for_user(*regs);
}

}  // namespace tenon::arch
