// The tasks that the calls on priorities name: one, those of a process group, those of a user.
#pragma once

#include <tenon/process/process.h>
#include <tenon/sched/scheduler.h>

#include "personality/linux/sched/sched.h"

namespace tenon::personality {

enum class Named : u8 { process, group, user };  // as PRIO_PROCESS and so on

// Calls visit(task) for each task that `which` and `who` name (0: the caller's own), without
// locks. False: they name nothing.
template <typename F>
bool for_each_named(Named which, i32 who, F&& visit) {
    constexpr i32 kMaxTasksAtOnce = 64;
    if (which == Named::process) {
        auto task = task_of(who);
        if (!task) return false;
        visit(**task);
        return true;
    }
    const i32 group = who != 0 ? who : process::group_id(process::current_process());
    const u32 uid = who != 0 ? static_cast<u32>(who) : process::current_credentials().uid;
    bool found = false;
    for (auto p = process::next_process(1); p; p = process::next_process(p->pid + 1)) {
        if (which == Named::group && process::group_id(*p) != group) continue;
        // The threads, with references, so that `visit` may take locks.
        Ref<Task> tasks[kMaxTasksAtOnce];
        struct Collect {
            Ref<Task>* out;
            i32 count;
        } collect{tasks, 0};
        process::for_each_thread(
            *p,
            [](Task& task, void* context) {
                auto& c = *static_cast<Collect*>(context);
                if (c.count < kMaxTasksAtOnce && task.try_ref())
                    c.out[c.count++] = adopt_ref(&task);
            },
            &collect);
        for (i32 i = 0; i < collect.count; ++i) {
            if (which == Named::user && process::credentials_of(*tasks[i])->uid != uid) continue;
            visit(*tasks[i]);
            found = true;
        }
    }
    return found;
}

}  // namespace tenon::personality
