// signalfd. Spec: man 2 signalfd.
#include <tenon/vfs/pipe.h>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/signal/take.h"

namespace tenon::personality {

namespace {

constinit const char kTag = 0;

class SignalFd final : public vfs::FileOps {
  public:
    explicit SignalFd(process::SignalSet set) : set_(set.bits()) {}
    void set(process::SignalSet set) {
        set_.store(set.bits(), std::memory_order_relaxed);
        process::current_process().signal_wait.wake_all();
    }

    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        if (buffer.remaining() < sizeof(uapi::signalfd_siginfo)) return Err(Error::inval);
        usize done = 0;
        while (buffer.remaining() >= sizeof(uapi::signalfd_siginfo)) {
            process::SignalInfo info;
            auto take = [&] { return take_signal(wanted(), info); };
            if (!take()) {
                if (done != 0) break;
                if (file.nonblocking()) return Err(Error::again);
                TRY(process::current_process().signal_wait.wait(take));
            }
            uapi::signalfd_siginfo out = {};
            out.ssi_signo = info.signal;
            out.ssi_errno = info.error;
            out.ssi_code = info.code;
            out.ssi_pid = static_cast<u32>(info.pid);
            out.ssi_uid = info.uid;
            out.ssi_fd = info.fd;
            out.ssi_tid = info.timer_id;
            out.ssi_overrun = info.overrun;
            out.ssi_status = info.status;
            out.ssi_int = static_cast<i32>(info.value);
            out.ssi_ptr = info.value;
            out.ssi_utime = info.utime;
            out.ssi_stime = info.stime;
            TRY_ASSIGN(usize put, buffer.put(&out, sizeof(out)));
            done += put;
        }
        return done;
    }
    u32 poll(vfs::File&, vfs::PollTable* table) override {
        if (table != nullptr) table->add(process::current_process().signal_wait);
        process::SignalSet pending = pending_signals(*current());
        return (pending & wanted()).empty() ? 0 : u32{vfs::kPollIn};
    }
    void describe(vfs::File&, fmt::Sink& sink) override {
        fmt::print(sink, "sigmask:\t{:016x}\n", set_.load(std::memory_order_relaxed));
    }
    bool is_stream() const override { return true; }
    // Seeking is allowed and goes nowhere.
    Result<u64> seek(vfs::File&, i64, Whence) override { return u64{0}; }
    const void* tag() const override { return &kTag; }

  private:
    process::SignalSet wanted() const {
        return process::SignalSet(set_.load(std::memory_order_relaxed));
    }
    std::atomic<u64> set_;
};

}  // namespace

Result<i64> sys_signalfd4(i32 ufd, u64 user_mask, u64 sizemask, u32 flags) {
    if (sizemask != sizeof(u64)) return Err(Error::inval);
    TRY_ASSIGN(u64 bits, mm::UserIn<u64>(user_mask).read());
    if (flags & ~static_cast<u32>(SFD_CLOEXEC | SFD_NONBLOCK)) return Err(Error::inval);
    process::SignalSet set(bits);
    set.remove(process::kSigKill);
    set.remove(process::kSigStop);
    if (ufd != -1) {
        TRY_ASSIGN(vfs::FileRef file, file_of(ufd));
        if (file->tag() != &kTag) return Err(Error::inval);
        static_cast<SignalFd*>(file->raw_ops())->set(set);
        return ufd;
    }
    auto ops = mm::make<SignalFd>(set);
    if (!ops) return Err(Error::nomem);
    TRY_ASSIGN(
        Ref<vfs::File> file,
        vfs::make_anonymous_file("anon_inode:[signalfd]",
                                 module::Gated<vfs::FileOps>::own(std::move(ops), nullptr),
                                 vfs::kOpenRead | vfs::kOpenWrite |
                                     ((flags & SFD_NONBLOCK) ? u32{vfs::kOpenNonblock} : 0)));
    return install_file(std::move(file), flags & SFD_CLOEXEC);
}
Result<i64> sys_signalfd(i32 ufd, u64 user_mask, u64 sizemask) {
    return sys_signalfd4(ufd, user_mask, sizemask, 0);
}

}  // namespace tenon::personality
