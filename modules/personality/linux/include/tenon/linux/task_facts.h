// What /proc shows of a task that only the personality knows: the service "linux-task".
#pragma once

#include <tenon/lib/format.h>
#include <tenon/module/service.h>
#include <tenon/process/process.h>
#include <tenon/process/task.h>

namespace tenon::linux_task {

// Of one task, at some time during the call.
struct Facts {
    u32 seccomp_mode = 0;     // SECCOMP_MODE_*
    u32 seccomp_filters = 0;  // how many, with its makers'
    u32 persona = 0;                 // personality(2)
    bool no_new_privileges = false;  // PR_SET_NO_NEW_PRIVS, for good
};

// The service itself.
class Tasks : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 2;  // of this class and Facts
    // Thread context; does not sleep. Of any task: kernel threads have nothing.
    virtual Facts facts_of(Task& task) = 0;
    // Writes the text of /proc/PID/timers. May sleep.
    virtual Result<void> list_timers(process::Process& process, fmt::Sink& out) = 0;
};

// The name that the service is found by (tenon/module/service.h).
inline constexpr std::string_view kService = "linux-task";

}  // namespace tenon::linux_task
