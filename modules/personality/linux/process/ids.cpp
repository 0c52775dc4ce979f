// Who one is: pids, groups, sessions, and the user and group ids that ask nothing.
#include <tenon/process/process.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/process/groups.h"

namespace tenon::personality {

Result<i64> sys_getpid() {
    return process::current_process().pid;
}
Result<i64> sys_gettid() {
    return current()->tid;
}
Result<i64> sys_getppid() {
    return process::parent_pid(process::current_process());
}

namespace {

Result<Ref<process::Process>> process_or_self(i32 pid) {
    if (pid == 0) return Ref<process::Process>(&process::current_process());
    auto found = process::find_process(pid);
    if (!found) {
        auto task = process::find_task(pid);
        if (!task) return Err(Error::srch);
        found = task->process;
    }
    return found;
}

}  // namespace

Result<i64> sys_getpgid(i32 pid) {
    TRY_ASSIGN(auto target, process_or_self(pid));
    return process::group_id(*target);
}
Result<i64> sys_getpgrp() {
    return process::group_id(process::current_process());
}
Result<i64> sys_getsid(i32 pid) {
    TRY_ASSIGN(auto target, process_or_self(pid));
    return process::session_id(*target);
}
Result<i64> sys_setpgid(i32 pid, i32 pgid) {
    TRY(set_group(pid, pgid));
    return 0;
}
Result<i64> sys_setsid() {
    TRY_ASSIGN(const i32 id, new_session());
    return id;
}

Result<i64> sys_getuid() {
    return process::current_credentials().uid;
}
Result<i64> sys_geteuid() {
    return process::current_credentials().euid;
}
Result<i64> sys_getgid() {
    return process::current_credentials().gid;
}
Result<i64> sys_getegid() {
    return process::current_credentials().egid;
}

}  // namespace tenon::personality
