// Sending signals. Spec: man 2 kill, tgkill, rt_sigqueueinfo.
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/signal/siginfo.h"
#include "personality/linux/signal/take.h"

namespace tenon::personality {

namespace {

process::SignalInfo sent_by_us(u32 signal, i32 code) {
    process::SignalInfo info{.signal = signal, .code = code};
    info.pid = process::current_process().pid;
    info.uid = process::current_credentials().uid;
    return info;
}

Result<void> check_signal(i32 sig) {
    if (sig < 0 || sig > static_cast<i32>(process::kSignalCount)) return Err(Error::inval);
    return {};
}

Result<i64> kill_one(process::Process& target, const process::SignalInfo& info) {
    TRY(check_signal(static_cast<i32>(info.signal)));
    TRY(may_signal(target, info.signal));
    TRY(process::send_to_process(target, info));
    return 0;
}

// A thread's number names its process. Error::srch.
Result<Ref<process::Process>> process_of(i32 pid) {
    if (auto target = process::find_process(pid)) return target;
    auto task = process::find_task(pid);
    if (!task) return Err(Error::srch);
    return Ref<process::Process>(task->process);
}

// Every process that may be signalled; success if there is one, as kill(2) defines for groups.
template <typename Wanted>
Result<i64> kill_many(const process::SignalInfo& info, Wanted&& wanted, Error none) {
    bool any = false, success = false;
    Error last = none;
    for (i32 pid = 1;;) {
        auto target = process::next_process(pid);
        if (!target) break;
        pid = target->pid + 1;
        if (!wanted(*target)) continue;
        any = true;
        if (auto r = kill_one(*target, info); r)
            success = true;
        else
            last = r.error();
    }
    if (success) return 0;
    return Err(any ? last : none);
}

}  // namespace

Result<i64> sys_kill(i32 pid, i32 sig) {
    const process::SignalInfo info = sent_by_us(static_cast<u32>(sig), SI_USER);
    if (pid > 0) {
        TRY_ASSIGN(auto target, process_of(pid));
        return kill_one(*target, info);
    }
    if (pid == static_cast<i32>(0x80000000)) return Err(Error::srch);
    process::Process& self = process::current_process();
    if (pid == -1) {
        return kill_many(
            info, [&](process::Process& p) { return p.pid > 1 && &p != &self; }, Error::srch);
    }
    const i32 group = pid == 0 ? process::group_id(self) : -pid;
    return kill_many(
        info, [&](process::Process& p) { return process::group_id(p) == group; }, Error::srch);
}

namespace {

Result<i64> kill_thread(i32 tgid, i32 pid, const process::SignalInfo& info) {
    auto task = process::find_task(pid);
    if (!task || (tgid > 0 && task->process->pid != tgid)) return Err(Error::srch);
    TRY(check_signal(static_cast<i32>(info.signal)));
    TRY(may_signal(*task->process, info.signal));
    TRY(process::send_to_task(*task, info));
    return 0;
}

Result<process::SignalInfo> read_info(u64 uinfo, i32 sig) {
    TRY_ASSIGN(const auto raw, mm::UserIn<uapi::siginfo_t>(uinfo).read());
    return from_user_siginfo(static_cast<u32>(sig), raw);
}

// Nobody may pretend to be the kernel or kill(2).
Result<void> check_code(const process::SignalInfo& info, i32 pid) {
    if ((info.code >= 0 || info.code == SI_TKILL) && pid != current()->tid) return Err(Error::perm);
    return {};
}

}  // namespace

Result<i64> sys_tkill(i32 pid, i32 sig) {
    if (pid <= 0) return Err(Error::inval);
    return kill_thread(0, pid, sent_by_us(static_cast<u32>(sig), SI_TKILL));
}

Result<i64> sys_tgkill(i32 tgid, i32 pid, i32 sig) {
    if (pid <= 0 || tgid <= 0) return Err(Error::inval);
    return kill_thread(tgid, pid, sent_by_us(static_cast<u32>(sig), SI_TKILL));
}

Result<i64> sys_rt_sigqueueinfo(i32 pid, i32 sig, u64 uinfo) {
    TRY_ASSIGN(const auto info, read_info(uinfo, sig));
    TRY(check_code(info, pid));
    TRY_ASSIGN(auto target, process_of(pid));
    return kill_one(*target, info);
}

Result<i64> sys_rt_tgsigqueueinfo(i32 tgid, i32 pid, i32 sig, u64 uinfo) {
    if (pid <= 0 || tgid <= 0) return Err(Error::inval);
    TRY_ASSIGN(const auto info, read_info(uinfo, sig));
    TRY(check_code(info, pid));
    return kill_thread(tgid, pid, info);
}

}  // namespace tenon::personality
