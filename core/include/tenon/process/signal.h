// Signals: numbers 1..64, queues, masks, dispositions. The personality builds frames and translates
// siginfo.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/rcu.h>
#include <tenon/sync/wait_queue.h>

namespace tenon::process {

class Process;

// The numbers of the machine's Unix ABI, which all known personalities share.
enum Signal : u32 {
    kSigHup = 1,
    kSigInt,
    kSigQuit,
    kSigIll,
    kSigTrap,
    kSigAbrt,
    kSigBus,
    kSigFpe,
    kSigKill,
    kSigUsr1,
    kSigSegv,
    kSigUsr2,
    kSigPipe,
    kSigAlrm,
    kSigTerm,
    kSigStkflt,
    kSigChld,
    kSigCont,
    kSigStop,
    kSigTstp,
    kSigTtin,
    kSigTtou,
    kSigUrg,
    kSigXcpu,
    kSigXfsz,
    kSigVtalrm,
    kSigProf,
    kSigWinch,
    kSigIo,
    kSigPwr,
    kSigSys,
    kSigRtMin = 32,
    kSignalCount = 64,
};

class SignalSet {
  public:
    constexpr SignalSet() = default;
    constexpr explicit SignalSet(u64 bits) : bits_(bits) {}
    static constexpr SignalSet of(u32 signal) { return SignalSet(u64{1} << (signal - 1)); }
    constexpr bool has(u32 signal) const { return (bits_ >> (signal - 1)) & 1; }
    constexpr void add(u32 signal) { bits_ |= u64{1} << (signal - 1); }
    constexpr void remove(u32 signal) { bits_ &= ~(u64{1} << (signal - 1)); }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr u64 bits() const { return bits_; }
    constexpr SignalSet operator|(SignalSet o) const { return SignalSet(bits_ | o.bits_); }
    constexpr SignalSet operator&(SignalSet o) const { return SignalSet(bits_ & o.bits_); }
    constexpr SignalSet operator~() const { return SignalSet(~bits_); }

  private:
    u64 bits_ = 0;
};

// What came with a signal. `code` is the personality's si_code as it was sent (it is data to the
// core), with core-made ones in SignalCode.
struct SignalInfo {
    u32 signal = 0;
    i32 code = 0;
    i32 error = 0;
    i32 pid = 0;
    u32 uid = 0;
    u64 value = 0;   // sigval, fault address, band
    i32 status = 0;  // of a child: exit status or signal
    u64 utime = 0, stime = 0;
    u32 trap = 0;  // machine vector (faults)
    u32 timer_id = 0, overrun = 0;
    i32 fd = 0;
    u8 raw[128] = {};  // what rt_sigqueueinfo gave, verbatim, when has_raw
    bool has_raw = false;
};
// Codes that the core itself gives (same numbers in every Unix of this ABI; the personality asserts
// them against its headers).
enum SignalCode : i32 {
    kCodeUser = 0,
    kCodeKernel = 0x80,
    kCodeQueue = -1,
    kCodeTimer = -2,
    kCodeMesgq = -3,
    kCodeAsyncIo = -4,
    kCodeSigio = -5,
    kCodeTkill = -6,
    kCodeExited = 1,
    kCodeKilled = 2,
    kCodeDumped = 3,
    kCodeTrapped = 4,
    kCodeStopped = 5,
    kCodeContinued = 6,
    kCodeMapErr = 1,
    kCodeAccErr = 2,
    kCodeBusAdrAln = 1,
    kCodeBusAdrErr = 2,
};

struct SignalAction {
    enum class Kind : u8 { default_action, ignore, handler } kind = Kind::default_action;
    u64 handler = 0, restorer = 0;
    u64 flags = 0;  // the personality's SA_* bits; the core looks at these three only:
    bool no_child_stop = false, no_child_wait = false, reset_hand = false;
    SignalSet mask;
};

// Dispositions, shared by CLONE_SIGHAND.
class SignalActions : public RefCounted<SignalActions> {
  public:
    SignalAction action[kSignalCount + 1];
    // Also guards the queues of the tasks that share it. Irqs off.
    sync::SpinLock lock{sync::LockRank::signal};
    sync::RcuHead rcu;
    TENON_API void on_last_ref();
};

struct QueuedSignal {
    SignalInfo info;
    ListHook hook;
    u32 charged_uid = 0;
};
struct PendingSignals {
    SignalSet set;
    List<QueuedSignal, &QueuedSignal::hook> queue;
};

// Sending. No permission check. Any thread context; from irq context too (timers): never sleeps.
TENON_API Result<void> send_to_task(Task& task, const SignalInfo& info);
TENON_API Result<void> send_to_process(Process& process, const SignalInfo& info);
TENON_API Result<void> send_to_group(class ProcessGroup& group, const SignalInfo& info);
inline SignalInfo kernel_signal(u32 signal) {
    return SignalInfo{.signal = signal, .code = kCodeKernel};
}
// A fault that cannot be ignored or blocked: resets the disposition when it is, so that the task
// dies.
TENON_API void force_signal(Task& task, const SignalInfo& info);
TENON_API bool is_blocked_or_ignored(u32 signal);  // of the current task
// True if a signal (or a kill) would end an interruptible sleep now.
TENON_API bool signal_pending();
// Whether the task is to die. A module's long loop that asks is none that runs for ever: the
// watchdog counts anew, unless interrupts or preemption are off.
TENON_API bool fatal_signal_pending();

}  // namespace tenon::process
