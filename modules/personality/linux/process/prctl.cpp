// prctl, personality, kcmp. Spec: man 2 prctl, man 2 personality, man 2 kcmp.
#include <tenon/arch/context.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/process/tree.h>
#include <tenon/vfs/file_table.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/process/permission.h"
#include "personality/linux/time/linux_process.h"

namespace tenon::personality {

using process::Capability;
using process::CapabilitySet;
using process::Credentials;

namespace {

CapabilitySet bit_of(u64 capability) {
    return CapabilitySet{1} << capability;
}

Result<i64> set_name(u64 from) {
    char name[16] = {};
    auto r = mm::copy_string_from_user({name, sizeof(name)}, UserAddr{from});
    if (!r) {
        if (r.error() == Error::fault) return Err(Error::fault);
        TRY(mm::copy_from_user(name, UserAddr{from}, sizeof(name) - 1));  // cut
    }
    name[15] = '\0';
    std::memcpy(current()->name, name, sizeof(name));
    return 0;
}

// Who may trace this process beside its ancestors, where kernel.yama.ptrace_scope asks: 0 nobody,
// -1 everybody. Error::inval: there is no such task.
Result<i64> set_tracer(i32 pid) {
    u64 start_ns = 0;
    if (pid != 0 && pid != -1) {
        const Ref<Task> named = process::find_task(pid);
        const Ref<Task> leader =
            named && named->process ? process::find_task(named->process->pid) : nullptr;
        if (!leader) return Err(Error::inval);
        pid = leader->tid, start_ns = leader->start_time_ns;
    }
    TRY_ASSIGN(LinuxProcess * own, own_linux_process());
    sync::MutexGuard guard(own->mutex);
    own->tracer = {pid, start_ns};
    return 0;
}

template <typename Change>
Result<i64> change_credentials(Change&& change) {
    TRY_ASSIGN(auto c, Credentials::copy_of(process::current_credentials()));
    change(*c);
    process::commit_credentials(std::move(c));
    return 0;
}

Result<i64> drop_from_bounding(u64 capability) {
    if (capability > CAP_LAST_CAP) return Err(Error::inval);
    if (!process::capable(Capability::setpcap)) return Err(Error::perm);
    return change_credentials([&](Credentials& c) { c.bounding &= ~bit_of(capability); });
}

Result<i64> set_secure_bits(u64 bits) {
    const Credentials& old = process::current_credentials();
    const u64 locks = old.secure_bits & SECURE_ALL_LOCKS;
    if (((locks >> 1) & (old.secure_bits ^ bits)) != 0 || (locks & ~bits) != 0 ||
        (bits & ~static_cast<u64>(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) != 0 ||
        !old.has(Capability::setpcap))
        return Err(Error::perm);
    return change_credentials([&](Credentials& c) { c.secure_bits = static_cast<u32>(bits); });
}

Result<i64> set_keep_caps(u64 on) {
    if (on > 1) return Err(Error::inval);
    if (process::current_credentials().secure_bits & SECBIT_KEEP_CAPS_LOCKED)
        return Err(Error::perm);
    return change_credentials([&](Credentials& c) {
        c.secure_bits &= ~static_cast<u32>(SECBIT_KEEP_CAPS);
        if (on) c.secure_bits |= SECBIT_KEEP_CAPS;
    });
}

Result<i64> ambient(u64 what, u64 capability, u64 arg4, u64 arg5) {
    const Credentials& old = process::current_credentials();
    if (what == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (capability != 0 || arg4 != 0 || arg5 != 0) return Err(Error::inval);
        return change_credentials([](Credentials& c) { c.ambient = 0; });
    }
    if (arg4 != 0 || arg5 != 0 || capability > CAP_LAST_CAP) return Err(Error::inval);
    const CapabilitySet bit = bit_of(capability);
    switch (what) {
        case PR_CAP_AMBIENT_IS_SET:
            return (old.ambient & bit) != 0;
        case PR_CAP_AMBIENT_RAISE:
            if (!(old.permitted & bit) || !(old.inheritable & bit) ||
                (old.secure_bits & SECBIT_NO_CAP_AMBIENT_RAISE))
                return Err(Error::perm);
            return change_credentials([&](Credentials& c) { c.ambient |= bit; });
        case PR_CAP_AMBIENT_LOWER:
            return change_credentials([&](Credentials& c) { c.ambient &= ~bit; });
        default:
            return Err(Error::inval);
    }
}

// The next of those that descend from `root`, depth first; null at their end.
process::Process* next_descendant_locked(process::Process& root, process::Process& at) {
    if (!at.children->list.empty()) return &at.children->list.front();
    for (process::Process* p = &at; p != &root; p = p->parent) {
        auto& siblings = p->parent->children->list;
        if (auto it = std::next(siblings.iterator_to(*p)); it != siblings.end()) return &*it;
    }
    return nullptr;
}

// Those that descend from it look for it when their parents end. Tree lock held.
void set_subreaper_locked(process::Process& process, bool on) {
    process.child_subreaper = on;
    if (!on) return;
    for (auto* p = next_descendant_locked(process, process); p != nullptr;
         p = next_descendant_locked(process, *p))
        p->has_subreaper = true;
}

}  // namespace

Result<i64> sys_prctl(i32 option, u64 arg2, u64 arg3, u64 arg4, u64 arg5) {
    process::Process& self = process::current_process();
    const Credentials& cred = process::current_credentials();
    switch (option) {
        case PR_SET_NAME:
            return set_name(arg2);
        case PR_GET_NAME: {
            char name[16];
            std::memcpy(name, current()->name, sizeof(name));
            TRY(mm::copy_to_user(UserAddr{arg2}, name, sizeof(name)));
            return 0;
        }
        case PR_SET_PDEATHSIG:
            if (arg2 > process::kSignalCount) return Err(Error::inval);
            self.parent_death_signal = static_cast<i32>(arg2);
            return 0;
        case PR_GET_PDEATHSIG:
            TRY(mm::UserOut<i32>(arg2).write(self.parent_death_signal));
            return 0;
        case PR_SET_DUMPABLE:
            if (arg2 > 1) return Err(Error::inval);
            self.dumpable = static_cast<process::Dumpable>(arg2);
            return 0;
        case PR_GET_DUMPABLE:
            return static_cast<i64>(self.dumpable);
        case PR_SET_KEEPCAPS:
            return set_keep_caps(arg2);
        case PR_GET_KEEPCAPS:
            return (cred.secure_bits & SECBIT_KEEP_CAPS) != 0;
        case PR_SET_NO_NEW_PRIVS:
            if (arg2 != 1 || arg3 != 0 || arg4 != 0 || arg5 != 0) return Err(Error::inval);
            return change_credentials([](Credentials& c) { c.no_new_privileges = true; });
        case PR_GET_NO_NEW_PRIVS:
            if (arg2 != 0 || arg3 != 0 || arg4 != 0 || arg5 != 0) return Err(Error::inval);
            return seccomp::no_new_privileges();
        case PR_SET_PTRACER:
            return set_tracer(static_cast<i32>(arg2));
        case PR_SET_CHILD_SUBREAPER: {
            process::TreeGuard guard(process::tree_lock());
            set_subreaper_locked(self, arg2 != 0);
            return 0;
        }
        case PR_GET_CHILD_SUBREAPER:
            TRY(mm::UserOut<i32>(arg2).write(self.child_subreaper));
            return 0;
        case PR_CAPBSET_READ:
            if (arg2 > CAP_LAST_CAP) return Err(Error::inval);
            return (cred.bounding & bit_of(arg2)) != 0;
        case PR_CAPBSET_DROP:
            return drop_from_bounding(arg2);
        case PR_CAP_AMBIENT:
            return ambient(arg2, arg3, arg4, arg5);
        case PR_SET_SECUREBITS:
            return set_secure_bits(arg2);
        case PR_GET_SECUREBITS:
            return cred.secure_bits;
        case PR_SET_TIMERSLACK:
            self.timer_slack_ns =
                static_cast<u32>(arg2 == 0 ? linux_task().default_slack_ns : arg2);
            return 0;
        case PR_GET_TIMERSLACK:
            return self.timer_slack_ns;
        case PR_GET_TIMING:
            return PR_TIMING_STATISTICAL;
        case PR_SET_TIMING:
            return arg2 == PR_TIMING_STATISTICAL ? Result<i64>(0) : Err(Error::inval);
        case PR_GET_TSC:
            TRY(mm::UserOut<i32>(arg2).write(current()->context.counter == arch::UserCounter::traps
                                                 ? PR_TSC_SIGSEGV
                                                 : PR_TSC_ENABLE));
            return 0;
        case PR_SET_TSC:
            if (arg2 != PR_TSC_ENABLE && arg2 != PR_TSC_SIGSEGV) return Err(Error::inval);
            arch::set_user_counter(*current(), arg2 == PR_TSC_SIGSEGV ? arch::UserCounter::traps
                                                                      : arch::UserCounter::reads);
            return 0;
        case PR_GET_TID_ADDRESS:
            TRY(mm::UserOut<u64>(arg2).write(linux_task().clear_child_tid));
            return 0;
        case PR_GET_THP_DISABLE:
            if (arg2 != 0 || arg3 != 0 || arg4 != 0 || arg5 != 0) return Err(Error::inval);
            return 0;
        case PR_GET_SECCOMP:
            return linux_task().seccomp.mode.load(std::memory_order_relaxed);
        case PR_SET_SECCOMP:
            return seccomp::set_mode(arg2, arg3);
        case PR_MCE_KILL_GET:
            if (arg2 != 0 || arg3 != 0 || arg4 != 0 || arg5 != 0) return Err(Error::inval);
            return PR_MCE_KILL_DEFAULT;
        default:
            return Err(Error::inval);
    }
}

Result<i64> sys_personality(u32 persona) {
    LinuxTask& task = linux_task();
    const u32 old = task.persona;
    if (persona != 0xffffffff) task.persona = persona;
    return old;
}

namespace {

// An order that says nothing about addresses.
i64 compare(const void* a, const void* b) {
    constexpr u64 kMix = 0x9e3779b97f4a7c15;
    const u64 x = reinterpret_cast<u64>(a) * kMix, y = reinterpret_cast<u64>(b) * kMix;
    return x == y ? 0 : x < y ? 1 : 2;
}

}  // namespace

Result<i64> sys_kcmp(i32 pid1, i32 pid2, i32 type, u64 idx1, u64 idx2) {
    auto a = process::find_task(pid1), b = process::find_task(pid2);
    if (!a || !b) return Err(Error::srch);
    TRY(may_inspect(*a->process));
    TRY(may_inspect(*b->process));
    switch (type) {
        case uapi::KCMP_FILE: {
            auto fa = process::files_of(*a), fb = process::files_of(*b);
            if (!fa || !fb) return Err(Error::badf);
            TRY_ASSIGN(auto x, fa->get(static_cast<i32>(idx1)));
            TRY_ASSIGN(auto y, fb->get(static_cast<i32>(idx2)));
            return compare(x.get(), y.get());
        }
        case uapi::KCMP_VM:
            return compare(process::space_of(*a).get(), process::space_of(*b).get());
        case uapi::KCMP_FILES:
            return compare(process::files_of(*a).get(), process::files_of(*b).get());
        case uapi::KCMP_FS:
            return compare(process::fs_of(*a).get(), process::fs_of(*b).get());
        case uapi::KCMP_SIGHAND:
            return compare(a->actions.get(), b->actions.get());
        case uapi::KCMP_IO:
            return compare(a->io_context, b->io_context);
        case uapi::KCMP_SYSVSEM:
            return compare(linux_task(*a).undo.get(), linux_task(*b).undo.get());
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
