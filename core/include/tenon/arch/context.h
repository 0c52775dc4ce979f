// Kernel-side machine state of a task: its kernel stack pointer, TLS bases and FPU state.
//
// impl/context.h defines struct Context (in each Task) with at least:
//   uptr kernel_sp;      u64 user_tls_base (FS), user_gs_base;     FpuState* fpu (lazily allocated,
//   or null)
#pragma once

#include <tenon/arch/user_regs.h>
#include <tenon/lib/result.h>

#include <span>

namespace tenon {
class Task;
}

namespace tenon::arch {

inline constexpr usize kKernelStackSize = 16 * 1024;  // bytes, without the guard page

struct Context;
struct DebugRegs;

// Prepares `task` (its kernel stack is set) so that its first switch_to runs entry(argument) in
// kernel mode.
void init_kernel_context(Task& task, void (*entry)(void*), void* argument);
// Prepares `task` to return to user mode with `regs` at its first switch_to (after
// fork/clone/exec).
void init_user_context(Task& task, const UserRegs& regs);
// Where entry code keeps the user registers of a task.
TENON_API UserRegs& user_regs(Task& task);

// Saves prev, loads next: stack, TLS bases, FPU. Run-queue lock held, irqs off. Returns in the
// context of whoever was switched to, with the task that ran just before on this CPU.
Task* switch_to(Task& prev, Task& next);

// [sched] Boot: makes `task` the current one of this CPU without a switch.
void set_current(Task& task);

// Replaces the calling task's user context and enters user mode with `regs` (end of exec in a
// kernel thread).
[[noreturn]] void enter_user(const UserRegs& regs);

// TLS and GS base of a task; for the current task takes effect at once.
TENON_API void set_user_tls(Task& task, u64 base);
TENON_API u64 user_tls(Task& task);
TENON_API void set_user_gs(Task& task, u64 base);
TENON_API u64 user_gs(Task& task);
// Whether user code reads the cycle counter or gets UserTrap::general_protection for it.
enum class UserCounter : u8 { reads, traps };
TENON_API void set_user_counter(Task& task, UserCounter counter);

// FPU. State is the hardware's XSAVE (or FXSAVE) area, standard format.
Result<void> fpu_fork(Task& child, Task& parent);  // parent is current
void fpu_free(Task& task);
TENON_API void fpu_reset(Task& task);  // the initial state; current only
TENON_API usize fpu_state_size();      // bytes of the user-visible XSAVE area
TENON_API u64 fpu_feature_mask();      // XCR0
// The current task's registers as they are, in its own area: they stay so until it runs user code.
TENON_API Result<std::span<const u8>> fpu_save();
// Loads a new area into the current task's registers. `fill` writes all of it and may sleep;
// Error::inval for what the CPU would fault on (reserved bits, MXCSR).
using FpuFill = Result<void> (*)(std::span<u8> area, u64 argument);
TENON_API Result<void> fpu_load(FpuFill fill, u64 argument);

// The same for a task that a tracer has stopped, once it is off its CPU.
TENON_API Result<std::span<const u8>> fpu_save(Task& stopped);
TENON_API Result<void> fpu_load(Task& stopped, FpuFill fill, u64 argument);

// Hardware break- and watchpoints (struct DebugRegs, impl/context.h) of a stopped task. The caller
// has made sure that they concern user addresses only; none in use: they cost nothing.
// Error::nomem.
TENON_API Result<void> set_debug_regs(Task& stopped, const DebugRegs& regs);
TENON_API DebugRegs debug_regs(const Task& task);
void debug_regs_free(Task& task);
// Exec: the old program's are of no use to the new one. Current only.
TENON_API void debug_regs_reset();

// True when user mode may use `ip`/`sp`-like addresses (canonical, below the user limit).
inline constexpr u64 kUserLimit =
    0x7fff'ffff'f000;  // exclusive end of user space (one guard page below the hole)

}  // namespace tenon::arch

#include <tenon/arch/impl/context.h>  // IWYU pragma: export
