// exit, exit_group, wait4, waitid. Spec: man 2 wait4, man 2 waitid.
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/file_table.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/process/pidfd.h"
#include "personality/linux/process/usage.h"
#include "personality/linux/process/wait_children.h"
#include "personality/linux/signal/siginfo.h"

namespace tenon::personality {

Result<i64> sys_exit(i32 error_code) {
    process::exit_task((error_code & 0xff) << 8);
}

Result<i64> sys_exit_group(i32 error_code) {
    process::exit_group((error_code & 0xff) << 8);
}

Result<i64> sys_wait4(i32 upid, u64 stat_addr, i32 options, u64 ru) {
    constexpr u32 kKnown = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    if (static_cast<u32>(options) & ~kKnown) return Err(Error::inval);
    if (upid == static_cast<i32>(0x80000000)) return Err(Error::srch);
    WaitRequest request;
    request.exited = true;
    request.stopped = options & WUNTRACED;
    request.continued = options & WCONTINUED;
    request.no_hang = options & WNOHANG;
    request.clones_only = static_cast<u32>(options) & __WCLONE;
    request.all_children = options & __WALL;
    request.this_thread_only = options & __WNOTHREAD;
    if (upid > 0) {
        request.who = WaitRequest::Who::pid;
        request.id = upid;
    } else if (upid != -1) {
        request.who = WaitRequest::Who::group;
        request.id = upid == 0 ? process::group_id(process::current_process()) : -upid;
    }
    TRY_ASSIGN(const auto answer, wait_for_child(request));
    if (answer.pid == 0) return 0;
    if (stat_addr != 0) TRY(mm::UserOut<i32>(stat_addr).write(answer.wait_status));
    if (ru != 0) TRY(write_rusage(ru, answer.usage));
    return answer.pid;
}

namespace {

Result<void> write_wait_info(u64 to, const WaitAnswer& answer) {
    if (to == 0) return {};
    uapi::siginfo_t info;
    std::memset(&info, 0, sizeof(info));
    if (answer.pid != 0) {
        info.si_signo = SIGCHLD;
        info.si_code = answer.code;
        info.si_pid = answer.pid;
        info.si_uid = answer.uid;
        info.si_status = answer.status;
    }
    // As Linux: the first members only, the times are not waitid's business.
    return mm::copy_to_user(UserAddr{to}, &info, offsetof(uapi::siginfo_t, si_status) + 4);
}

}  // namespace

Result<i64> sys_waitid(i32 which, i32 upid, u64 infop, i32 options, u64 ru) {
    constexpr u32 kKnown =
        WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    if (static_cast<u32>(options) & ~kKnown) return Err(Error::inval);
    if ((options & (WEXITED | WSTOPPED | WCONTINUED)) == 0) return Err(Error::inval);
    WaitRequest request;
    Ref<process::Process> by_handle;
    bool nonblocking_handle = false;
    switch (which) {
        case P_ALL:
            break;
        case P_PID:
            if (upid <= 0) return Err(Error::inval);
            request.who = WaitRequest::Who::pid;
            request.id = upid;
            break;
        case P_PGID:
            if (upid < 0) return Err(Error::inval);
            request.who = WaitRequest::Who::group;
            request.id = upid != 0 ? upid : process::group_id(process::current_process());
            break;
        case P_PIDFD: {
            if (upid < 0) return Err(Error::inval);
            TRY_ASSIGN(by_handle, process_of_pidfd(upid));
            TRY_ASSIGN(auto file, current()->files->get(upid));
            nonblocking_handle = file->nonblocking();
            request.who = WaitRequest::Who::pid;
            request.child = by_handle.get();
            break;
        }
        default:
            return Err(Error::inval);
    }
    request.exited = options & WEXITED;
    request.stopped = options & WSTOPPED;
    request.continued = options & WCONTINUED;
    request.no_hang = (options & WNOHANG) || nonblocking_handle;
    request.no_wait = options & WNOWAIT;
    request.clones_only = static_cast<u32>(options) & __WCLONE;
    request.all_children = options & __WALL;
    request.this_thread_only = options & __WNOTHREAD;
    TRY_ASSIGN(const auto answer, wait_for_child(request));
    if (answer.pid == 0 && nonblocking_handle && !(options & WNOHANG)) return Err(Error::again);
    if (ru != 0 && answer.pid != 0) TRY(write_rusage(ru, answer.usage));
    TRY(write_wait_info(infop, answer));
    return 0;
}

}  // namespace tenon::personality
