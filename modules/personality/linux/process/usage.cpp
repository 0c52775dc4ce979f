// getrusage, times, limits. Spec: man 2 getrusage, prlimit, times.
#include "personality/linux/process/usage.h"

#include <tenon/mm/address_space.h>
#include <tenon/mm/user_copy.h>
#include <tenon/time/clock.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/system/settings.h"
#include "personality/linux/time/linux_process.h"

namespace tenon::personality {

namespace {

uapi::__kernel_old_timeval to_timeval(u64 ns) {
    uapi::__kernel_old_timeval tv;
    tv.tv_sec = static_cast<i64>(ns / 1'000'000'000);
    tv.tv_usec = static_cast<i64>(ns % 1'000'000'000 / 1000);
    return tv;
}

process::Usage thread_usage(const Task& t) {
    return {.user_ns = t.user_ns,
            .system_ns = t.system_ns,
            .minor_faults = t.minor_faults,
            .major_faults = t.major_faults,
            .voluntary_switches = t.sched.voluntary_switches,
            .involuntary_switches = t.sched.involuntary_switches};
}

}  // namespace

Result<void> write_rusage(u64 to, const process::Usage& u) {
    uapi::rusage r;
    std::memset(&r, 0, sizeof(r));
    const auto user = to_timeval(u.user_ns), system = to_timeval(u.system_ns);
    r.ru_utime.tv_sec = user.tv_sec, r.ru_utime.tv_usec = user.tv_usec;
    r.ru_stime.tv_sec = system.tv_sec, r.ru_stime.tv_usec = system.tv_usec;
    r.ru_maxrss = static_cast<i64>(u.max_rss_pages * (kPageSize / 1024));
    r.ru_minflt = static_cast<i64>(u.minor_faults);
    r.ru_majflt = static_cast<i64>(u.major_faults);
    r.ru_inblock = static_cast<i64>(u.in_blocks);
    r.ru_oublock = static_cast<i64>(u.out_blocks);
    r.ru_nvcsw = static_cast<i64>(u.voluntary_switches);
    r.ru_nivcsw = static_cast<i64>(u.involuntary_switches);
    return mm::copy_to_user(UserAddr{to}, &r, sizeof(r));
}

Result<i64> sys_getrusage(i32 who, u64 ru) {
    process::Process& self = process::current_process();
    process::Usage usage;
    switch (who) {
        case RUSAGE_SELF:
            usage = process::usage_of(self);
            break;
        case RUSAGE_CHILDREN:
            usage = self.children_usage;
            break;
        case RUSAGE_THREAD:
            usage = thread_usage(*current());
            break;
        default:
            return Err(Error::inval);
    }
    if (who != RUSAGE_CHILDREN)
        usage.max_rss_pages =
            std::max(usage.max_rss_pages, current()->space->footprint().peak_resident);
    TRY(write_rusage(ru, usage));
    return 0;
}

Result<i64> sys_times(u64 tbuf) {
    constexpr u64 kNsPerTick = 10'000'000;
    process::Process& self = process::current_process();
    if (tbuf != 0) {
        const process::Usage own = process::usage_of(self);
        uapi::tms t;
        t.tms_utime = static_cast<i64>(own.user_ns / kNsPerTick);
        t.tms_stime = static_cast<i64>(own.system_ns / kNsPerTick);
        t.tms_cutime = static_cast<i64>(self.children_usage.user_ns / kNsPerTick);
        t.tms_cstime = static_cast<i64>(self.children_usage.system_ns / kNsPerTick);
        TRY(mm::UserOut<uapi::tms>(tbuf).write(t));
    }
    return static_cast<i64>(time::monotonic_ns() / kNsPerTick);
}

namespace {

constexpr u32 kLimitCount = RLIM_NLIMITS;
static_assert(kLimitCount == 16 && process::Limits::nofile == RLIMIT_NOFILE &&
              process::Limits::as == RLIMIT_AS && process::Limits::rttime == RLIMIT_RTTIME);

// Who may read or set another process's limits.
Result<void> may_touch_limits(process::Process& target) {
    if (&target == &process::current_process()) return {};
    const auto& own = process::current_credentials();
    auto other = process::credentials_of(*target.leader);
    if (!other) return Err(Error::srch);
    if (own.uid == other->euid && own.uid == other->suid && own.uid == other->uid &&
        own.gid == other->egid && own.gid == other->sgid && own.gid == other->gid)
        return {};
    if (process::capable(process::Capability::sys_resource)) return {};
    return Err(Error::perm);
}

Result<process::Limits::Pair> change_limit(process::Process& target, u32 which,
                                           const process::Limits::Pair* fresh) {
    if (fresh != nullptr) {
        if (fresh->soft > fresh->hard) return Err(Error::inval);
        const i32 most = setting(linux_settings::Setting::nr_open);
        if (which == RLIMIT_NOFILE && fresh->hard > static_cast<u32>(most)) return Err(Error::perm);
    }
    sync::IrqSpinGuard guard(process::tree_lock());
    process::Limits::Pair& place = target.limits.value[which];
    const process::Limits::Pair old = place;
    if (fresh != nullptr) {
        if (fresh->hard > old.hard && !process::capable(process::Capability::sys_resource))
            return Err(Error::perm);
        place = *fresh;
    }
    return old;
}

// Limits that the address space keeps for itself.
void pass_on(process::Process& target, u32 which, u64 soft) {
    if (which != RLIMIT_AS && which != RLIMIT_DATA && which != RLIMIT_MEMLOCK &&
        which != RLIMIT_STACK)
        return;
    auto space = process::space_of(*target.leader);
    if (!space) return;
    if (which == RLIMIT_AS) space->limit_total = soft;
    if (which == RLIMIT_DATA) space->limit_data = soft;
    if (which == RLIMIT_MEMLOCK) space->limit_locked = soft;
    if (which == RLIMIT_STACK) space->layout.stack_limit_bytes = soft;
}

}  // namespace

Result<i64> sys_prlimit64(i32 pid, u32 resource, u64 new_rlim, u64 old_rlim) {
    process::Limits::Pair fresh;
    if (resource >= kLimitCount) return Err(Error::inval);
    if (new_rlim != 0) {
        TRY_ASSIGN(const auto in, mm::UserIn<uapi::rlimit64>(new_rlim).read());
        fresh = {in.rlim_cur, in.rlim_max};
    }
    Ref<process::Process> target(&process::current_process());
    if (pid != 0) {
        auto task = process::find_task(pid);
        if (!task) return Err(Error::srch);
        target = task->process;
    }
    TRY(may_touch_limits(*target));
    TRY_ASSIGN(const auto old, change_limit(*target, resource, new_rlim != 0 ? &fresh : nullptr));
    if (new_rlim != 0) {
        pass_on(*target, resource, fresh.soft);
        if (resource == RLIMIT_CPU) TRY(enforce_cpu_limit(*target));
    }
    if (old_rlim != 0) {
        const uapi::rlimit64 out{old.soft, old.hard};
        TRY(mm::UserOut<uapi::rlimit64>(old_rlim).write(out));
    }
    return 0;
}

Result<i64> sys_getrlimit(u32 resource, u64 rlim) {
    return sys_prlimit64(0, resource, 0, rlim);
}

Result<i64> sys_setrlimit(u32 resource, u64 rlim) {
    if (rlim == 0) return Err(Error::fault);
    return sys_prlimit64(0, resource, rlim, 0);
}

}  // namespace tenon::personality
