// ptrace(2) as this machine answers it: struct user, register sets, single step, debug registers.
// Spec: Linux arch/x86/kernel/ptrace.c, fpu/regset.c, <sys/user.h>.
#include <tenon/arch/context.h>
#include <tenon/mm/user_copy.h>

#include "personality/linux/linux_task.h"
#include "personality/linux/trace/tracee.h"
#include "personality/linux/x86_64/user_area.h"

namespace tenon::personality::trace {

using process::TreeGuard;

namespace {

constexpr u64 kTrapFlag = 0x100;
// CF PF AF ZF SF TF DF OF RF AC.
constexpr u64 kFlagsOfTracer = 0x50dd5;
static_assert(kFlagsOfTracer ==
              (0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x10000 | 0x40000));

bool canonical(u64 address) {
    return static_cast<u64>(static_cast<i64>(address << 16) >> 16) == address;
}

u64& word(arch::UserRegs& regs, u32 index) {
    return reinterpret_cast<u64*>(&regs)[index];
}

u64 get_register(Task& task, u32 index) {
    arch::UserRegs& regs = arch::user_regs(task);
    switch (index) {
        case kRegFsBase:
            return arch::user_tls(task);
        case kRegGsBase:
            return arch::user_gs(task);
        case kRegDs:
        case kRegEs:
        case kRegFs:
        case kRegGs:
            return 0;
        default:
            return word(regs, index);
    }
}

u64 get_register(Tracee& tracee, u32 index) {
    const u64 value = get_register(*tracee.task, index);
    return index == kRegFlags && tracee.owns_trap_flag ? value & ~kTrapFlag : value;
}

Result<void> set_flags(Tracee& tracee, arch::UserRegs& regs, u64 value) {
    // The program's own trap flag from now on, or still the tracer's.
    if (value & kTrapFlag)
        tracee.owns_trap_flag = false;
    else if (tracee.owns_trap_flag)
        value |= kTrapFlag;
    regs.rflags = (regs.rflags & ~kFlagsOfTracer) | (value & kFlagsOfTracer);
    return {};
}

Result<void> set_register(Tracee& tracee, u32 index, u64 value) {
    Task& task = *tracee.task;
    arch::UserRegs& regs = arch::user_regs(task);
    switch (index) {
        case kRegCs:
        case kRegSs:
            if (static_cast<u16>(value) == 0) return Err(Error::io);
            [[fallthrough]];
        case kRegDs:
        case kRegEs:
        case kRegFs:
        case kRegGs:
            // Selectors are taken if Linux would, and have no effect: there is one of each.
            if (static_cast<u16>(value) != 0 && (value & 3) != 3) return Err(Error::io);
            return {};
        case kRegFlags:
            return set_flags(tracee, regs, value);
        case kRegFsBase:
            if (value >= arch::kUserLimit) return Err(Error::io);
            arch::set_user_tls(task, value);
            return {};
        case kRegGsBase:
            if (value >= arch::kUserLimit) return Err(Error::io);
            arch::set_user_gs(task, value);
            return {};
        case kRegRip:
            // Deviates: Linux lets the way back to user mode fault.
            if (!canonical(value)) return Err(Error::io);
            regs.rip = value;
            return {};
        default:
            word(regs, index) = value;
            return {};
    }
}

// --- Debug registers ----------------------------------------------------------------------------

constexpr u32 kDebugStatus = 6, kDebugControl = 7;
constexpr u64 kStatusFixed = 0xffff0ff0;

u64 get_debug(Tracee& tracee, u32 index) {
    const arch::DebugRegs regs = arch::debug_regs(*tracee.task);
    if (index < 4) return regs.address[index];
    if (index == kDebugControl) return side(*tracee.task).debug_control;
    if (index == kDebugStatus) return side(*tracee.task).debug_status ^ kStatusFixed;
    return 0;
}

// Spec: Intel SDM 3B 18.2.4; what Linux takes of it (arch/x86/kernel/hw_breakpoint.c).
Result<void> check_control(const arch::DebugRegs& regs, u64 control) {
    for (u32 i = 0; i < 4; ++i) {
        if (((control >> (i * 2)) & 3) == 0) continue;
        const u64 kind = (control >> (16 + i * 4)) & 3, size = (control >> (18 + i * 4)) & 3;
        if (kind == 2) return Err(Error::inval);               // I/O
        if (kind == 0 && size != 0) return Err(Error::inval);  // of an instruction
        const u64 length = size == 2 ? 8 : size + 1;
        if (kind != 0 && (regs.address[i] & (length - 1)) != 0) return Err(Error::inval);
        if (regs.address[i] + length > arch::kUserLimit || regs.address[i] + length < length)
            return Err(Error::inval);
    }
    return {};
}

Result<void> set_debug(Tracee& tracee, u32 index, u64 value) {
    if (index == 4 || index == 5) return Err(Error::io);
    if (index == kDebugStatus) {
        side(*tracee.task).debug_status = value ^ kStatusFixed;
        return {};
    }
    arch::DebugRegs regs = arch::debug_regs(*tracee.task);
    if (index < 4) {
        if (value >= arch::kUserLimit) return Err(Error::inval);
        regs.address[index] = value;
        TRY(check_control(regs, regs.control));
    } else {
        constexpr u64 kReserved = 0xfc00;  // DR_CONTROL_RESERVED, with GD
        regs.control = value & ~kReserved & 0xffffffff;
        TRY(check_control(regs, regs.control));
        TRY(arch::set_debug_regs(*tracee.task, regs));
        side(*tracee.task).debug_control = value;
        return {};
    }
    return arch::set_debug_regs(*tracee.task, regs);
}

// --- struct user --------------------------------------------------------------------------------

constexpr u64 kUserBytes = 928, kDebugAt = 848, kGeneralBytes = kRegCount * 8;

Result<i64> peek_user(Tracee& tracee, u64 address, u64 to) {
    if ((address & 7) != 0 || address >= kUserBytes) return Err(Error::io);
    u64 value = 0;
    if (address < kGeneralBytes)
        value = get_register(tracee, static_cast<u32>(address / 8));
    else if (address >= kDebugAt && address < kDebugAt + 64)
        value = get_debug(tracee, static_cast<u32>((address - kDebugAt) / 8));
    TRY(mm::UserOut<u64>(to).write(value));
    return 0;
}

Result<i64> poke_user(Tracee& tracee, u64 address, u64 value) {
    if ((address & 7) != 0 || address >= kUserBytes) return Err(Error::io);
    if (address < kGeneralBytes) {
        TRY(set_register(tracee, static_cast<u32>(address / 8), value));
        return 0;
    }
    if (address < kDebugAt || address >= kDebugAt + 64) return Err(Error::io);
    TRY(set_debug(tracee, static_cast<u32>((address - kDebugAt) / 8), value));
    return 0;
}

// --- Register sets ------------------------------------------------------------------------------

Result<i64> get_general(Tracee& tracee, u64 to, u64 bytes) {
    u64 out[kRegCount];
    for (u32 i = 0; i < kRegCount; ++i) out[i] = get_register(tracee, i);
    TRY(mm::copy_to_user(UserAddr{to}, out, bytes));
    return 0;
}

Result<i64> set_general(Tracee& tracee, u64 from, u64 bytes) {
    // Word by word: what comes before a word that is refused stays.
    for (u32 i = 0; i < bytes / 8; ++i) {
        TRY_ASSIGN(const u64 value, mm::UserIn<u64>(from).read(i));
        TRY(set_register(tracee, i, value));
    }
    return 0;
}

struct FillFrom {
    Tracee& tracee;
    u64 from;
};

Result<void> read_legacy(std::span<u8> area, u64 argument) {
    auto& fill = *reinterpret_cast<FillFrom*>(argument);
    TRY_ASSIGN(const auto old, arch::fpu_save(*fill.tracee.task));
    std::memcpy(area.data(), old.data(), area.size());
    TRY(mm::copy_from_user(area.data(), UserAddr{fill.from}, kLegacyBytes));
    if (arch::fpu_feature_mask() != 0 && area.size() > kLegacyBytes) {
        u64 features;
        std::memcpy(&features, area.data() + kLegacyBytes, sizeof(features));
        features |= 3;
        std::memcpy(area.data() + kLegacyBytes, &features, sizeof(features));
    }
    return {};
}

Result<void> read_whole(std::span<u8> area, u64 argument) {
    auto& fill = *reinterpret_cast<FillFrom*>(argument);
    return mm::copy_from_user(area.data(), UserAddr{fill.from}, area.size());
}

Result<i64> get_float(Tracee& tracee, u64 to, u64 bytes) {
    std::unique_ptr<u8[]> area(new (std::nothrow) u8[arch::fpu_state_size()]);
    if (!area) return Err(Error::nomem);
    TRY(fill_float(*tracee.task, {area.get(), arch::fpu_state_size()}));
    TRY(mm::copy_to_user(UserAddr{to}, area.get(), bytes));
    return 0;
}

Result<i64> set_float(Tracee& tracee, u64 from, arch::FpuFill fill) {
    FillFrom source{tracee, from};
    TRY(arch::fpu_load(*tracee.task, fill, reinterpret_cast<u64>(&source)));
    return 0;
}

Result<i64> register_set(Tracee& tracee, bool get, u64 type, u64 vector) {
    TRY_ASSIGN(const u64 base, mm::UserIn<u64>(vector).read());
    TRY_ASSIGN(u64 length, mm::UserIn<u64>(vector).read(1));
    u64 whole;
    switch (type) {
        case NT_PRSTATUS:
            whole = kGeneralBytes;
            break;
        case NT_PRFPREG:
            whole = kLegacyBytes;
            break;
        case NT_X86_XSTATE:
            if (arch::fpu_state_size() <= kLegacyBytes) return Err(Error::nodev);
            whole = arch::fpu_state_size();
            break;
        case NT_386_IOPERM:
            if (length % 8 != 0) return Err(Error::inval);
            return Err(get ? Error::nxio : Error::opnotsupp);
        default:
            return Err(Error::inval);
    }
    if (length % 8 != 0) return Err(Error::inval);
    length = std::min(length, whole);
    Result<i64> r = 0;
    if (type == NT_PRSTATUS)
        r = get ? get_general(tracee, base, length) : set_general(tracee, base, length);
    else if (get)
        r = get_float(tracee, base, length);
    else if (length != whole)
        r = Err(type == NT_PRFPREG ? Error::inval : Error::fault);
    else
        r = set_float(tracee, base, type == NT_PRFPREG ? read_legacy : read_whole);
    if (!r) return r;
    TRY(mm::UserOut<u64>(vector).write(length, 1));
    return 0;
}

// --- The rest -----------------------------------------------------------------------------------

Result<i64> syscall_info(Tracee& tracee, u64 size, u64 to) {
    const arch::UserRegs& regs = arch::user_regs(*tracee.task);
    uapi::ptrace_syscall_info info{};
    info.op = PTRACE_SYSCALL_INFO_NONE;
    info.arch = AUDIT_ARCH_X86_64;
    info.instruction_pointer = regs.ip();
    info.stack_pointer = regs.sp();
    usize actual = offsetof(uapi::ptrace_syscall_info, entry);
    const bool marked = tracee.has_info && tracee.info.si_code == (SIGTRAP | 0x80);
    if (marked && tracee.message == PTRACE_EVENTMSG_SYSCALL_ENTRY) {
        info.op = PTRACE_SYSCALL_INFO_ENTRY;
        info.entry.nr = regs.syscall_number();
        for (u32 i = 0; i < 6; ++i) info.entry.args[i] = regs.syscall_arg(i);
        actual += sizeof(info.entry);
    } else if (marked && tracee.message == PTRACE_EVENTMSG_SYSCALL_EXIT) {
        info.op = PTRACE_SYSCALL_INFO_EXIT;
        info.exit.rval = static_cast<i64>(regs.syscall_result());
        info.exit.is_error = info.exit.rval < 0 && info.exit.rval >= -4095;
        actual = offsetof(uapi::ptrace_syscall_info, exit.is_error) + 1;
    }
    if (tracee.has_info && tracee.info.si_code == (SIGTRAP | (PTRACE_EVENT_SECCOMP << 8))) {
        info.op = PTRACE_SYSCALL_INFO_SECCOMP;
        info.seccomp.nr = regs.syscall_number();
        for (u32 i = 0; i < 6; ++i) info.seccomp.args[i] = regs.syscall_arg(i);
        info.seccomp.ret_data = static_cast<u32>(tracee.message);
        actual = offsetof(uapi::ptrace_syscall_info, seccomp.ret_data) + 4;
    }
    TRY(mm::copy_to_user(UserAddr{to}, &info, std::min<u64>(size, actual)));
    return static_cast<i64>(actual);
}

Result<i64> arch_prctl_of(Tracee& tracee, u64 option, u64 value) {
    Task& task = *tracee.task;
    switch (option) {
        case ARCH_SET_FS:
        case ARCH_SET_GS:
            if (value >= arch::kUserLimit) return Err(Error::perm);
            if (option == ARCH_SET_FS)
                arch::set_user_tls(task, value);
            else
                arch::set_user_gs(task, value);
            return 0;
        case ARCH_GET_FS:
            TRY(mm::UserOut<u64>(value).write(arch::user_tls(task)));
            return 0;
        case ARCH_GET_GS:
            TRY(mm::UserOut<u64>(value).write(arch::user_gs(task)));
            return 0;
        default:
            return Err(Error::inval);
    }
}

// Segments in the GDT are i386's, and there are none. Spec: Linux do_get_thread_area().
Result<i64> thread_area(u64 index, u64 to) {
    if (static_cast<i32>(index) < 0) return Err(Error::io);
    constexpr u32 kFirst = 12, kLast = 14;
    if (index < kFirst || index > kLast) return Err(Error::inval);
    const u32 descriptor[4] = {static_cast<u32>(index), 0, 0, 0x28};  // read-only, not present
    TRY(mm::copy_to_user(UserAddr{to}, descriptor, sizeof(descriptor)));
    return 0;
}

}  // namespace

void fill_general(Task& task, std::span<u64, kRegCount> out) {
    for (u32 i = 0; i < kRegCount; ++i) out[i] = get_register(task, i);
}

void set_stepping(Tracee& tracee, bool on) {
    tracee.stepping = on;
    if (tracee.dead) return;
    arch::UserRegs& regs = arch::user_regs(*tracee.task);
    if (on) {
        if (regs.rflags & kTrapFlag) return;
        regs.rflags |= kTrapFlag;
        tracee.owns_trap_flag = true;
    } else if (tracee.owns_trap_flag) {
        regs.rflags &= ~kTrapFlag;
        tracee.owns_trap_flag = false;
    }
}

bool take_trap_flag(arch::UserRegs& regs) {
    if (!is_traced(*current())) return false;
    TreeGuard guard(process::tree_lock());
    Tracee* own = side(*current()).own.get();
    if (own == nullptr || !own->stepping) return false;
    if (own->owns_trap_flag) regs.rflags &= ~kTrapFlag;
    if (&regs == &arch::user_regs(*current())) own->owns_trap_flag = false;
    return true;
}

Result<i64> machine_request(Tracee& tracee, i64 request, u64 address, u64 data) {
    switch (request) {
        case PTRACE_PEEKUSR:
            return peek_user(tracee, address, data);
        case PTRACE_POKEUSR:
            return poke_user(tracee, address, data);
        case PTRACE_GETREGS:
            return get_general(tracee, data, kGeneralBytes);
        case PTRACE_SETREGS:
            return set_general(tracee, data, kGeneralBytes);
        case PTRACE_GETFPREGS:
            return get_float(tracee, data, kLegacyBytes);
        case PTRACE_SETFPREGS:
            return set_float(tracee, data, read_legacy);
        case PTRACE_GETREGSET:
        case PTRACE_SETREGSET:
            return register_set(tracee, request == PTRACE_GETREGSET, address, data);
        case PTRACE_GET_SYSCALL_INFO:
            return syscall_info(tracee, address, data);
        case PTRACE_GET_THREAD_AREA:
            return thread_area(address, data);
        case PTRACE_ARCH_PRCTL:
            return arch_prctl_of(tracee, data, address);
        default:
            return Err(Error::io);
    }
}

}  // namespace tenon::personality::trace
