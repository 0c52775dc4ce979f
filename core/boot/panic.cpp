// The end of the kernel: says why, with registers and a symbolic trace, stops the other CPUs, and
// does what `panic=` asks (halt; reboot; exit: power off, which ends QEMU).
#include <tenon/arch/cpu.h>
#include <tenon/arch/machine.h>
#include <tenon/arch/smp.h>
#include <tenon/boot/boot_info.h>
#include <tenon/boot/panic.h>
#include <tenon/lib/assert.h>
#include <tenon/process/task.h>
#include <tenon/trace/log.h>

#include <atomic>

#include "core/module/crossing.h"

namespace tenon {

namespace {

constinit std::atomic<u32> g_owner{~0u};

[[noreturn]] void finish() {
    const auto p = boot::parameter("panic");
    if (p.value == "reboot") arch::reboot();
    if (p.value == "exit") arch::power_off();
    arch::halt_forever();
}

}  // namespace

namespace boot {

bool begin_panic(std::string_view message) {
    arch::irq_disable();
    const u32 me = arch::cpu_id();
    u32 nobody = ~0u;
    if (!g_owner.compare_exchange_strong(nobody, me)) {
        if (nobody != me) arch::halt_forever();
        arch::panic_write("TENON PANIC (again, while printing the first): ");
        arch::panic_write(message);
        arch::panic_write("\n");
        finish();
    }
    arch::stop_other_cpus();
    const Task* task = arch::current();
    panic_line("TENON PANIC: {}", message);
    if (task != nullptr)
        panic_line("cpu {}, task {} ({}), preempt count {:#x}", me, std::string_view(task->name),
                   task->tid, arch::preempt_count());
    else
        panic_line("cpu {}, before the first task", me);
    return true;
}

void end_panic() {
    panic_line("TENON PANIC: end");
    finish();
}

}  // namespace boot

void panic(const char* message) {
    module::end_call_instead_of_panic(message);
    boot::begin_panic(message);
    arch::print_stack_trace(0);
    boot::end_panic();
}

void assertion_failed(const char* expression, const char* file, u32 line) {
    fmt::Line<256> text("assertion failed: {} at {}:{}", expression, file, line);
    panic(text.c_str());
}

}  // namespace tenon
