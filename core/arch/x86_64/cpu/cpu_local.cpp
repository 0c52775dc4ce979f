#include "core/arch/x86_64/cpu/cpu_local.h"

#include <tenon/arch/context.h>
#include <tenon/arch/keys.h>
#include <tenon/lib/assert.h>
#include <tenon/mm/vmalloc.h>

#include <cstddef>
#include <cstring>

#include "core/arch/x86_64/boot/layout.h"
#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/trap/trap.h"

namespace tenon::arch {

extern "C" {
// First in the section: its template's address is the start of every CPU's area.
[[gnu::section(".percpu.first"), gnu::used]] constinit CpuLocal tenon_cpu_local{
    .offset = 0,
    .current = nullptr,
    .kernel_stack = 0,
    .user_stack = 0,
    .preempt_count = kNoReschedule,
    .cpu_id = 0,
    .in_call = 0,
    .scratch = 0};
// Read by paranoid_entry, before GS can be trusted.
TENON_HIDDEN constinit u64 x86_cpu_offsets[kMaxCpus] = {};
TENON_HIDDEN constinit u8 x86_has_fsgsbase = 0;
TENON_HIDDEN void entry_syscall();
}
static_assert(offsetof(CpuLocal, kernel_stack) == 16 && offsetof(CpuLocal, user_stack) == 24);
static_assert(offsetof(UserRegs, rip) == 16 * 8 && sizeof(UserRegs) == 21 * 8);

uptr percpu_offset_of(u32 cpu) {
    return x86_cpu_offsets[cpu];
}

namespace x86 {

alignas(kPageSize) constinit u8 boot_ist[kIstStacks][kIstStackSize];

namespace {

constexpr usize kGdtEntries = 16;

struct CpuTables {
    u64 gdt[kGdtEntries] = {};
    alignas(8) Tss tss;
};
TENON_PERCPU(CpuTables, g_tables);

struct [[gnu::packed]] TablePointer {
    u16 limit;
    u64 base;
};

void fill_tables(u32 cpu) {
    CpuTables& t = g_tables.of(cpu);
    t.gdt[KERNEL_CS / 8] = 0x00af'9b00'0000'ffff;
    t.gdt[KERNEL_DS / 8] = 0x00cf'9300'0000'ffff;
    t.gdt[USER_CS32 / 8] = 0x00cf'fb00'0000'ffff;
    t.gdt[USER_DS / 8] = 0x00cf'f300'0000'ffff;
    t.gdt[USER_CS / 8] = 0x00af'fb00'0000'ffff;
    const u64 tss = reinterpret_cast<u64>(&t.tss);
    t.gdt[GDT_TSS / 8] =
        (sizeof(Tss) - 1) | (tss & 0xff'ffff) << 16 | u64{0x89} << 40 | ((tss >> 24) & 0xff) << 56;
    t.gdt[GDT_TSS / 8 + 1] = tss >> 32;
    // Its limit tells user mode (getcpu) and paranoid_entry the number of the CPU.
    t.gdt[GDT_CPU_NUMBER / 8] = 0x0040'f500'0000'0000 | (cpu & 0xffff);
    t.tss.io_map = sizeof(Tss);
}

void enable_cpu_features() {
    const Features& f = features();
    u64 cr4 = read_cr4() | kCr4Osfxsr | kCr4Osxmmexcpt;
    if (f.pge) cr4 |= kCr4Pge;
    if (f.umip) cr4 |= kCr4Umip;
    if (f.smep) cr4 |= kCr4Smep;
    if (f.smap) cr4 |= kCr4Smap;
    if (f.fsgsbase) cr4 |= kCr4Fsgsbase;
    if (f.xsave) cr4 |= kCr4Osxsave;
    if (keys_on()) cr4 |= kCr4Pks;
    write_cr4(cr4);
    if (keys_on()) wrmsr(kMsrPkrs, 0);
    write_cr0((read_cr0() | kCr0Wp | kCr0Ne | kCr0Mp) & ~(kCr0Em | kCr0Ts));
    // PAT entry 4: write combining; the others as after reset. Spec: Intel SDM 3A 11.12.4.
    if (f.pat) wrmsr(kMsrPat, 0x0007'0401'0007'0406);
}

void enable_syscall(u32 cpu) {
    wrmsr(kMsrEfer, rdmsr(kMsrEfer) | 1);
    wrmsr(kMsrStar, (u64{USER_CS32} << 48) | (u64{KERNEL_CS} << 32));
    wrmsr(kMsrLstar, reinterpret_cast<u64>(&entry_syscall));
    // TF, IF, DF, IOPL, NT, RF, AC, ID off in the kernel.
    wrmsr(kMsrFmask, 0x257fd5);
    wrmsr(kMsrSysenterCs, 0);
    if (features().rdtscp) wrmsr(kMsrTscAux, cpu);
}

}  // namespace

u64 cpu_offset(u32 cpu) {
    return x86_cpu_offsets[cpu];
}
void set_trap_stack(u64 top) {
    g_tables.local().tss.rsp[0] = top;
}

void load_cpu(u32 cpu) {
    CpuTables& t = g_tables.of(cpu);
    const TablePointer gdt{sizeof(t.gdt) - 1, reinterpret_cast<u64>(t.gdt)};
    asm volatile("lgdt %0" ::"m"(gdt));
    asm volatile(
        "pushq %0\n\tleaq 1f(%%rip), %%rax\n\tpushq %%rax\n\tlretq\n1:\n\t"
        "movl %1, %%ds\n\tmovl %1, %%es\n\tmovl %1, %%ss\n\tmovl %2, %%fs\n\tmovl %2, %%gs" ::"i"(
            KERNEL_CS),
        "r"(KERNEL_DS), "r"(0)
        : "rax", "memory");
    wrmsr(kMsrGsBase, x86_cpu_offsets[cpu]);
    wrmsr(kMsrKernelGsBase, 0);
    t.gdt[GDT_TSS / 8] &= ~(u64{2} << 40);  // not busy
    asm volatile("ltr %w0" ::"r"(GDT_TSS));
    load_idt();
    enable_cpu_features();
    enable_syscall(cpu);
}

void init_boot_cpu_local(u64 area) {
    const u64 offset = area - reinterpret_cast<u64>(tenon_percpu_start);
    x86_cpu_offsets[0] = offset;
    auto* local = reinterpret_cast<CpuLocal*>(area);
    local->offset = offset;
    x86_has_fsgsbase = features().fsgsbase;
    fill_tables(0);
    for (usize i = 0; i < kIstStacks; ++i)
        g_tables.of(0).tss.ist[i] = reinterpret_cast<u64>(boot_ist[i]) + kIstStackSize;
    init_idt();
    load_cpu(0);
}

Result<void> prepare_cpu_local(u32 cpu) {
    const usize length = static_cast<usize>(tenon_percpu_end - tenon_percpu_start);
    TRY_ASSIGN(void* area, mm::vmalloc(length));
    const u64 offset = reinterpret_cast<u64>(area) - reinterpret_cast<u64>(tenon_percpu_start);
    // All else starts as zero (the contract of TENON_PERCPU): the section itself is the boot CPU's
    // live copy, with its queues in it.
    *static_cast<CpuLocal*>(area) = {.offset = offset,
                                     .current = nullptr,
                                     .kernel_stack = 0,
                                     .user_stack = 0,
                                     .preempt_count = kNoReschedule,
                                     .cpu_id = cpu,
                                     .in_call = 0,
                                     .scratch = 0};
    x86_cpu_offsets[cpu] = offset;
    // The front page, which inline code of modules writes, stays everybody's.
    set_core_only(static_cast<u8*>(area) + kPageSize, length - kPageSize, true);
    fill_tables(cpu);
    for (u32 i = 0; i < kIstStacks; ++i) {
        TRY_ASSIGN(void* stack, mm::alloc_kernel_stack());
        g_tables.of(cpu).tss.ist[i] = reinterpret_cast<u64>(stack) + kKernelStackSize;
    }
    return {};
}

}  // namespace x86
}  // namespace tenon::arch
