#include <tenon/process/exit_hook.h>
#include <tenon/sched/scheduler.h>

#include <atomic>

namespace tenon::process {

namespace {
constinit std::atomic<ExitHook> installed{nullptr};
constinit std::atomic<u32> calls{0};
}  // namespace

void set_exit_hook(ExitHook hook) {
    // Seq_cst, as in call_exit_hook(): either the caller sees null, or its call is counted here.
    installed.store(hook);
    while (hook == nullptr && calls.load() != 0) sched::sleep_ns(1'000'000);
}

void call_exit_hook(i32 pid) {
    if (installed.load(std::memory_order_relaxed) == nullptr) return;
    calls.fetch_add(1);
    if (ExitHook hook = installed.load()) hook(pid);
    calls.fetch_sub(1);
}

}  // namespace tenon::process
