// What each subsystem offers to kernel_main, in the order in which it is called.
//
// Each function is defined by its subsystem. Before `sched_ready` nothing may sleep; before mm
// nothing may allocate.
#pragma once

#include <tenon/arch/cpu.h>
#include <tenon/boot/boot_info.h>
#include <tenon/lib/result.h>

namespace tenon::mm {
void init(const boot::BootInfo& info);  // page allocator, slab, vmalloc: kmalloc works after this
}
namespace tenon::arch {
// Final page tables, traps, ACPI tables, interrupt controllers, clock and timer calibration.
// kmalloc works; irqs stay off.
void init_machine(const boot::BootInfo& info);
}  // namespace tenon::arch
namespace tenon::sched {
void init_boot_cpu();   // current() is the boot task (it becomes this CPU's idle task)
void start_services();  // idle tasks' helpers, work queues, RCU thread; kthreads work
Task* prepare_idle_task(u32 cpu);
[[noreturn]] void secondary_cpu_main(u32 cpu);
}  // namespace tenon::sched
namespace tenon::time {
void init();
}
namespace tenon::random {
void init(const boot::BootInfo& info);  // core CSPRNG
}
namespace tenon::process {
void init();  // pid table, init's own process
// Starts `entry` in a task that is pid 1: a kernel thread until it runs a program.
Result<void> spawn_init_task(void (*entry)(void*), void* argument);
}  // namespace tenon::process
namespace tenon::vfs {
void init();  // caches, tmpfs, root
}
namespace tenon::module {
void init();          // export table of the core
void start_warden();  // once threads work
// Loads what the manifest's `module` lines name, in order; a module that fails is logged and left
// out. The number that failed.
u32 load_boot_modules(std::string_view manifest);
}  // namespace tenon::module
namespace tenon::device {
void init();
}
