// ptrace(2): the requests that no machine has a part in. Spec: man 2 ptrace; Linux kernel/ptrace.c.
#include <tenon/mm/address_space.h>
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/signal/siginfo.h"
#include "personality/linux/trace/attach.h"

namespace tenon::personality {

using namespace process;
using namespace trace;

namespace {

Result<i64> peek(Tracee& tracee, u64 address, u64 to) {
    auto space = space_of(*tracee.task);
    if (!space) return Err(Error::io);
    u64 word = 0;
    auto got = space->access(address, &word, sizeof(word), false, true);
    if (!got || *got != sizeof(word)) return Err(Error::io);
    TRY(mm::UserOut<u64>(to).write(word));
    return 0;
}

Result<i64> poke(Tracee& tracee, u64 address, u64 word) {
    auto space = space_of(*tracee.task);
    if (!space) return Err(Error::io);
    auto done = space->access(address, &word, sizeof(word), true, true);
    if (!done || *done != sizeof(word)) return Err(Error::io);
    return 0;
}

Result<i64> set_options(Tracee& tracee, u64 options) {
    TRY_ASSIGN(const u32 checked, checked_options(options));
    TreeGuard guard(tree_lock());
    tracee.options = checked;
    return 0;
}

Result<i64> get_message(Tracee& tracee, u64 to) {
    TRY(mm::UserOut<u64>(to).write(tracee.message));
    return 0;
}

Result<i64> get_info(Tracee& tracee, u64 to) {
    uapi::siginfo_t info;
    {
        TreeGuard guard(tree_lock());
        if (!tracee.has_info) return Err(Error::inval);
        info = tracee.info;
    }
    TRY(mm::copy_to_user(UserAddr{to}, &info, sizeof(info)));
    return 0;
}

Result<i64> set_info(Tracee& tracee, u64 from) {
    uapi::siginfo_t info;
    TRY(mm::copy_from_user(&info, UserAddr{from}, sizeof(info)));
    TreeGuard guard(tree_lock());
    if (!tracee.has_info) return Err(Error::inval);
    tracee.info = info;
    tracee.info_changed = true;
    return 0;
}

// The `index`th entry of a queue, if it has so many.
bool queued(Tracee& tracee, bool shared, u64 index, SignalInfo& out) {
    Process& process = *tracee.task->process;
    SignalLock lock(process);
    const PendingSignals& pending = shared ? process.pending : tracee.task->pending;
    for (const QueuedSignal& entry : pending.queue) {
        if (index-- != 0) continue;
        out = entry.info;
        return true;
    }
    return false;
}

Result<i64> peek_infos(Tracee& tracee, u64 arguments, u64 to) {
    uapi::ptrace_peeksiginfo_args args;
    TRY(mm::copy_from_user(&args, UserAddr{arguments}, sizeof(args)));
    if ((args.flags & ~static_cast<u32>(PTRACE_PEEKSIGINFO_SHARED)) || args.nr < 0)
        return Err(Error::inval);
    i64 count = 0;
    for (; count < args.nr; ++count) {
        SignalInfo info;
        if (!queued(tracee, args.flags & PTRACE_PEEKSIGINFO_SHARED,
                    args.off + static_cast<u64>(count), info))
            break;
        uapi::siginfo_t shown;
        to_siginfo(info, shown);
        auto r = mm::copy_to_user(UserAddr{to + static_cast<u64>(count) * sizeof(shown)}, &shown,
                                  sizeof(shown));
        if (!r && count == 0) return Err(r.error());
        if (!r || signal_pending()) break;
    }
    return count;
}

Result<i64> get_mask(Tracee& tracee, u64 size, u64 to) {
    if (size != sizeof(u64)) return Err(Error::inval);
    const Task& task = *tracee.task;
    const bool put_aside = task.work_flags.load(std::memory_order_relaxed) & kWorkRestoreMask;
    TRY(mm::UserOut<u64>(to).write((put_aside ? task.saved_blocked : task.blocked).bits()));
    return 0;
}

Result<i64> set_mask(Tracee& tracee, u64 size, u64 from) {
    if (size != sizeof(u64)) return Err(Error::inval);
    TRY_ASSIGN(const u64 mask, mm::UserIn<u64>(from).read());
    Task& task = *tracee.task;
    SignalLock lock(*task.process);
    task.clear_work(kWorkRestoreMask);
    task.blocked = SignalSet(mask) & ~kUnblockable;
    look_for_signals_locked(task);
    return 0;
}

Result<i64> rseq_configuration(Tracee& tracee, u64 size, u64 to) {
    const LinuxTask& task = linux_task(*tracee.task);
    uapi::ptrace_rseq_configuration c{};
    c.rseq_abi_pointer = task.rseq;
    c.rseq_abi_size = task.rseq_length;
    c.signature = task.rseq_signature;
    TRY(mm::copy_to_user(UserAddr{to}, &c, std::min<u64>(size, sizeof(c))));
    return sizeof(c);
}

Result<i64> request_of_stopped(Tracee& tracee, i64 request, u64 address, u64 data) {
    switch (request) {
        case PTRACE_PEEKTEXT:
        case PTRACE_PEEKDATA:
            return peek(tracee, address, data);
        case PTRACE_POKETEXT:
        case PTRACE_POKEDATA:
            return poke(tracee, address, data);
        case PTRACE_OLDSETOPTIONS:
        case PTRACE_SETOPTIONS:
            return set_options(tracee, data);
        case PTRACE_GETEVENTMSG:
            return get_message(tracee, data);
        case PTRACE_PEEKSIGINFO:
            return peek_infos(tracee, address, data);
        case PTRACE_GETSIGINFO:
            return get_info(tracee, data);
        case PTRACE_SETSIGINFO:
            return set_info(tracee, data);
        case PTRACE_GETSIGMASK:
            return get_mask(tracee, address, data);
        case PTRACE_SETSIGMASK:
            return set_mask(tracee, address, data);
        case PTRACE_GET_RSEQ_CONFIGURATION:
            return rseq_configuration(tracee, address, data);
        case PTRACE_SECCOMP_GET_FILTER:
            return seccomp::copy_filter(*tracee.task, address, data);
        case PTRACE_SECCOMP_GET_METADATA:
            return seccomp::copy_metadata(*tracee.task, address, data);
        case PTRACE_LISTEN:
            TRY(listen(tracee));
            return 0;
        case PTRACE_DETACH:
            TRY(detach(tracee, data));
            return 0;
        case PTRACE_CONT:
        case PTRACE_SYSCALL:
        case PTRACE_SINGLESTEP:
        case PTRACE_SYSEMU:
        case PTRACE_SYSEMU_SINGLESTEP:
            TRY(resume(tracee, request, data));
            return 0;
        default:
            return machine_request(tracee, request, address, data);
    }
}

}  // namespace

Result<i64> sys_ptrace(i64 request, i64 pid, u64 address, u64 data) {
    if (request == PTRACE_TRACEME) {
        TRY(trace_me());
        return 0;
    }
    Ref<Task> task = find_task(static_cast<i32>(pid));
    if (!task) return Err(Error::srch);
    if (request == PTRACE_ATTACH || request == PTRACE_SEIZE) {
        TRY(attach(std::move(task), request == PTRACE_SEIZE, address, data));
        return 0;
    }
    const bool any_state = request == PTRACE_KILL || request == PTRACE_INTERRUPT;
    TRY_ASSIGN(Ref<Tracee> tracee, stopped_tracee(*task, any_state));
    if (request == PTRACE_KILL) {
        (void)send_to_task(*task, {.signal = kSigKill, .code = kCodeUser});
        return 0;
    }
    if (request == PTRACE_INTERRUPT) {
        TRY(interrupt(*tracee));
        return 0;
    }
    return request_of_stopped(*tracee, request, address, data);
}

}  // namespace tenon::personality
