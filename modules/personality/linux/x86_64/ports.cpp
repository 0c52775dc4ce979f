// iopl, ioperm: user code at a port. Spec: man 2 iopl, ioperm; Intel SDM 1 19.5.
//
// The level is the one in the flags register, as Linux had it up to 5.4: the CPU itself checks it,
// and a task with level 3 may also turn off interrupts. A child inherits it with the registers.
//
// Single ports are not given to the CPU: no task-state segment has a bitmap, so that a switch of
// tasks costs nothing for them. An instruction at one traps and is carried out here; beside a
// device's answer (a bus cycle, or an exit of the virtual machine) the trap is small.
#include "personality/linux/x86_64/ports.h"

#include <tenon/arch/context.h>
#include <tenon/arch/machine.h>
#include <tenon/mm/address_space.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/process/signal.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"

namespace tenon::personality {

namespace {

constexpr u32 kLevelShift = 12;
constexpr u64 kLevelMask = u64{3} << kLevelShift;
constexpr u64 kDirectionFlag = 1 << 10;
constexpr u32 kLongestInstruction = 15;
// Elements of one REP in one trap; the instruction is then begun again, so that signals get through.
constexpr u32 kBurst = 1024;

struct PortInstruction {
    u32 length_bytes = 0;
    u32 size_bytes = 0;  // of an element: 1, 2, 4
    bool in = false;
    bool string = false, repeated = false;
    bool short_address = false;
    u64 segment_base = 0;
    u16 port = 0;
};

// False: no such instruction.
bool decode(const arch::UserRegs& regs, PortInstruction& out) {
    bool half = false;
    for (u32 at = 0; at < kLongestInstruction; ++at) {
        u8 byte;
        if (!mm::copy_from_user(&byte, UserAddr{regs.rip + at}, 1)) return false;
        switch (byte) {
            case 0x66: half = true; continue;
            case 0x67: out.short_address = true; continue;
            case 0xf2:
            case 0xf3: out.repeated = true; continue;
            case 0x26:
            case 0x2e:
            case 0x36:
            case 0x3e: continue;
            case 0x64: out.segment_base = arch::user_tls(*current()); continue;
            case 0x65: out.segment_base = arch::user_gs(*current()); continue;
            default: break;
        }
        if ((byte & 0xf0) == 0x40) continue;  // REX: changes none of these
        out.string = (byte & 0xfc) == 0x6c;
        const bool immediate = (byte & 0xfc) == 0xe4;
        if (!out.string && !immediate && (byte & 0xfc) != 0xec) return false;
        out.in = !(byte & 2);
        out.size_bytes = !(byte & 1) ? 1 : half ? 2 : 4;
        out.port = static_cast<u16>(regs.rdx);
        out.length_bytes = at + 1;
        if (immediate) {
            if (!mm::copy_from_user(&byte, UserAddr{regs.rip + at + 1}, 1)) return false;
            out.port = byte;
            ++out.length_bytes;
        }
        return out.length_bytes <= kLongestInstruction;
    }
    return false;
}

bool is_open(const PortSet& set, const PortInstruction& i) {
    if (i.port + i.size_bytes > PortSet::kPorts) return false;
    for (u32 n = 0; n < i.size_bytes; ++n)
        if (!set.open[i.port + n]) return false;
    return true;
}

u32 read_port(const PortInstruction& i) {
    switch (i.size_bytes) {
        case 1: return arch::port_in8(i.port);
        case 2: return arch::port_in16(i.port);
        default: return arch::port_in32(i.port);
    }
}
void write_port(const PortInstruction& i, u32 value) {
    switch (i.size_bytes) {
        case 1: return arch::port_out8(i.port, static_cast<u8>(value));
        case 2: return arch::port_out16(i.port, static_cast<u16>(value));
        default: return arch::port_out32(i.port, value);
    }
}

void run_single(arch::UserRegs& regs, const PortInstruction& i) {
    if (!i.in) {
        write_port(i, static_cast<u32>(regs.rax));
        return;
    }
    const u64 value = read_port(i);
    // The upper half of a register goes with 32 bits, and stays with fewer.
    const u64 kept = i.size_bytes == 4 ? 0 : regs.rax & ~((u64{1} << (8 * i.size_bytes)) - 1);
    regs.rax = kept | value;
}

// Whether all is done. An address that is not there has had its signal.
bool run_string(arch::UserRegs& regs, const PortInstruction& i) {
    const u64 mask = i.short_address ? 0xffff'ffff : ~u64{0};
    u64& index = i.in ? regs.rdi : regs.rsi;
    const u64 step = regs.rflags & kDirectionFlag ? -u64{i.size_bytes} : u64{i.size_bytes};
    for (u32 n = 0; n < kBurst; ++n) {
        if (i.repeated && (regs.rcx & mask) == 0) return true;
        // ES, which INS writes to, has no base.
        const u64 address = (index & mask) + (i.in ? 0 : i.segment_base);
        u32 value = 0;
        // The CPU looks at the memory before it asks the port: what is asked may be gone with it.
        bool there = i.in ? mm::clear_user(UserAddr{address}, i.size_bytes).has_value()
                          : mm::copy_from_user(&value, UserAddr{address}, i.size_bytes).has_value();
        if (there && i.in) {
            value = read_port(i);
            there = mm::copy_to_user(UserAddr{address}, &value, i.size_bytes).has_value();
        } else if (there) {
            write_port(i, value);
        }
        if (!there) {
            LinuxTask& task = linux_task();
            task.trap_number = 14;
            task.trap_address = address;
            task.trap_error = 4 | (i.in ? 2 : 0);
            process::SignalInfo info{.signal = SIGSEGV, .code = SEGV_MAPERR};
            {
                mm::AddressSpace& space = *current()->space;
                sync::ReadGuard guard(space.lock);
                const mm::Vma* vma = space.find(address);
                if (vma != nullptr && vma->range.start <= address) info.code = SEGV_ACCERR;
            }
            info.value = address;
            info.trap = 14;
            process::force_signal(*current(), info);
            return false;
        }
        index = (index + step) & mask;
        if (!i.repeated) return true;
        regs.rcx = (regs.rcx - 1) & mask;
    }
    return (regs.rcx & mask) == 0;
}

}  // namespace

bool run_port_instruction(arch::UserRegs& regs) {
    const Ref<PortSet> ports = linux_task().ports;
    PortInstruction instruction;
    if (!ports || !decode(regs, instruction) || !is_open(*ports, instruction)) return false;
    if (!instruction.string)
        run_single(regs, instruction);
    else if (!run_string(regs, instruction))
        return true;
    regs.rip += instruction.length_bytes;
    return true;
}

Result<i64> sys_iopl(u32 level) {
    if (level > 3) return Err(Error::inval);
    arch::UserRegs& regs = arch::user_regs(*current());
    const u64 old = (regs.rflags & kLevelMask) >> kLevelShift;
    if (level > old && !process::capable(process::Capability::sys_rawio)) return Err(Error::perm);
    regs.rflags = (regs.rflags & ~kLevelMask) | (u64{level} << kLevelShift);
    return 0;
}

Result<i64> sys_ioperm(u64 from, u64 num, i32 turn_on) {
    if (from + num <= from || from + num > PortSet::kPorts) return Err(Error::inval);
    if (turn_on != 0 && !process::capable(process::Capability::sys_rawio)) return Err(Error::perm);
    Ref<PortSet>& own = linux_task().ports;
    if (!own && turn_on == 0) return 0;
    if (!own || own->ref_count() > 1) {
        auto fresh = adopt_ref(new (std::nothrow) PortSet);
        if (!fresh) return Err(Error::nomem);
        if (own) fresh->open = own->open;
        own = std::move(fresh);
    }
    for (u64 port = from; port < from + num; ++port) own->open[port] = turn_on != 0;
    return 0;
}

}  // namespace tenon::personality
