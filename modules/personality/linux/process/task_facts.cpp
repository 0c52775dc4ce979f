#include "personality/linux/process/task_facts.h"

#include <tenon/linux/task_facts.h>
#include <tenon/mm/slab.h>

#include "personality/linux/linux_task.h"
#include "personality/linux/time/linux_process.h"

namespace tenon::personality {

namespace {

class TaskFacts final : public linux_task::Tasks {
  public:
    linux_task::Facts facts_of(Task& task) override {
        if (!task.extension) return {};
        sync::IrqSpinGuard guard(process::tree_lock());  // filters are replaced under it
        const seccomp::State& state = personality::linux_task(task).seccomp;
        const seccomp::Filter* filter = state.filter.load(std::memory_order_relaxed);
        return {.seccomp_mode = state.mode.load(std::memory_order_relaxed),
                .seccomp_filters = filter != nullptr ? filter->chain_count : 0,
                .persona = personality::linux_task(task).persona,
                .no_new_privileges = state.no_new_privileges.load(std::memory_order_relaxed)};
    }
    // Newest first. Spec: Linux fs/proc/base.c, show_timer().
    Result<void> list_timers(process::Process& process, fmt::Sink& out) override {
        LinuxProcess* own = linux_process_of(process);
        if (own == nullptr) return {};
        sync::MutexGuard guard(own->mutex);
        for (auto t = own->timers.rbegin(); t != own->timers.rend(); ++t) {
            const char* how = t->silent ? "none" : t->by_thread ? "thread" : "signal";
            fmt::print(out, "ID: {}\nsignal: {}/{:016x}\nnotify: {}/{}.{}\nClockID: {}\n", t->id,
                       t->info.signal, t->info.value, how, t->target ? "tid" : "pid",
                       t->target ? t->target->tid : process.pid, t->clock_id);
        }
        return {};
    }
};

}  // namespace

Result<module::Held> offer_task_facts(module::Context& context) {
    return module::offer(context, linux_task::kService,
                         std::unique_ptr<linux_task::Tasks>(mm::make<TaskFacts>()));
}

}  // namespace tenon::personality
