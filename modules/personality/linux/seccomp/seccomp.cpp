#include "personality/linux/seccomp/seccomp.h"

#include <tenon/arch/context.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/trace/log.h>

#include "personality/linux/dispatch.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/trace/core_dump.h"
#include "personality/linux/x86_64/machine.h"

namespace tenon::personality {

namespace seccomp {

namespace {

constexpr u32 kChargeOfFilter = 4;
constexpr u32 kMaxChain = (1u << 18) / sizeof(bpf::Instruction);
constexpr u32 kKnownFlags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
                            SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;

// Tree lock held. `filter` may be null. What `state` had before is part of the new chain.
void assign_locked(Task& task, State& state, u32 mode, Filter* filter) {
    if (filter != nullptr) filter->ref();
    Filter* old = state.filter.exchange(filter, std::memory_order_acq_rel);
    if (old != nullptr) old->unref();
    // Pairs with the acquire in filtered_entry().
    state.mode.store(mode, std::memory_order_release);
    choose_entry(task);
}

bool may_assign(const State& state, u32 mode) {
    const u32 now = state.mode.load(std::memory_order_relaxed);
    return now == SECCOMP_MODE_DISABLED || now == mode;
}

Result<i64> set_strict() {
    State& state = linux_task().seccomp;
    if (!may_assign(state, SECCOMP_MODE_STRICT)) return Err(Error::inval);
    // Nor does the program measure what others do by the time it takes.
    arch::set_user_counter(*current(), arch::UserCounter::traps);
    sync::IrqSpinGuard guard(process::tree_lock());
    assign_locked(*current(), state, SECCOMP_MODE_STRICT, nullptr);
    return 0;
}

Result<Ref<Filter>> read_filter(u64 user_program) {
    uapi::sock_fprog described;
    TRY(mm::copy_from_user(&described, UserAddr{user_program}, sizeof(described)));
    if (described.len == 0 || described.len > BPF_MAXINSNS) return Err(Error::inval);
    if (!no_new_privileges() && !process::capable(process::Capability::sys_admin))
        return Err(Error::acces);
    if (described.filter == nullptr) return Err(Error::inval);
    auto filter = adopt_ref(new (std::nothrow) Filter);
    if (!filter) return Err(Error::nomem);
    filter->code.reset(new (std::nothrow) bpf::Instruction[described.len]);
    if (!filter->code) return Err(Error::nomem);
    filter->length = described.len;
    TRY(mm::copy_from_user(filter->code.get(), UserAddr{reinterpret_cast<u64>(described.filter)},
                           described.len * sizeof(bpf::Instruction)));
    TRY(bpf::check(filter->program()));
    return filter;
}

bool is_part_of(const Filter* part, const Filter* chain) {
    if (part == nullptr) return true;
    while (chain != nullptr && chain != part) chain = chain->previous.get();
    return chain != nullptr;
}

struct Sync {
    Filter* before = nullptr;  // the caller's chain, to which `filter` is added
    Filter* filter = nullptr;
    bool privileges_gone = false;
    i32 other = 0;  // the first thread that has another chain
};

// Tree lock held.
void look_for_other(Task& task, void* context) {
    auto& sync = *static_cast<Sync*>(context);
    if (&task == current() || task.exiting || sync.other != 0) return;
    const State& state = linux_task(task).seccomp;
    const u32 mode = state.mode.load(std::memory_order_relaxed);
    if (mode == SECCOMP_MODE_DISABLED) return;
    if (mode == SECCOMP_MODE_FILTER &&
        is_part_of(state.filter.load(std::memory_order_relaxed), sync.before))
        return;
    sync.other = task.tid;
}

void give(Task& task, void* context) {
    auto& sync = *static_cast<Sync*>(context);
    if (&task == current() || task.exiting) return;
    State& state = linux_task(task).seccomp;
    if (sync.privileges_gone) state.no_new_privileges.store(true, std::memory_order_relaxed);
    assign_locked(task, state, SECCOMP_MODE_FILTER, sync.filter);
}

// Linux's limit counts instructions of the machine that it translates to: what a program needs is
// not known to its author, but which programs fit is.
u32 translated_length(const Filter& filter) {
    u32 length = 3;  // the registers cleared, the context kept
    for (const bpf::Instruction& i : filter.program()) {
        const bool two_ways =
            BPF_CLASS(i.code) == BPF_JMP && BPF_OP(i.code) != BPF_JA && i.jt != 0 && i.jf != 0;
        length += 1 + (i.code == (BPF_RET | BPF_K) || two_ways);
    }
    return length;
}

Result<i64> set_filter(u32 flags, u64 user_program) {
    if (flags & ~kKnownFlags) return Err(Error::inval);
    TRY_ASSIGN(Ref<Filter> filter, read_filter(user_program));
    State& state = linux_task().seccomp;
    process::Process& self = process::current_process();
    Sync sync;
    sync.privileges_gone = no_new_privileges();
    for (;;) {
        if (!may_assign(state, SECCOMP_MODE_FILTER)) return Err(Error::inval);
        Filter* before = state.filter.load(std::memory_order_acquire);
        filter->previous = Ref<Filter>(before);
        filter->log = flags & SECCOMP_FILTER_FLAG_LOG;
        filter->chain_length =
            translated_length(*filter) + (before ? before->chain_length + kChargeOfFilter : 0);
        filter->chain_count = 1 + (before ? before->chain_count : 0);
        if (filter->chain_length > kMaxChain) return Err(Error::nomem);
        sync.before = before;
        sync.filter = filter.get();
        if (flags & SECCOMP_FILTER_FLAG_TSYNC) {
            process::for_each_thread(self, look_for_other, &sync);
            if (sync.other != 0) {
                if (flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH) return Err(Error::srch);
                return sync.other;
            }
        }
        {
            sync::IrqSpinGuard guard(process::tree_lock());
            // Another thread's TSYNC may have come between.
            if (state.filter.load(std::memory_order_relaxed) != before) continue;
            assign_locked(*current(), state, SECCOMP_MODE_FILTER, filter.get());
        }
        if (flags & SECCOMP_FILTER_FLAG_TSYNC) process::for_each_thread(self, give, &sync);
        return 0;
    }
}

Result<i64> action_available(u64 user_action) {
    TRY_ASSIGN(const u32 action, mm::UserIn<u32>(user_action).read());
    switch (action) {
        case SECCOMP_RET_KILL_PROCESS:
        case SECCOMP_RET_KILL_THREAD:
        case SECCOMP_RET_TRAP:
        case SECCOMP_RET_ERRNO:
        case SECCOMP_RET_TRACE:
        case SECCOMP_RET_LOG:
        case SECCOMP_RET_ALLOW:
            return 0;
        default:
            return Err(Error::opnotsupp);
    }
}

Result<i64> notification_sizes(u64 to) {
    const uapi::seccomp_notif_sizes sizes{
        sizeof(uapi::seccomp_notif), sizeof(uapi::seccomp_notif_resp), sizeof(uapi::seccomp_data)};
    TRY(mm::copy_to_user(UserAddr{to}, &sizes, sizeof(sizes)));
    return 0;
}

// The strictest answer, and that of the newest filter among equals.
u32 answer_of(const Filter* chain, const uapi::seccomp_data& data, bool& log) {
    u32 words[sizeof(data) / sizeof(u32)];
    std::memcpy(words, &data, sizeof(data));
    u32 answer = SECCOMP_RET_ALLOW;
    for (const Filter* f = chain; f != nullptr; f = f->previous.get()) {
        const u32 next = bpf::run(f->program(), words);
        if (static_cast<i32>(next & SECCOMP_RET_ACTION_FULL) <
            static_cast<i32>(answer & SECCOMP_RET_ACTION_FULL)) {
            answer = next;
            log = f->log;
        }
    }
    return answer;
}

process::SignalInfo sigsys(arch::UserRegs& regs, u32 number, u32 reason) {
    process::SignalInfo info{.signal = SIGSYS, .code = SYS_SECCOMP};
    uapi::siginfo_t raw{};
    raw.si_signo = SIGSYS;
    raw.si_errno = static_cast<i32>(reason);
    raw.si_code = SYS_SECCOMP;
    raw.si_call_addr = reinterpret_cast<void*>(regs.ip());
    raw.si_syscall = static_cast<i32>(number);
    raw.si_arch = kAuditArch;
    std::memcpy(info.raw, &raw, sizeof(raw));
    info.has_raw = true;
    // A handler and a core show the registers as they were at the call.
    regs.set_syscall_result(number);
    return info;
}

void kill(arch::UserRegs& regs, u32 number, u32 action) {
    process::Process& self = process::current_process();
    if (action == SECCOMP_RET_KILL_THREAD && self.live_threads > 1) process::exit_task(SIGSYS);
    // Neither a handler nor a tracer may stand in the way.
    const bool dumped = trace::dump_core(sigsys(regs, number, 0));
    process::exit_group(static_cast<i32>(SIGSYS | (dumped ? 0x80 : 0)));
}

// True: the call goes on.
bool decide(arch::UserRegs& regs, const Filter* chain, bool asked_tracer = false) {
    const u32 number = static_cast<u32>(regs.syscall_number());
    uapi::seccomp_data data{};
    data.nr = static_cast<i32>(number);
    data.arch = kAuditArch;
    data.instruction_pointer = regs.ip();
    for (u32 i = 0; i < 6; ++i) data.args[i] = regs.syscall_arg(i);
    bool log = false;
    const u32 answer = answer_of(chain, data, log);
    const u32 action = answer & SECCOMP_RET_ACTION_FULL, reason = answer & SECCOMP_RET_DATA;
    if (action == SECCOMP_RET_LOG || (log && action != SECCOMP_RET_ALLOW))
        log::info("seccomp: {}[{}]: system call {} answered with action {:#x}", current()->name,
                  current()->tid, number, action);
    constexpr u32 kMaxErrno = 4095;
    switch (action) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
            return true;
        case SECCOMP_RET_ERRNO:
            regs.set_syscall_result(-u64{reason < kMaxErrno ? reason : kMaxErrno});
            return false;
        case SECCOMP_RET_TRAP:
            process::force_signal(*current(), sigsys(regs, number, reason));
            return false;
        case SECCOMP_RET_TRACE:
            if (asked_tracer) return true;
            if (trace::event(PTRACE_EVENT_SECCOMP, reason)) {
                // It may have changed the call, or left it out.
                if (process::fatal_signal_pending() || !regs.in_syscall()) return false;
                return decide(regs, chain, true);
            }
            [[fallthrough]];
        case SECCOMP_RET_USER_NOTIF:
            regs.set_syscall_result(static_cast<u64>(-static_cast<i64>(ENOSYS)));
            return false;
        default:
            kill(regs, number, action);
            return false;
    }
}

bool strict_allows(u64 number) {
    return number == __NR_read || number == __NR_write || number == __NR_exit ||
           number == __NR_rt_sigreturn;
}

}  // namespace

State::~State() {
    if (Filter* last = filter.load(std::memory_order_relaxed)) last->unref();
}

void Filter::on_last_ref() {
    Ref<Filter> rest = std::move(previous);
    delete this;
    while (rest && rest->ref_count() == 1) rest = std::move(rest->previous);
}

bool no_new_privileges() {
    return process::current_credentials().no_new_privileges ||
           linux_task().seccomp.no_new_privileges.load(std::memory_order_relaxed);
}

Result<i64> set_mode(u64 mode, u64 program) {
    switch (mode) {
        case SECCOMP_MODE_STRICT:
            return set_strict();
        case SECCOMP_MODE_FILTER:
            return set_filter(0, program);
        default:
            return Err(Error::inval);
    }
}

void inherit(Task& child) {
    const State& mine = linux_task().seccomp;
    State& fresh = linux_task(child).seccomp;
    sync::IrqSpinGuard guard(process::tree_lock());
    fresh.no_new_privileges.store(mine.no_new_privileges.load(std::memory_order_relaxed),
                                  std::memory_order_relaxed);
    const u32 mode = mine.mode.load(std::memory_order_relaxed);
    if (mode == SECCOMP_MODE_DISABLED) return;
    assign_locked(child, fresh, mode, mine.filter.load(std::memory_order_relaxed));
}

}  // namespace seccomp

void filtered_entry(arch::UserRegs& regs) {
    seccomp::State& state = linux_task().seccomp;
    if (state.mode.load(std::memory_order_acquire) == SECCOMP_MODE_STRICT) {
        if (!seccomp::strict_allows(regs.syscall_number())) process::exit_task(SIGKILL);
    } else if (!seccomp::decide(regs, state.filter.load(std::memory_order_acquire))) {
        return;
    }
    entry(regs);
}

Result<i64> sys_seccomp(u32 op, u32 flags, u64 uargs) {
    switch (op) {
        case SECCOMP_SET_MODE_STRICT:
            if (flags != 0 || uargs != 0) return Err(Error::inval);
            return seccomp::set_strict();
        case SECCOMP_SET_MODE_FILTER:
            return seccomp::set_filter(flags, uargs);
        case SECCOMP_GET_ACTION_AVAIL:
            if (flags != 0) return Err(Error::inval);
            return seccomp::action_available(uargs);
        case SECCOMP_GET_NOTIF_SIZES:
            if (flags != 0) return Err(Error::inval);
            return seccomp::notification_sizes(uargs);
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
