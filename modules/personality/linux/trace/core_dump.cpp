// A dump from the signal to the closed file. Spec: man 5 core; Linux fs/coredump.c for the order.
#include "personality/linux/trace/core_dump.h"

#include <tenon/process/system_name.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/lookup.h>
#include <tenon/vfs/pipe.h>

#include "personality/linux/exec/credentials.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/poll/wait.h"
#include "personality/linux/process/helper.h"
#include "personality/linux/system/settings.h"

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

// Where the dump goes; what root alone may read goes to a whole path, below the first root.
struct Place {
    Ref<FsContext> root;  // null: the caller's
    Ref<Credentials> cred;
    bool guarded = false;
    vfs::LookupStart start() const { return {root ? *root : *current()->fs, nullptr, *cred}; }
};

Result<void> find_place(Process& process, Place& out) {
    out.cred = current()->credentials;
    if (process.dumpable != process::Dumpable::for_root) return {};
    out.guarded = true;
    TRY_ASSIGN(out.cred, Credentials::copy_of(current_credentials()));
    out.cred->fsuid = 0;
    TRY_ASSIGN(out.root, FsContext::create(vfs::root_of_everything(), vfs::root_of_everything()));
    return {};
}

Result<Ref<vfs::File>> create(const Place& place, std::string_view path) {
    if (place.guarded && path.front() != '/') return Err(Error::acces);
    // What is left from before goes; if it cannot, creating says why. Another's file stays.
    if (!place.guarded) (void)vfs::unlink(place.start(), path, vfs::UnlinkKind::file);
    vfs::OpenRequest open{.flags = vfs::kOpenRead | vfs::kOpenWrite | vfs::kOpenCreate |
                                   vfs::kOpenExclusive | vfs::kOpenNoFollow | vfs::kOpenLargeFile,
                          .mode = 0600,
                          .lookup_flags = 0};
    TRY_ASSIGN(auto file, vfs::open(place.start(), path, open));
    const vfs::Inode& inode = file->inode();
    if (!vfs::is_regular(inode.mode) || inode.nlink != 1 || inode.uid != place.cred->fsuid ||
        (inode.mode & 0677) != 0600)
        return Err(Error::perm);
    return file;
}

Result<void> write_all(CoreFile& out, const SignalInfo& info) {
    // One that is cut short, by the limit, a full disk or its reader, is a dump as well.
    if (const auto whole = write_core(out, info); !whole) {
        if (whole.error() == Error::nomem || whole.error() == Error::toobig) return whole;
        return fatal_signal_pending() ? Result<void>(Err(Error::intr)) : Result<void>();
    }
    return out.finish();
}

constinit std::atomic<i32> program_dumps{0};

// Until nobody has the dump open any more: what the program wants of /proc/PID stays there.
void wait_for_reader(vfs::File& write_end) {
    vfs::Pipe* pipe = vfs::pipe_of(write_end);
    if (pipe == nullptr) return;
    // SAFETY: the file keeps the pipe; its own release() takes back the end that is opened again.
    pipe->close_end(vfs::kOpenWrite);
    {
        PollWaiter waiter;
        bool read = write_end.poll(&waiter) & vfs::kPollErr;
        while (!read && waiter.complete() && waiter.wait(sync::Deadline::never())) {
            waiter.clear_signal();
            read = write_end.poll(nullptr) & vfs::kPollErr;
        }
    }
    (void)pipe->open_end(vfs::kOpenWrite, false);
}

Result<void> dump_to_program(CoreName& name, const SignalInfo& info, u64 limit) {
    // A program that reads dumps has this limit: its own would start another of its kind.
    if (limit == 1) return Err(Error::loop);
    HelperRequest request;
    TRY(request.arguments.append({name.text.get(), name.length - 1}));
    request.arguments.argc = name.arguments;
    request.core_limit = 1;
    TRY_ASSIGN(vfs::PipeEnds ends, vfs::make_pipe(0));
    request.input = std::move(ends.read_end);
    TRY(start_helper(request));
    CoreFile out(*ends.write_end, ~u64{0});
    const auto result = write_all(out, info);
    if (setting(linux_settings::Setting::core_pipe_limit) != 0) wait_for_reader(*ends.write_end);
    return result;
}

Result<void> dump(const SignalInfo& info, u64 limit) {
    CoreName name;
    TRY(make_core_name(name, info.signal));
    if (name.arguments != 0) {
        const i32 most = setting(linux_settings::Setting::core_pipe_limit);
        const i32 now = program_dumps.fetch_add(1, std::memory_order_relaxed) + 1;
        const auto result = most != 0 && static_cast<u32>(most) < static_cast<u32>(now)
                                ? Result<void>(Err(Error::again))
                                : dump_to_program(name, info, limit);
        program_dumps.fetch_sub(1, std::memory_order_relaxed);
        return result;
    }
    Place place;
    TRY(find_place(current_process(), place));
    TRY_ASSIGN(auto file, create(place, {name.text.get(), name.length - 1}));
    CoreFile out(*file, limit);
    return write_all(out, info);
}

bool goes_to_program() {
    char pattern[kCorePatternBytes];
    core_pattern(pattern);
    return pattern[0] == '|';
}

}  // namespace

bool dump_core(const SignalInfo& info) {
    Task& self = *current();
    Process& process = *self.process;
    const u64 limit = process.limit(Limits::core);
    if (process.dumpable == process::Dumpable::no || !self.extension || !self.space) return false;
    if (limit < kLeast && !goes_to_program()) return false;
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
