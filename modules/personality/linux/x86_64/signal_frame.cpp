// Signal frames of x86-64: struct rt_sigframe on the user's stack, and the way back out of one.
// Spec: Linux arch/x86/include/asm/sigframe.h, <asm/sigcontext.h>, <asm/ucontext.h>.
#include <tenon/arch/context.h>
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/signal/siginfo.h"
#include "personality/linux/signal/stack.h"
#include "personality/linux/signal/take.h"
#include "personality/linux/x86_64/machine.h"

namespace tenon::personality {

namespace {

struct RtSigframe {
    u64 return_address;
    uapi::ucontext context;
    uapi::siginfo_t info;
};

constexpr u64 kRedZone = 128;
constexpr usize kLegacyArea = 512;              // FXSAVE's
constexpr usize kSoftwareBytes = 464;           // where the CPU leaves room for us
constexpr u64 kUserFlags = 0x240dd5 | 0x10000;  // AC OF DF TF SF ZF AF PF CF ID-less, and RF
constexpr u64 kDirectionFlag = 0x400, kTrapFlag = 0x100, kResumeFlag = 0x10000;

bool has_xsave() {
    return arch::fpu_feature_mask() != 0;
}
usize state_bytes() {
    return arch::fpu_state_size() + (has_xsave() ? FP_XSTATE_MAGIC2_SIZE : 0);
}

Result<void> save_fpu(u64 address) {
    TRY_ASSIGN(const auto state, arch::fpu_save());
    TRY(mm::copy_to_user(UserAddr{address}, state.data(), state.size()));
    uapi::_fpx_sw_bytes words{};
    if (has_xsave()) {
        words.magic1 = FP_XSTATE_MAGIC1;
        words.extended_size = state.size() + FP_XSTATE_MAGIC2_SIZE;
        words.xfeatures = arch::fpu_feature_mask();
        words.xstate_size = state.size();
        TRY(mm::UserOut<u32>(address + state.size()).write(FP_XSTATE_MAGIC2));
    }
    return mm::copy_to_user(UserAddr{address + kSoftwareBytes}, &words, sizeof(words));
}

Result<void> read_fpu(std::span<u8> area, u64 address) {
    const usize size = area.size();
    TRY_ASSIGN(const auto words, mm::UserIn<uapi::_fpx_sw_bytes>(address + kSoftwareBytes).read());
    bool whole = has_xsave() && words.magic1 == FP_XSTATE_MAGIC1 && words.xstate_size == size &&
                 words.extended_size >= words.xstate_size;
    if (whole) {
        TRY_ASSIGN(const u32 magic2, mm::UserIn<u32>(address + size).read());
        whole = magic2 == FP_XSTATE_MAGIC2;
    }
    const usize given = whole ? size : kLegacyArea;
    TRY(mm::copy_from_user(area.data(), UserAddr{address}, given));
    if (whole) return {};
    // Only what FXSAVE knows: x87 and SSE in the header's feature word.
    std::memset(area.data() + given, 0, size - given);
    const u64 features = 3;
    if (has_xsave()) std::memcpy(area.data() + kLegacyArea, &features, sizeof(features));
    return {};
}

void fill_registers(uapi::sigcontext& c, const arch::UserRegs& r, u64 mask) {
    const LinuxTask& task = linux_task();
    c.r8 = r.r8, c.r9 = r.r9, c.r10 = r.r10, c.r11 = r.r11;
    c.r12 = r.r12, c.r13 = r.r13, c.r14 = r.r14, c.r15 = r.r15;
    c.rdi = r.rdi, c.rsi = r.rsi, c.rbp = r.rbp, c.rbx = r.rbx;
    c.rdx = r.rdx, c.rax = r.rax, c.rcx = r.rcx, c.rsp = r.rsp;
    c.rip = r.rip, c.eflags = r.rflags;
    c.cs = static_cast<u16>(r.cs), c.ss = static_cast<u16>(r.ss);
    c.gs = c.fs = 0;
    c.err = task.trap_error, c.trapno = task.trap_number, c.cr2 = task.trap_address;
    c.oldmask = mask;
}

// What user mode may have in its registers is all that it gets.
Result<void> take_registers(arch::UserRegs& r, const uapi::sigcontext& c) {
    if (c.rip >= arch::kUserLimit) return Err(Error::fault);
    r.r8 = c.r8, r.r9 = c.r9, r.r10 = c.r10, r.r11 = c.r11;
    r.r12 = c.r12, r.r13 = c.r13, r.r14 = c.r14, r.r15 = c.r15;
    r.rdi = c.rdi, r.rsi = c.rsi, r.rbp = c.rbp, r.rbx = c.rbx;
    r.rdx = c.rdx, r.rax = c.rax, r.rcx = c.rcx, r.rsp = c.rsp;
    r.rip = c.rip;
    r.rflags = (r.rflags & ~kUserFlags) | (c.eflags & kUserFlags);
    r.cs = arch::UserRegs::kUserCs;
    r.ss = arch::UserRegs::kUserSs;
    return {};
}

}  // namespace

u64 min_signal_stack() {
    // Frame, FPU state, and what aligning both can cost.
    return sizeof(RtSigframe) + kRedZone + state_bytes() + 64 + 16;
}

Result<void> push_signal_frame(arch::UserRegs& regs, const process::SignalInfo& info,
                               const process::SignalAction& action, process::SignalSet mask) {
    if (!(action.flags & SA_RESTORER) || action.handler >= arch::kUserLimit)
        return Err(Error::fault);
    u64 sp = regs.sp() - kRedZone;
    bool entering_alternate = false;
    if ((action.flags & SA_ONSTACK) && alternate_stack_usable(regs.sp())) {
        const Task& self = *current();
        sp = self.alt_stack_base + self.alt_stack_size;
        entering_alternate = true;
    }
    const bool on_alternate = entering_alternate || on_alternate_stack(regs.sp());
    const u64 fpu_at = align_down(sp - state_bytes(), 64);
    const u64 frame_at = align_down(fpu_at - sizeof(RtSigframe), 16) - 8;
    // An alternate stack that overflows must not go on below itself.
    if (on_alternate && !on_alternate_stack(frame_at)) return Err(Error::fault);
    TRY(save_fpu(fpu_at));

    RtSigframe frame;
    std::memset(&frame, 0, offsetof(RtSigframe, info));
    frame.return_address = action.restorer;
    frame.context.uc_flags =
        (has_xsave() ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
    fill_stack_t(frame.context.uc_stack, regs.sp());
    fill_registers(frame.context.uc_mcontext, regs, mask.bits());
    frame.context.uc_mcontext.fpstate = reinterpret_cast<uapi::_fpstate*>(fpu_at);
    std::memcpy(&frame.context.uc_sigmask, &mask, sizeof(mask));
    const bool with_info = action.flags & SA_SIGINFO;
    if (with_info) to_siginfo(info, frame.info);
    TRY(mm::copy_to_user(UserAddr{frame_at}, &frame,
                         with_info ? sizeof(frame) : offsetof(RtSigframe, info)));
    if (entering_alternate) disarm_alternate_stack();

    regs.rdi = info.signal;
    regs.rax = 0;
    regs.rsi = frame_at + offsetof(RtSigframe, info);
    regs.rdx = frame_at + offsetof(RtSigframe, context);
    regs.rip = action.handler;
    regs.rsp = frame_at;
    regs.rflags &= ~(kDirectionFlag | kTrapFlag | kResumeFlag);
    regs.cs = arch::UserRegs::kUserCs;
    regs.ss = arch::UserRegs::kUserSs;
    return {};
}

namespace {

Result<void> pop_signal_frame(arch::UserRegs& regs) {
    const u64 frame_at = regs.sp() - 8;
    uapi::ucontext context;
    TRY(mm::copy_from_user(&context, UserAddr{frame_at + offsetof(RtSigframe, context)},
                           sizeof(context)));
    u64 mask;
    std::memcpy(&mask, &context.uc_sigmask, sizeof(mask));
    TRY(take_registers(regs, context.uc_mcontext));
    if (context.uc_mcontext.fpstate != nullptr)
        TRY(arch::fpu_load(read_fpu, reinterpret_cast<u64>(context.uc_mcontext.fpstate)));
    else
        arch::fpu_reset(*current());
    set_blocked(process::SignalSet(mask));
    restore_stack_t(context.uc_stack);
    return {};
}

}  // namespace

Result<i64> sys_rt_sigreturn() {
    Task& self = *current();
    arch::UserRegs& regs = arch::user_regs(self);
    if (!pop_signal_frame(regs))
        process::force_signal(self, process::kernel_signal(process::kSigSegv));
    // The registers are another moment's: nothing of this call may be restarted.
    regs.leave_syscall();
    return static_cast<i64>(regs.syscall_result());
}

}  // namespace tenon::personality
