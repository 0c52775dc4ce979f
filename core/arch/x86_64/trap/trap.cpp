// From the entry stubs to generic code: who gets a trap.
#include "core/arch/x86_64/trap/trap.h"

#include <tenon/arch/context.h>
#include <tenon/arch/fault.h>
#include <tenon/arch/machine.h>
#include <tenon/arch/page_table.h>
#include <tenon/arch/recovery.h>
#include <tenon/boot/panic.h>
#include <tenon/irq/irq.h>
#include <tenon/lib/types.h>
#include <tenon/process/task.h>
#include <tenon/sched/scheduler.h>
#include <tenon/trace/symbols.h>

#include "core/arch/x86_64/boot/layout.h"
#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/cpu/cpu_local.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/mm/keys.h"
#include "core/arch/x86_64/mm/tlb.h"
#include "core/arch/x86_64/smp/smp.h"
#include "core/module/crossing.h"

namespace tenon::arch::x86 {

namespace {

// Page-fault error code. Spec: Intel SDM 3A 4.7.
enum PageFaultBit : u32 {
    kPfPresent = 1,
    kPfWrite = 2,
    kPfUser = 4,
    kPfReserved = 8,
    kPfExec = 16,
    kPfKey = 32
};

constexpr u64 kFlagsPlain = 2, kFlagTrap = 1 << 8, kFlagResume = 1 << 16;

struct TrapName {
    UserTrap user;
    char name[28];
};
// No pointers in here: the table needs no relocation. Spec: Intel SDM 3A 6.3.1.
constexpr TrapName kTraps[32] = {
    {UserTrap::divide_error, "divide error"},
    {UserTrap::debug, "debug"},
    {UserTrap::debug, "NMI"},
    {UserTrap::breakpoint, "breakpoint"},
    {UserTrap::overflow, "overflow"},
    {UserTrap::bound, "bound range exceeded"},
    {UserTrap::invalid_opcode, "invalid opcode"},
    {UserTrap::fpu_error, "device not available"},
    {UserTrap::general_protection, "double fault"},
    {UserTrap::fpu_error, "coprocessor segment"},
    {UserTrap::segment_fault, "invalid TSS"},
    {UserTrap::segment_fault, "segment not present"},
    {UserTrap::stack_fault, "stack segment fault"},
    {UserTrap::general_protection, "general protection fault"},
    {UserTrap::general_protection, "page fault"},
    {UserTrap::general_protection, "reserved trap 15"},
    {UserTrap::fpu_error, "x87 floating-point error"},
    {UserTrap::alignment, "alignment check"},
    {UserTrap::general_protection, "machine check"},
    {UserTrap::simd_error, "SIMD floating-point error"},
    {UserTrap::general_protection, "virtualization"},
    {UserTrap::segment_fault, "control protection"},
};

PageFault page_fault_info(u64 address, u32 error) {
    const FaultAccess access = (error & kPfExec)    ? FaultAccess::exec
                               : (error & kPfWrite) ? FaultAccess::write
                                                    : FaultAccess::read;
    return {address, access, (error & kPfUser) != 0, (error & kPfPresent) != 0};
}

struct Taken {
    u64 interrupts;
};
TENON_PERCPU(Taken, g_taken);

void run_interrupt(u32 vector, bool user) {
    ++g_taken.local().interrupts;
    preempt_count_add(kHardirqOne);
    if (vector >= kVectorFirstDevice && vector <= kVectorLastDevice)
        irq::dispatch(vector);
    else
        handle_interrupt(vector, user);
    (void)preempt_count_sub_and_test(kHardirqOne);
}

module::Fault fault_at(const UserRegs& regs, const char* what, u64 address) {
    return {what, regs.rip, regs.rsp, regs.rbp, address};
}

// The interrupted code goes on behind the call that left `mark`.
void redirect(UserRegs& regs, uptr mark, bool irqs_on) {
    regs.rip = reinterpret_cast<u64>(&abandon_call);
    regs.rdi = mark;
    regs.rsp = mark;
    regs.rflags = irqs_on ? kFlagsPlain | kInterruptFlag : kFlagsPlain;
    key_rights(regs) = 0;
}

bool contain(const char* what, UserRegs& regs, u64 address) {
    uptr mark;
    bool irqs_on;
    if (!module::contain_fault(fault_at(regs, what, address), mark, irqs_on)) return false;
    redirect(regs, mark, irqs_on);
    return true;
}

}  // namespace

// Leaves with interrupts off and nothing to do before user mode.
void finish_for_user(UserRegs& regs) {
    Task* task = current();
    for (;;) {
        irq_disable();
        const bool resched = need_resched();
        if (!resched && task->work_flags.load(std::memory_order_relaxed) == 0) [[likely]]
            return;
        irq_enable();
        if (resched)
            sched::schedule();
        else
            process::return_to_user_work(regs);
    }
}

u64 find_fixup(u64 ip) {
    struct Entry {
        i32 from, to;
    };
    const auto* end = reinterpret_cast<const Entry*>(tenon_fixups_end);
    for (const auto* e = reinterpret_cast<const Entry*>(tenon_fixups_start); e < end; ++e)
        if (reinterpret_cast<u64>(&e->from) + static_cast<i64>(e->from) == ip)
            return reinterpret_cast<u64>(&e->to) + static_cast<i64>(e->to);
    return 0;
}

extern "C" {

// Interrupts on. True: SYSRET may be used.
TENON_HIDDEN bool syscall_dispatch(UserRegs* regs) {
    Task* task = current();
    if (task->syscall_entry != nullptr) [[likely]]
        task->syscall_entry(*regs);
    finish_for_user(*regs);
    // SYSRET loads rip from rcx and flags from r11, and faults in kernel mode on a non-canonical
    // rip (Intel SDM 2B SYSRET); it cannot set RF, and TF must take effect after, not before.
    return regs->rcx == regs->rip && regs->r11 == regs->rflags && regs->rip < kUserLimit &&
           regs->cs == UserRegs::kUserCs && regs->ss == UserRegs::kUserSs &&
           (regs->rflags & (kFlagResume | kFlagTrap)) == 0;
}

// An instruction breakpoint would be met again. Spec: Intel SDM 3B 18.3.1.1.
static bool met_instruction(u32 status, u64 control) {
    for (u32 i = 0; i < 4; ++i)
        if ((status >> i & 1) != 0 && (control >> (16 + i * 4) & 3) == 0) return true;
    return false;
}

TENON_HIDDEN void trap_from_user(UserRegs* regs, u32 vector, u32 error) {
    // The user may have set AC, which would open user memory to us.
    if (features().smap) clear_access_flag();
    if (vector == kVectorPageFault) {
        const u64 address = read_cr2();
        irq_enable();
        (void)mm::handle_page_fault(page_fault_info(address, error));
    } else if (vector >= 32) {
        run_interrupt(vector, true);
    } else {
        u64 address = regs->rip;
        if (vector == kVectorDebug) {
            u64 status;
            asm volatile("mov %%dr6, %0" : "=r"(status));
            asm volatile("mov %0, %%dr6" ::"r"(u64{0xffff0ff0}));
            error = static_cast<u32>(status & 0xe00f);
            if (met_instruction(error, debug_regs(*current()).control)) regs->rflags |= kFlagResume;
        }
        irq_enable();
        process::handle_user_trap({kTraps[vector].user, address, error, vector}, *regs);
    }
    finish_for_user(*regs);
}

TENON_HIDDEN void trap_from_kernel(UserRegs* regs, u32 vector, u32 error) {
    if (features().smap) clear_access_flag();
    if (vector >= 32) {
        run_interrupt(vector, false);
        if (const Task* task = current(); task->crossing != nullptr && module::is_revoked(*task))
            [[unlikely]] {
            uptr mark;
            bool irqs_on;
            if (module::revoke_interrupted(fault_at(*regs, "", 0), mark, irqs_on))
                redirect(*regs, mark, irqs_on);
        }
        if (preempt_count() == 0 && need_resched() && (regs->rflags & kInterruptFlag))
            sched::preempt_from_irq();
        return;
    }
    const u64 address = vector == kVectorPageFault ? read_cr2() : 0;
    if (vector == kVectorPageFault && (error & kPfKey) != 0) {
        if (pass_key_fault(*regs, address) || contain(module::kWroteCoreData, *regs, address))
            return;
        die(module::kWroteCoreData, *regs, error, address);
    }
    const u64 fixup = find_fixup(regs->rip);
    if (fixup != 0 && (vector == kVectorPageFault || vector == kVectorGeneralProtection)) {
        // A guarded user access. Resolving it may sleep, which the interrupted code must allow.
        if (vector == kVectorPageFault && address < kUserLimit && (regs->rflags & kInterruptFlag) &&
            preempt_count() == 0 && current()->faults_disabled == 0) {
            irq_enable();
            PageFault fault = page_fault_info(address, error);
            fault.user_mode = false;
            const bool resolved = mm::handle_page_fault(fault);
            irq_disable();
            if (resolved) return;
        }
        regs->rip = fixup;
        return;
    }
    const char* what = vector == kVectorPageFault ? module::name_of_guard(address) : nullptr;
    if (what == nullptr) what = kTraps[vector].name;
    if (contain(what, *regs, address)) return;
    die(what, *regs, error, address);
}

TENON_HIDDEN void trap_paranoid(UserRegs* regs, u32 vector, u32 error) {
    if (vector == kVectorNmi) {
        handle_nmi(*regs);
        uptr mark;
        bool irqs_on;
        if ((regs->cs & 3) == 0 &&
            module::watch_call(fault_at(*regs, "", 0), (regs->rflags & kInterruptFlag) != 0, mark,
                               irqs_on))
            redirect(*regs, mark, irqs_on);
        return;
    }
    if (vector == kVectorDebug) {
        // The kernel met a watchpoint of the user's (in user memory: no other can be set), or one
        // that MOV SS had held back was let go by SYSCALL. It is not told.
        asm volatile("mov %0, %%dr6" ::"r"(u64{0xffff0ff0}));
        regs->rflags |= kFlagResume;
        return;
    }
    const u64 address = read_cr2();
    if (vector == kVectorDoubleFault) {
        // A double fault with the stack pointer at a guard page is an overflow: the push faulted.
        const char* guard = module::name_of_guard(regs->rsp);
        const bool overflow = guard != nullptr;
        const char* what = overflow ? guard : "double fault";
        // Elsewhere in module text: the stack pointer is wrong, and what is on this stack is whole.
        const bool in_core = regs->rip >= reinterpret_cast<u64>(tenon_text_start) &&
                             regs->rip < reinterpret_cast<u64>(tenon_text_end);
        if ((overflow || !in_core) && contain(what, *regs, regs->rsp)) return;
        die(what, *regs, error, address);
    }
    die(kTraps[vector].name, *regs, error, address);
}

}  // extern "C"
}  // namespace tenon::arch::x86

extern "C" TENON_HIDDEN char trap_stubs[];

namespace tenon::arch::x86 {

namespace {

// Spec: Intel SDM 3A 6.14.1.
struct Gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr u8 kInterruptGate = 0x8e;      // interrupts off, kernel only
constexpr u8 kUserInterruptGate = 0xee;  // reachable by INT n from user mode
constexpr usize kStubBytes = 16;

[[gnu::section(".ro_after_init")]] alignas(16) constinit Gate g_idt[256] = {};

}  // namespace

void init_idt() {
    for (usize v = 0; v < 256; ++v) {
        const u64 stub = reinterpret_cast<u64>(trap_stubs) + v * kStubBytes;
        Gate& g = g_idt[v];
        g.offset_low = static_cast<u16>(stub);
        g.offset_middle = static_cast<u16>(stub >> 16);
        g.offset_high = static_cast<u32>(stub >> 32);
        g.selector = KERNEL_CS;
        g.type = v == 3 || v == 4 ? kUserInterruptGate : kInterruptGate;
    }
    g_idt[kVectorDebug].ist = kIstDebug;
    g_idt[2].ist = kIstNmi;
    g_idt[8].ist = kIstDoubleFault;
    g_idt[18].ist = kIstMachineCheck;
}

void load_idt() {
    struct [[gnu::packed]] {
        u16 limit;
        const Gate* base;
    } pointer{sizeof(g_idt) - 1, g_idt};
    asm volatile("lidt %0" ::"m"(pointer));
}

// A trap that nobody can handle: registers, trace, end.

void print_registers(const UserRegs& r) {
    using boot::panic_line;
    panic_line("rip {:016x} rsp {:016x} rflags {:08x} cs {:x}", r.rip, r.rsp, r.rflags, r.cs);
    panic_line("rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", r.rax, r.rbx, r.rcx, r.rdx);
    panic_line("rsi {:016x} rdi {:016x} rbp {:016x} r8  {:016x}", r.rsi, r.rdi, r.rbp, r.r8);
    panic_line("r9  {:016x} r10 {:016x} r11 {:016x} r12 {:016x}", r.r9, r.r10, r.r11, r.r12);
    panic_line("r13 {:016x} r14 {:016x} r15 {:016x}", r.r13, r.r14, r.r15);
    panic_line("cr0 {:x} cr2 {:016x} cr3 {:x} cr4 {:x}", read_cr0(), read_cr2(), read_cr3(),
               read_cr4());
}

void die(const char* what, const UserRegs& regs, u32 error, u64 address) {
    fmt::Line<128> message("{} (error {:#x}, address {:#x})", what, error, address);
    boot::begin_panic(message.view());
    print_registers(regs);
    print_trace_line(regs.rip);
    print_stack_trace(regs.rbp);
    boot::end_panic();
}

}  // namespace tenon::arch::x86

// Stack traces by frame pointers. Believes nothing it reads: a frame must lie higher than the one
// before, or on another stack (a call into a module has its own), on mapped kernel memory, and its
// return address in text.
namespace tenon::arch {

namespace {
constexpr u32 kMaxFrames = 32;

bool readable(u64 va) {
    return va >= 0xffff'8000'0000'0000 && x86::is_mapped(va) && x86::is_mapped(va + 15);
}
}  // namespace

bool is_readable(uptr address) {
    // Eight aligned bytes lie on one page.
    return is_aligned(address, 8) && address >= 0xffff'8000'0000'0000 && x86::is_mapped(address);
}

void x86::print_trace_line(u64 ip) {
    char buffer[160];
    fmt::BufferSink sink(buffer);
    trace::describe_address(ip, sink);
    boot::panic_line("  {:016x} {}", ip, sink.text());
}

void print_stack_trace(uptr frame_pointer) {
    u64 frame =
        frame_pointer != 0 ? frame_pointer : reinterpret_cast<u64>(__builtin_frame_address(0));
    boot::panic_line("stack:");
    for (u32 i = 0; i < kMaxFrames && is_aligned(frame, 8) && readable(frame); ++i) {
        const u64* words = reinterpret_cast<const u64*>(frame);
        const u64 next = words[0], ip = words[1];
        if (ip == 0) break;
        x86::print_trace_line(ip);
        if (next <= frame && frame - next < kKernelStackSize) break;
        frame = next;
    }
}

bool is_leaf_text(uptr ip) {
    return ip >= reinterpret_cast<uptr>(tenon_leaf_start) &&
           ip < reinterpret_cast<uptr>(tenon_leaf_end);
}

uptr frame_of_mark(uptr mark) {
    return mark + 6 * sizeof(u64);  // recovery.S: the frame pointer, five registers and a gap
}

uptr* find_return_slot(uptr frame_pointer, uptr limit, bool (*wanted)(uptr address)) {
    for (uptr frame = frame_pointer; is_aligned(frame, 8) && frame < limit;) {
        if (!readable(frame)) return nullptr;
        uptr* words = reinterpret_cast<uptr*>(frame);
        if (wanted(words[1])) return &words[1];
        if (words[0] <= frame) return nullptr;
        frame = words[0];
    }
    return nullptr;
}

u64 interrupts_taken() {
    return x86::g_taken.local().interrupts;
}

}  // namespace tenon::arch
