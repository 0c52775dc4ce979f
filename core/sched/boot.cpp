// How each CPU gets its run queue and idle task.
#include <tenon/arch/smp.h>
#include <tenon/mm/slab.h>
#include <tenon/process/process.h>
#include <tenon/sched/kthread.h>
#include <tenon/trace/log.h>

#include <cstring>

#include "core/boot/init.h"
#include "core/sched/run_queue.h"
#include "core/sync/rcu_thread.h"

namespace tenon::sched {

namespace {

constinit RunQueue* g_queues[arch::kMaxCpus] = {};
TENON_PERCPU(RunQueue*, g_my_queue);
alignas(RunQueue) constinit u8 g_boot_queue[sizeof(RunQueue)] = {};
alignas(Task) constinit u8 g_boot_task[sizeof(Task)] = {};
// The stack that the boot CPU came up on.
constexpr u32 kIdleNameBytes = 16;

void set_up(RunQueue& queue, Task& idle) {
    queue.idle = queue.current = &idle;
    idle.sched.cpu.store(queue.cpu, std::memory_order_relaxed);
    idle.sched.on_cpu.store(true, std::memory_order_relaxed);
    idle.sched.weight = kIdleWeight;
    g_queues[queue.cpu] = &queue;
}

}  // namespace

RunQueue& run_queue(u32 cpu) {
    return *g_queues[cpu];
}
RunQueue& this_run_queue() {
    return *g_my_queue.local();
}

void init_boot_cpu() {
    auto* queue = new (g_boot_queue) RunQueue(0);
    auto* task = new (g_boot_task) Task;
    std::memcpy(task->name, "swapper/0", 10);
    // It never returns to user mode, and its name in traces is enough of an entry.
    task->kernel_entry = [](void*) {};
    set_up(*queue, *task);
    g_my_queue.local() = queue;
    arch::set_current(*task);
}

Task* prepare_idle_task(u32 cpu) {
    auto queue = mm::make<RunQueue>(cpu);
    fmt::Line<kIdleNameBytes> name("swapper/{}", cpu);
    auto task = process::make_kernel_task(
        name.view(), [](void*) {}, nullptr);
    if (!queue || !task) {
        log::err("sched: no memory for CPU {}", cpu);
        return nullptr;
    }
    Task* idle = task->release();
    set_up(*queue.release(), *idle);
    g_my_queue.of(cpu) = g_queues[cpu];
    return idle;
}

void secondary_cpu_main(u32 cpu) {
    run_idle(cpu);
}

void start_services() {
    start_work_queues();
    sync::rcu_start_thread();
    start_load_average();
}

}  // namespace tenon::sched
