// Starting the other CPUs, and the calls between them.
#include "core/arch/x86_64/smp/smp.h"

#include <tenon/arch/context.h>
#include <tenon/arch/machine.h>
#include <tenon/arch/page_table.h>
#include <tenon/arch/smp.h>
#include <tenon/arch/time.h>
#include <tenon/boot/boot_info.h>
#include <tenon/boot/panic.h>
#include <tenon/process/task.h>
#include <tenon/trace/log.h>

#include <atomic>
#include <cstring>

#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/cpu/cpu_local.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/irq/lapic.h"
#include "core/arch/x86_64/mm/tlb.h"
#include "core/arch/x86_64/smp/reminder.h"
#include "core/arch/x86_64/time/clock.h"
#include "core/arch/x86_64/time/watchdog.h"
#include "core/arch/x86_64/trap/trap.h"

extern "C" {
extern TENON_HIDDEN char trampoline_start[], trampoline_end[];
// What the trampoline reads; laid out in smp/trampoline.S.
struct TrampolineArgs {
    tenon::u32 cr3, reserved;
    tenon::u64 entry, stack, cpu;
    tenon::u64 efer, cr4;
};
[[noreturn]] TENON_HIDDEN void start_cpu(tenon::u64 cpu);
}

namespace tenon::arch {

namespace {

using namespace x86;

constexpr usize kArgsOffset = 0xf00;  // in the trampoline's page

constinit std::atomic<u32> g_started{0};
using CpuEntry = void (*)(u32);
constinit CpuEntry g_entry = nullptr;
constinit std::atomic<bool> g_stopping{false};

struct alignas(64) Call {
    void (*fn)(void*) = nullptr;
    void* argument = nullptr;
    std::atomic<u64> waiting{0};
};
constinit Call g_calls[kMaxCpus];
struct alignas(64) Mailbox {
    std::atomic<u64> from{0};
};
constinit Mailbox g_call_mailboxes[kMaxCpus];
TENON_PERCPU(bool, g_calling);

// Brings one CPU up; false when it does not answer within a second.
bool start_one(u32 cpu, Task& idle) {
    auto* page = static_cast<u8*>(phys_to_virt({start_state().trampoline}));
    std::memcpy(page, trampoline_start, static_cast<usize>(trampoline_end - trampoline_start));
    auto* args = reinterpret_cast<TrampolineArgs*>(page + kArgsOffset);
    args->cr3 = static_cast<u32>(start_state().start_root);
    args->entry = reinterpret_cast<u64>(&start_cpu);
    args->stack = idle.kernel_stack_top;
    args->cpu = cpu;
    args->efer = rdmsr(kMsrEfer) & ~(u64{1} << 10);  // all but "long mode active"
    args->cr4 = kCr4Pge | 0x20;
    asm volatile("mfence" ::: "memory");

    const u32 id = apic_id_of(cpu);
    const u32 before = g_started.load();
    // Spec: Intel SDM 3A 9.4.4.1. The 10 ms are for chips of the nineties; nobody since needs them.
    send_init(id);
    delay_ns(200'000);
    for (int attempt = 0; attempt < 2; ++attempt) {
        send_startup(id, static_cast<u32>(start_state().trampoline >> 12));
        const u64 limit = clock_ns() + (attempt == 0 ? 100'000'000 : 1'000'000'000);
        while (clock_ns() < limit) {
            if (g_started.load(std::memory_order_acquire) != before) return true;
            cpu_relax();
        }
    }
    return false;
}

}  // namespace

void start_cpus(Task* (*prepare)(u32), void (*entry)(u32)) {
    g_entry = entry;
    u32 up = 1;
    for (u32 cpu = 1; cpu < possible_cpus(); ++cpu) {
        if (auto r = prepare_cpu_local(cpu); !r) {
            log::err("smp: CPU {}: {}", cpu, r.error());
            continue;
        }
        Task* idle = prepare(cpu);
        if (idle == nullptr) continue;
        auto* local =
            reinterpret_cast<CpuLocal*>(reinterpret_cast<u64>(&tenon_cpu_local) + cpu_offset(cpu));
        local->current = idle;
        local->kernel_stack = idle->kernel_stack_top;
        if (start_one(cpu, *idle))
            ++up;
        else
            log::err("smp: CPU {} (APIC id {}) does not start", cpu, apic_id_of(cpu));
    }
    count_reminders();
    if (auto r = seal_kernel(); !r) panic("cannot seal the kernel image");
    log::info("smp: {} of {} CPUs up", up, possible_cpus());
}

void send_reschedule(u32 cpu) {
    send_ipi(cpu, kVectorReschedule);
}

void call_on(CpuMask cpus, void (*fn)(void*), void* argument) {
    preempt_disable();
    const u32 me = cpu_id();
    if (cpus.test(me)) {
        IrqGuard guard;
        fn(argument);
    }
    const u64 others = cpus.bits() & ~(u64{1} << me) & online_mask().bits();
    if (others != 0) {
        TENON_ASSERT(irqs_enabled() && !g_calling.local());
        g_calling.local() = true;
        Call& call = g_calls[me];
        call.fn = fn;
        call.argument = argument;
        call.waiting.store(others);
        for (u64 left = others; left != 0; left &= left - 1)
            g_call_mailboxes[__builtin_ctzll(left)].from.fetch_or(u64{1} << me);
        for (u64 left = others; left != 0; left &= left - 1)
            send_ipi(static_cast<u32>(__builtin_ctzll(left)), kVectorCall);
        Reminder reminder(kVectorCall);
        while (const u64 waiting = call.waiting.load(std::memory_order_acquire)) {
            reminder.remind(waiting);
            cpu_relax();
        }
        g_calling.local() = false;
    }
    preempt_enable();
}

void stop_other_cpus() {
    if (g_stopping.exchange(true) || online_cpus() == 1) return;
    const u32 me = cpu_id();
    for (u64 left = online_mask().bits() & ~(u64{1} << me); left != 0; left &= left - 1)
        send_nmi(static_cast<u32>(__builtin_ctzll(left)));
    for (u32 i = 0; i < 1000; ++i) (void)in8(0x80);
}

namespace x86 {

void serve_calls() {
    const u32 me = cpu_id();
    for (u64 from = g_call_mailboxes[me].from.exchange(0); from != 0; from &= from - 1) {
        Call& call = g_calls[__builtin_ctzll(from)];
        call.fn(call.argument);
        call.waiting.fetch_and(~(u64{1} << me));
    }
}

void handle_nmi(const UserRegs& regs) {
    if (g_stopping.load()) halt_forever();
    if (regs.rflags & kInterruptFlag) mend_lost_interrupts();
    if (!watchdog_runs()) log::warn("NMI on CPU {} at {:#x}", cpu_id(), regs.rip);
}

void handle_interrupt(u32 vector, bool user) {
    switch (vector) {
        case kVectorTimer:
            lapic_eoi();
            sched::tick(user);
            return;
        case kVectorReschedule:
            lapic_eoi();
            set_need_resched();
            return;
        case kVectorCall:
            lapic_eoi();
            serve_calls();
            return;
        case kVectorShootdown:
            lapic_eoi();
            serve_shootdowns();
            return;
        case kVectorApicError:
            lapic_eoi();
            return;
        default:
            return;  // spurious: no end of interrupt
    }
}

}  // namespace x86

extern "C" TENON_HIDDEN void start_cpu(u64 cpu) {
    load_cpu(static_cast<u32>(cpu));
    load_root(start_state().kernel_root);
    load_lapic();
    load_fpu_cpu();
    load_timer();
    set_trap_stack(current()->kernel_stack_top);
    mark_online(static_cast<u32>(cpu));
    g_started.fetch_add(1, std::memory_order_release);
    g_entry(static_cast<u32>(cpu));
    panic("a CPU's entry function returned");
}

namespace {
constinit acpi::Madt g_madt{};
constinit u32 g_possible = 1;
constinit std::atomic<u64> g_online{1};
}  // namespace

u32 possible_cpus() {
    return g_possible;
}
u32 online_cpus() {
    return static_cast<u32>(__builtin_popcountll(online_mask().bits()));
}
CpuMask online_mask() {
    return CpuMask(g_online.load(std::memory_order_acquire));
}

namespace x86 {

const acpi::Madt& firmware_cpus() {
    return g_madt;
}

void init_topology() {
    if (!acpi::read_madt(g_madt)) g_madt.local_apic = {0xfee0'0000};
    u32 limit = kMaxCpus;
    if (const auto p = boot::parameter("maxcpus"); p.found) {
        limit = 0;
        for (char c : p.value)
            if (c >= '0' && c <= '9' && limit < 1000)
                limit = limit * 10 + static_cast<u32>(c - '0');
        if (limit == 0) limit = 1;
        if (limit > kMaxCpus) limit = kMaxCpus;
    }
    init_lapic(g_madt.local_apic.value);
    const u32 boot_id = lapic_id();
    for (u32 i = 0; i < g_madt.cpu_count; ++i) {
        const auto& c = g_madt.cpus[i];
        if (!c.enabled || c.apic_id == boot_id) continue;
        if (g_possible == limit) {
            log::warn("smp: more CPUs than the {} that will be used", limit);
            break;
        }
        set_apic_id(g_possible++, c.apic_id);
    }
}

void mark_online(u32 cpu) {
    g_online.fetch_or(u64{1} << cpu);
}

}  // namespace x86
}  // namespace tenon::arch
