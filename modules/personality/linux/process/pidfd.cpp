// Spec: man 2 pidfd_open, pidfd_send_signal, pidfd_getfd.
#include "personality/linux/process/pidfd.h"

#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/pipe.h>
#include <tenon/vfs/super_block.h>

#include <charconv>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/process/permission.h"
#include "personality/linux/signal/siginfo.h"
#include "personality/linux/signal/take.h"

namespace tenon::personality {

namespace {

constinit const char kTag = 0;

class PidFd final : public vfs::FileOps {
  public:
    explicit PidFd(Ref<process::Process> process) : process_(std::move(process)) {}
    u32 poll(vfs::File&, vfs::PollTable* table) override {
        if (table != nullptr) table->add(process_->exit_wait);
        return process_->zombie || process_->thread_count == 0 ? vfs::kPollIn | vfs::kPollRdNorm
                                                               : 0;
    }
    void describe(vfs::File&, fmt::Sink& sink) override {
        const i32 pid = process_->thread_count != 0 ? process_->pid : -1;
        fmt::print(sink, "Pid:\t{}\nNSpid:\t{}\n", pid, pid);
    }
    bool is_stream() const override { return true; }
    const void* tag() const override { return &kTag; }
    const Ref<process::Process>& process() const { return process_; }

  private:
    Ref<process::Process> process_;
};

}  // namespace

Result<Ref<vfs::File>> make_pidfd(Ref<process::Process> process, u32 open_flags) {
    auto ops = mm::make<PidFd>(std::move(process));
    if (!ops) return Err(Error::nomem);
    return vfs::make_anonymous_file("[pidfd]",
                                    module::Gated<vfs::FileOps>::own(std::move(ops), nullptr),
                                    open_flags | vfs::kOpenRead | vfs::kOpenWrite);
}

Result<Ref<process::Process>> process_of_pidfd(i32 fd) {
    TRY_ASSIGN(auto file, current()->files->get(fd));
    if (file->tag() != &kTag) return Err(Error::badf);
    return static_cast<PidFd*>(file->raw_ops())->process();
}

namespace {

// An open /proc/PID stands for its process as well: so it was before pidfd_open.
Result<Ref<process::Process>> process_of_directory(i32 fd) {
    TRY_ASSIGN(auto file, current()->files->get(fd));
    const vfs::Dentry& dentry = *file->path().dentry;
    if (!file->inode().is_dir() || file->inode().super().type_name() != "proc")
        return Err(Error::badf);
    const vfs::Dentry* parent = dentry.parent();
    if (parent == nullptr || parent->parent() != nullptr) return Err(Error::badf);
    i32 pid = 0;
    const std::string_view name = dentry.name();
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size()) return Err(Error::badf);
    auto process = process::find_process(pid);
    if (!process || dentry.is_unlinked()) return Err(Error::srch);
    return process;
}

}  // namespace

Result<i64> sys_pidfd_open(i32 pid, u32 flags) {
    if (flags & ~static_cast<u32>(PIDFD_NONBLOCK)) return Err(Error::inval);
    if (pid <= 0) return Err(Error::inval);
    auto process = process::find_process(pid);
    if (!process) {
        // A thread that leads no process.
        if (process::find_task(pid)) return Err(Error::inval);
        return Err(Error::srch);
    }
    TRY_ASSIGN(auto file, make_pidfd(process, flags != 0 ? u32{vfs::kOpenNonblock} : 0));
    TRY_ASSIGN(const i32 fd, current()->files->install(
                                 std::move(file), true,
                                 process::current_process().limit(process::Limits::nofile)));
    return fd;
}

Result<i64> sys_pidfd_send_signal(i32 pidfd, u32 sig, u64 info, u32 flags) {
    if (flags != 0) return Err(Error::inval);
    auto found = process_of_pidfd(pidfd);
    if (!found && found.error() == Error::badf) found = process_of_directory(pidfd);
    TRY_ASSIGN(auto target, std::move(found));
    if (target->thread_count == 0) return Err(Error::srch);
    process::SignalInfo signal{.signal = sig, .code = SI_USER};
    if (info != 0) {
        TRY_ASSIGN(const auto raw, mm::UserIn<uapi::siginfo_t>(info).read());
        if (raw.si_signo != static_cast<i32>(sig)) return Err(Error::inval);
        if (target.get() != &process::current_process() &&
            (raw.si_code >= 0 || raw.si_code == SI_TKILL))
            return Err(Error::perm);
        signal = from_user_siginfo(sig, raw);
    } else {
        signal.pid = process::current_process().pid;
        signal.uid = process::current_credentials().uid;
    }
    if (sig > process::kSignalCount) return Err(Error::inval);
    TRY(may_signal(*target, sig));
    TRY(process::send_to_process(*target, signal));
    return 0;
}

Result<i64> sys_pidfd_getfd(i32 pidfd, i32 targetfd, u32 flags) {
    if (flags != 0) return Err(Error::inval);
    TRY_ASSIGN(auto target, process_of_pidfd(pidfd));
    if (target->thread_count == 0) return Err(Error::srch);
    TRY(may_inspect(*target));
    auto files = process::files_of(*target->leader);
    if (!files) return Err(Error::srch);
    TRY_ASSIGN(auto file, files->get(targetfd));
    TRY_ASSIGN(const i32 fd, current()->files->install(
                                 std::move(file), true,
                                 process::current_process().limit(process::Limits::nofile)));
    return fd;
}

}  // namespace tenon::personality
