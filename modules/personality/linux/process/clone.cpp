// fork, vfork, clone, clone3. Spec: man 2 clone; Linux kernel/fork.c for the order of the checks.
#include "personality/linux/trace/clone.h"

#include <tenon/mm/user_copy.h>
#include <tenon/vfs/file_table.h>

#include "personality/linux/abi.h"
#include "personality/linux/copy_struct.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/process/pidfd.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

constexpr u64 kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                            CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;
constexpr u64 kLegacyFlags = 0xffffffffull;

struct Arguments {
    u64 flags = 0;
    u64 pidfd = 0, child_tid = 0, parent_tid = 0;
    u64 exit_signal = 0;
    u64 stack_top = 0;
    u64 tls = 0;
    i32 wanted_tid = 0;
};

Result<void> check(const Arguments& a) {
    const u64 f = a.flags;
    if ((f & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS)) return Err(Error::inval);
    if ((f & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS)) return Err(Error::inval);
    if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND)) return Err(Error::inval);
    if ((f & CLONE_SIGHAND) && !(f & CLONE_VM)) return Err(Error::inval);
    if ((f & CLONE_PARENT) && process::current_process().unkillable) return Err(Error::inval);
    if ((f & CLONE_PIDFD) && (f & (CLONE_DETACHED | CLONE_THREAD))) return Err(Error::inval);
    // Namespaces are not there: the answer of a Linux built without them.
    if (f & kNamespaces) return Err(Error::inval);
    if ((f & CLONE_SETTLS) && a.tls >= arch::kUserLimit) return Err(Error::perm);
    return {};
}

// What is written where before the child runs.
struct Preparation {
    const Arguments& arguments;
    i32 pidfd = -1;
    Ref<vfs::File> pidfd_file;
    trace::CloneTrace trace;
};

Result<void> prepare(Task& child, void* context) {
    auto& p = *static_cast<Preparation*>(context);
    const Arguments& a = p.arguments;
    LinuxTask& task = linux_task(child);
    TRY(p.trace.prepare(child));
    if (a.flags & CLONE_CHILD_CLEARTID) task.clear_child_tid = a.child_tid;
    if (a.flags & CLONE_CHILD_SETTID) {
        task.set_child_tid = a.child_tid;
        child.set_work(kWorkNotify);
    }
    if (a.flags & CLONE_SYSVSEM) {
        TRY(ipc::own_undo_list());
        task.undo = linux_task().undo;
    }
    if (a.flags & CLONE_PIDFD) {
        TRY_ASSIGN(p.pidfd_file, make_pidfd(child.process, 0));
        TRY_ASSIGN(p.pidfd, current()->files->reserve(
                                true, process::current_process().limit(process::Limits::nofile)));
        if (auto r = mm::UserOut<i32>(a.pidfd).write(p.pidfd); !r) {
            current()->files->cancel(p.pidfd);
            p.pidfd = -1;
            return r;
        }
    }
    if (a.flags & CLONE_PARENT_SETTID) (void)mm::UserOut<i32>(a.parent_tid).write(child.tid);
    return {};
}

Result<i64> do_clone(const Arguments& a) {
    TRY(check(a));
    if (process::thread_total() >= static_cast<u32>(setting(linux_settings::Setting::threads_max)))
        return Err(Error::again);
    // A deadline is one task's alone.
    if (const sched::Params own = sched::params(*current());
        own.policy == sched::Policy::deadline && !own.reset_on_fork)
        return Err(Error::again);
    const u64 f = a.flags;
    Preparation preparation{a};
    TRY(preparation.trace.plan(f, a.exit_signal));
    process::CloneOptions options;
    options.share_space = f & CLONE_VM;
    options.share_files = f & CLONE_FILES;
    options.share_fs = f & CLONE_FS;
    options.share_actions = f & CLONE_SIGHAND;
    options.same_process = f & CLONE_THREAD;
    options.vfork = f & CLONE_VFORK;
    options.clear_actions = f & CLONE_CLEAR_SIGHAND;
    options.same_parent = f & CLONE_PARENT;
    options.exit_signal = static_cast<i32>(a.exit_signal);
    options.set_tls = f & CLONE_SETTLS;
    options.tls = a.tls;
    options.stack_top = a.stack_top;
    options.untraced = f & CLONE_UNTRACED;
    options.wanted_tid = a.wanted_tid;
    options.prepare = prepare;
    options.prepare_context = &preparation;
    // SAFETY of publishing late: with vfork the parent resumes after the child, but a pidfd must be
    // there before; nobody else can know the number that was reserved.
    options.publish = [](Task& child, void* context) {
        if (child.process == current()->process) seccomp::inherit(child);
        auto& p = *static_cast<Preparation*>(context);
        if (p.pidfd >= 0) current()->files->publish(p.pidfd, std::move(p.pidfd_file));
        p.pidfd = -1;
        p.trace.publish(child);
    };
    options.started = [](i32 tid, void* context) {
        static_cast<Preparation*>(context)->trace.started(tid);
    };
    auto r = process::clone(options, arch::user_regs(*current()));
    if (!r) {
        if (preparation.pidfd >= 0) current()->files->cancel(preparation.pidfd);
        return Err(r.error());
    }
    if (f & CLONE_VFORK) preparation.trace.vfork_done(*r);
    return *r;
}

}  // namespace

Result<i64> sys_fork() {
    return do_clone({.exit_signal = SIGCHLD});
}

Result<i64> sys_vfork() {
    return do_clone({.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD});
}

Result<i64> sys_clone(u64 flags, u64 newsp, u64 parent_tid, u64 child_tid, u64 tls) {
    Arguments a;
    a.flags = flags & kLegacyFlags & ~static_cast<u64>(CSIGNAL);
    a.exit_signal = flags & CSIGNAL;
    // The two share one argument here.
    if ((a.flags & CLONE_PIDFD) && (a.flags & CLONE_PARENT_SETTID)) return Err(Error::inval);
    if (a.flags & CLONE_THREAD) a.exit_signal = 0;
    a.pidfd = a.parent_tid = parent_tid;
    a.child_tid = child_tid;
    a.stack_top = newsp;
    a.tls = tls;
    return do_clone(a);
}

Result<i64> sys_clone3(u64 uargs, u64 size) {
    uapi::clone_args in{};
    if (size > kPageSize) return Err(Error::toobig);
    if (size < CLONE_ARGS_SIZE_VER0) return Err(Error::inval);
    TRY(copy_struct_from_user(in, uargs, size));
    if (in.set_tid_size > 32) return Err(Error::inval);
    if ((in.set_tid == 0) != (in.set_tid_size == 0)) return Err(Error::inval);
    if ((in.exit_signal & ~static_cast<u64>(CSIGNAL)) || in.exit_signal > process::kSignalCount)
        return Err(Error::inval);
    if ((in.flags & CLONE_INTO_CGROUP) && (in.cgroup > 0x7fffffff || size < CLONE_ARGS_SIZE_VER2))
        return Err(Error::inval);
    Arguments a;
    if (in.set_tid_size != 0) {
        if (in.set_tid_size > 1) return Err(Error::inval);  // one level of pids
        TRY_ASSIGN(a.wanted_tid, mm::UserIn<i32>(in.set_tid).read());
        if (a.wanted_tid < 1 || a.wanted_tid >= process::kMaxPid) return Err(Error::inval);
        if (!process::capable(process::Capability::sys_admin) &&
            !process::capable(process::Capability::checkpoint_restore))
            return Err(Error::perm);
    }
    constexpr u64 kAllowed = kLegacyFlags | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
    if (in.flags & ~kAllowed) return Err(Error::inval);
    if (in.flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))) return Err(Error::inval);
    if ((in.flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) == (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND))
        return Err(Error::inval);
    if ((in.flags & (CLONE_THREAD | CLONE_PARENT)) && in.exit_signal != 0) return Err(Error::inval);
    if (in.stack == 0 ? in.stack_size != 0 : in.stack_size == 0) return Err(Error::inval);
    if (in.stack != 0 &&
        (in.stack + in.stack_size < in.stack || in.stack + in.stack_size > arch::kUserLimit))
        return Err(Error::inval);
    if (in.flags & CLONE_INTO_CGROUP) return Err(Error::badf);  // no cgroup directory exists
    a.flags = in.flags;
    a.pidfd = in.pidfd;
    a.child_tid = in.child_tid;
    a.parent_tid = in.parent_tid;
    a.exit_signal = in.exit_signal;
    a.stack_top = in.stack != 0 ? in.stack + in.stack_size : 0;
    a.tls = in.tls;
    return do_clone(a);
}

Result<i64> sys_set_tid_address(u64 tidptr) {
    linux_task().clear_child_tid = tidptr;
    return current()->tid;
}

Result<i64> sys_unshare(u64 flags) {
    constexpr u64 kKnown = CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES |
                           CLONE_SYSVSEM | kNamespaces;
    if (flags & ~kKnown) return Err(Error::inval);
    if (flags & kNamespaces) return Err(Error::inval);
    // What cannot be undone must not be shared at all.
    if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) {
        if (process::current_process().thread_count > 1) return Err(Error::inval);
        if ((flags & CLONE_VM) && current()->space->ref_count() > 1) return Err(Error::inval);
    }
    Ref<process::FsContext> fs;
    Ref<vfs::FileTable> files;
    if ((flags & CLONE_FS) && current()->fs->ref_count() > 1) {
        TRY_ASSIGN(fs, current()->fs->copy());
    }
    if ((flags & CLONE_FILES) && current()->files->ref_count() > 1) {
        TRY_ASSIGN(files, current()->files->copy());
    }
    if (flags & CLONE_SYSVSEM) linux_task().undo.reset();
    if (fs) process::replace_fs(std::move(fs));
    if (files) process::replace_files(std::move(files));
    return 0;
}

}  // namespace tenon::personality
