#include "personality/linux/signal/siginfo.h"

namespace tenon::personality {

static_assert(process::kCodeKernel == SI_KERNEL && process::kCodeQueue == SI_QUEUE &&
              process::kCodeTkill == SI_TKILL && process::kCodeTimer == SI_TIMER &&
              process::kCodeSigio == SI_SIGIO && process::kCodeExited == CLD_EXITED &&
              process::kCodeContinued == CLD_CONTINUED && process::kCodeStopped == CLD_STOPPED &&
              process::kCodeMapErr == SEGV_MAPERR && process::kCodeBusAdrErr == BUS_ADRERR);
static_assert(sizeof(uapi::siginfo_t) == 128 && sizeof(process::SignalInfo::raw) == 128);

namespace {

constexpr u64 kNsPerTick = 10'000'000;  // clock_t here

enum class Layout : u8 { none, kill, timer, queue, child, fault, poll };

Layout layout_of(u32 signal, i32 code) {
    if (code == SI_TIMER) return Layout::timer;
    if (code == SI_USER || code == SI_TKILL) return Layout::kill;
    if (code < 0) return Layout::queue;
    if (code == SI_KERNEL) return Layout::none;
    switch (signal) {
        case SIGCHLD:
            return Layout::child;
        case SIGSEGV:
        case SIGBUS:
        case SIGILL:
        case SIGFPE:
        case SIGTRAP:
            return Layout::fault;
        case SIGIO:
            return Layout::poll;
        default:
            return Layout::queue;
    }
}

}  // namespace

void to_siginfo(const process::SignalInfo& from, uapi::siginfo_t& to) {
    std::memset(&to, 0, sizeof(to));
    if (from.has_raw) {
        std::memcpy(&to, from.raw, sizeof(to));
        to.si_signo = static_cast<i32>(from.signal);
        return;
    }
    to.si_signo = static_cast<i32>(from.signal);
    to.si_errno = from.error;
    to.si_code = from.code;
    switch (layout_of(from.signal, from.code)) {
        case Layout::none:
            break;
        case Layout::kill:
            to.si_pid = from.pid;
            to.si_uid = from.uid;
            break;
        case Layout::timer:
            to.si_tid = static_cast<i32>(from.timer_id);
            to.si_overrun = static_cast<i32>(from.overrun);
            to.si_ptr = reinterpret_cast<void*>(from.value);
            break;
        case Layout::queue:
            to.si_pid = from.pid;
            to.si_uid = from.uid;
            to.si_ptr = reinterpret_cast<void*>(from.value);
            break;
        case Layout::child:
            to.si_pid = from.pid;
            to.si_uid = from.uid;
            to.si_status = from.status;
            to.si_utime = static_cast<uapi::__kernel_clock_t>(from.utime / kNsPerTick);
            to.si_stime = static_cast<uapi::__kernel_clock_t>(from.stime / kNsPerTick);
            break;
        case Layout::fault:
            to.si_addr = reinterpret_cast<void*>(from.value);
            break;
        case Layout::poll:
            to.si_band = static_cast<i64>(from.value);
            to.si_fd = from.fd;
            break;
    }
}

process::SignalInfo from_user_siginfo(u32 signal, const uapi::siginfo_t& from) {
    process::SignalInfo info{.signal = signal, .code = from.si_code};
    info.error = from.si_errno;
    info.pid = from.si_pid;
    info.uid = from.si_uid;
    info.value = reinterpret_cast<u64>(from.si_ptr);
    std::memcpy(info.raw, &from, sizeof(from));
    info.has_raw = true;
    return info;
}

}  // namespace tenon::personality
