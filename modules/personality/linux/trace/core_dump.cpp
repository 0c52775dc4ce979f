// A dump from the signal to the closed file. Spec: man 5 core; Linux fs/coredump.c for the order.
#include "personality/linux/trace/core_dump.h"

#include <tenon/trace/log.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/linux_task.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

constexpr u64 kLeast = kPageSize;  // a limit below this means none

// Ends the other threads and waits until none of them runs: each is gone, or in wait_for_dump().
// False: the process is dying already.
bool gather(Process& process, u32 signal) {
    Task& self = *current();
    {
        TreeGuard tree(tree_lock());
        SignalLock lock(process);
        if (process.group_exiting || process.group_exec_task != nullptr) return false;
        process.group_exiting = true;
        process.group_exit_code = static_cast<i32>(signal);
        side(self).dumping = true;
        kill_threads_locked(process, &self);
    }
    auto all_still = [&] {
        TreeGuard tree(tree_lock());
        for (const Task& task : process.threads)
            if (&task != &self && !task.exiting && !side(const_cast<Task&>(task)).in_dump)
                return false;
        return true;
    };
    (void)process.thread_wait.wait(all_still, sync::WaitMode::killable);
    return all_still();
}

void let_go(Process& process) {
    {
        TreeGuard tree(tree_lock());
        side(*current()).dumping = false;
    }
    process.thread_wait.wake_all();
}

Result<Ref<vfs::File>> create(const char* path) {
    const vfs::LookupStart start = vfs::lookup_start_of_current();
    // What is left from before goes; if it cannot, creating says why.
    (void)vfs::unlink(start, path, vfs::UnlinkKind::file);
    vfs::OpenRequest open{.flags = vfs::kOpenRead | vfs::kOpenWrite | vfs::kOpenCreate |
                                   vfs::kOpenExclusive | vfs::kOpenNoFollow | vfs::kOpenLargeFile,
                          .mode = 0600,
                          .lookup_flags = 0};
    TRY_ASSIGN(auto file, vfs::open(start, path, open));
    if (!vfs::is_regular(file->inode().mode) || file->inode().nlink > 1) return Err(Error::perm);
    return file;
}

Result<void> dump(const SignalInfo& info, u64 limit) {
    CoreName name;
    TRY(make_core_name(name, info.signal));
    if (name.pipe) {
        log::info("core: {}[{}]: patterns that name a program are not served", current()->name,
                  current()->tid);
        return Err(Error::nosys);
    }
    TRY_ASSIGN(auto file, create(name.text));
    CoreFile out(*file, limit);
    // One that is cut short, by the limit or a full disk, is a dump as well.
    if (const auto whole = write_core(out, info); !whole) {
        if (whole.error() == Error::nomem || out.position() == 0) return whole;
        return fatal_signal_pending() ? Result<void>(Err(Error::intr)) : Result<void>();
    }
    // The last page may be a hole.
    return vfs::truncate_inode(file->inode(), out.position(), current_credentials());
}

}  // namespace

bool dump_core(const SignalInfo& info) {
    Task& self = *current();
    Process& process = *self.process;
    const u64 limit = process.limit(Limits::core);
    if (limit < kLeast || !process.dumpable || !self.extension || !self.space) return false;
    if (!gather(process, info.signal)) {
        let_go(process);
        return false;
    }
    const auto result = dump(info, limit);
    if (!result)
        log::info("core: {}[{}]: not dumped: {}", self.name, self.tid, error_name(result.error()));
    if (result) {
        SignalLock lock(process);
        process.group_exit_code |= 0x80;
    }
    let_go(process);
    return result.has_value();
}

void wait_for_dump(Task& self) {
    Process& process = *self.process;
    auto dumping = [&] {
        TreeGuard tree(tree_lock());
        for (Task& task : process.threads)
            if (&task != &self && task.extension && side(task).dumping) {
                side(self).in_dump = true;
                return true;
            }
        return false;
    };
    if (process.thread_count == 1 || !process.group_exiting || !dumping()) return;
    process.thread_wait.wake_all();
    (void)process.thread_wait.wait([&] { return !dumping(); }, sync::WaitMode::uninterruptible);
}

}  // namespace tenon::personality::trace
