// Other CPUs.
#pragma once

#include <tenon/arch/cpu.h>

namespace tenon::arch {

// Starts every other CPU that firmware lists; each calls `entry(cpu)` on its idle task's stack with
// irqs off and never returns from it. `prepare(cpu)` runs on this CPU before and returns the idle
// task.
void start_cpus(Task* (*prepare)(u32 cpu), void (*entry)(u32 cpu));
// Makes `cpu` look at need_resched. Any context.
void send_reschedule(u32 cpu);
// Runs fn(argument) in irq context on every CPU of `cpus` (this one included when set) and waits.
// Irqs on, preemption may be on.
TENON_API void call_on(CpuMask cpus, void (*fn)(void*), void* argument);
// Answers TLB shootdowns that other CPUs wait for. Whoever spins with irqs off calls it in the
// loop.
TENON_API void serve_remote();
// CPUs that are up.
TENON_API CpuMask online_mask();
// When all CPUs are up: calls module::watch_call() on each, every `period_ns`, whatever it has off
// (NMI). `watchdog=off` is a boot parameter; what is in the way is logged.
void start_watchdog(u64 period_ns);
// Stops the others for good (panic, power-off).
void stop_other_cpus();

}  // namespace tenon::arch
