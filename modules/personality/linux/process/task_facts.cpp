#include "personality/linux/process/task_facts.h"

#include <tenon/linux/task_facts.h>
#include <tenon/mm/slab.h>

#include "personality/linux/linux_task.h"

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
                .no_new_privileges = state.no_new_privileges.load(std::memory_order_relaxed)};
    }
};

}  // namespace

Result<module::Held> offer_task_facts(module::Context& context) {
    return module::offer(context, linux_task::kService,
                         std::unique_ptr<linux_task::Tasks>(mm::make<TaskFacts>()));
}

}  // namespace tenon::personality
