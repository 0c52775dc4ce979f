// Protection keys: the way from module text into the core and back, and what is the core's.
//
// An import stub is `movabs $target, %r11; call call_core; jmp back_to_module`. call_core finds two
// addresses on the stack: where the stub goes on, and where the module's call does. It leaves the
// second with the innermost crossing and puts the first in its place, so that the core returns into
// the stub: that lies in module text, and a call that dies on the way is led out there as
// everywhere. One such call at most is out for each crossing, as the rights come back to a module
// only by another crossing. A module's code that runs with all rights (a callback that the core
// calls directly) is left out of this.
#include "core/arch/x86_64/mm/keys.h"

#include <tenon/arch/cpu.h>
#include <tenon/arch/recovery.h>
#include <tenon/process/task.h>
#include <tenon/trace/log.h>
#include <tenon/trace/symbols.h>

#include <cstddef>
#include <cstring>

#include "core/arch/x86_64/boot/layout.h"
#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/cpu/cpu_local.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/mm/key_rights.h"
#include "core/module/crossing.h"

extern "C" {
TENON_HIDDEN tenon::arch::GuardedCall guarded_call_plain, guarded_call_keyed;
extern TENON_HIDDEN char tenon_copies_start[], boot_stack[];
}

namespace tenon::arch {

u64 text_start();
u64 text_end();

extern "C" {
[[gnu::section(".ro_after_init")]] TENON_HIDDEN constinit u8 tenon_keys_on = 0;
extern TENON_HIDDEN const u64 tenon_crossing_of_task;
constinit const u64 tenon_crossing_of_task = offsetof(Task, crossing);
}
[[gnu::section(".ro_after_init")]] constinit GuardedCall* guarded_call = &guarded_call_plain;

namespace {

[[gnu::section(".ro_after_init")]] constinit bool g_report_only = false;

constexpr usize kSlot = offsetof(module::Crossing, out) + offsetof(CallOut, slot);
// Known to recovery.S.
static_assert(offsetof(module::Crossing, mark) == 8);
static_assert(offsetof(module::Crossing, out) == offsetof(module::Crossing, mark) + 8);
static_assert(offsetof(CpuLocal, current) == 8);
constexpr usize kAddress = offsetof(module::Crossing, out) + offsetof(CallOut, address);

// r11: what is called; every argument register is in use.
[[gnu::naked, gnu::used, gnu::section(".text.leaf")]] void call_core() {
    asm volatile(
        "popq %%r10\n\t"
        "pushq %%rcx\n\t"
        "pushq %%rdx\n\t"
        "movl %[msr], %%ecx\n\t"
        "rdmsr\n\t"
        "testl %%eax, %%eax\n\t"
        "jz 1f\n\t"
        "movq %%gs:%c[current]+tenon_cpu_local(%%rip), %%rdx\n\t"
        "movq %c[crossing](%%rdx), %%rdx\n\t"
        "leaq 16(%%rsp), %%rax\n\t"
        "movq %%rax, %c[slot](%%rdx)\n\t"
        "movq (%%rax), %%rcx\n\t"
        "movq %%rcx, %c[address](%%rdx)\n\t"
        "movq %%r10, (%%rax)\n\t"
        "movl %[msr], %%ecx\n\t"
        "xorl %%eax, %%eax\n\t"
        "xorl %%edx, %%edx\n\t"
        "wrmsr\n"
        "1:\tpopq %%rdx\n\t"
        "popq %%rcx\n\t"
        "jmp *%%r11" ::[msr] "i"(MSR_PKRS),
        [current] "i"(offsetof(CpuLocal, current)), [crossing] "i"(offsetof(Task, crossing)),
        [slot] "i"(kSlot), [address] "i"(kAddress));
}

// rax, rdx: the result.
[[gnu::naked, gnu::used, gnu::section(".text.leaf")]] void back_to_module() {
    asm volatile(
        "subq $8, %%rsp\n\t"
        "pushq %%rdx\n\t"
        "pushq %%rax\n\t"
        "movq %%gs:%c[current]+tenon_cpu_local(%%rip), %%rdx\n\t"
        "movq %c[crossing](%%rdx), %%rdx\n\t"
        "movq %c[address](%%rdx), %%rax\n\t"
        "movq %%rax, 16(%%rsp)\n\t"
        "movq $0, %c[slot](%%rdx)\n\t"
        "movl %[msr], %%ecx\n\t"
        "movl %[rights], %%eax\n\t"
        "xorl %%edx, %%edx\n\t"
        "wrmsr\n\t"
        "popq %%rax\n\t"
        "popq %%rdx\n\t"
        "ret" ::[msr] "i"(MSR_PKRS),
        [rights] "i"(RIGHTS_OF_MODULES), [current] "i"(offsetof(CpuLocal, current)),
        [crossing] "i"(offsetof(Task, crossing)), [slot] "i"(kSlot), [address] "i"(kAddress));
}

i32 distance(u64 from, void (*to)()) {
    return static_cast<i32>(reinterpret_cast<u64>(to) - from);
}

}  // namespace

bool is_copy_text(uptr ip) {
    return ip >= reinterpret_cast<uptr>(tenon_copies_start) &&
           ip < reinterpret_cast<uptr>(tenon_leaf_end);
}

bool wants_import_stub(u64 target) {
    return keys_on() && target >= text_start() && target < text_end() && !is_copy_text(target);
}

void write_import_stub(u8* memory, u64 address, u64 target) {
    const i32 out = distance(address + kStubLanding, &call_core);
    const i32 back = distance(address + 20, &back_to_module);
    memory[0] = 0x49;
    memory[1] = 0xbb;
    std::memcpy(memory + 2, &target, 8);
    memory[10] = 0xe8;
    std::memcpy(memory + 11, &out, 4);
    memory[15] = 0xe9;
    std::memcpy(memory + 16, &back, 4);
    std::memset(memory + 20, 0xcc, kImportStubBytes - 20);
}

namespace x86 {

bool choose_keys(std::string_view command_line) {
    const std::string_view wish = boot::find_parameter(command_line, "module.keys").value;
    tenon_keys_on = features().pks && (wish == "on" || wish == "report");
    g_report_only = wish == "report";
    return keys_on();
}

void protect_core_data(const boot::BootInfo& info) {
    const auto wish = boot::parameter("module.keys");
    if (!keys_on()) {
        if (wish.found && wish.value != "off")
            log::err("module.keys={}: {}; modules can write core data", wish.value,
                     features().pks ? "neither on, off nor report"
                                    : "this CPU has no protection keys for supervisor pages (PKS)");
        return;
    }
    guarded_call = &guarded_call_keyed;
    set_core_only(tenon_ro_after_init_start,
                  static_cast<usize>(tenon_data_end - tenon_ro_after_init_start), true);
    for (const boot::MemoryRange& range : info.memory())
        if (range.kind == boot::MemoryKind::boot_data)
            set_core_only(phys_to_virt(range.start), range.length_bytes, true);
    // But stacks, which modules run on or are interrupted on, and the front of the per-CPU data.
    set_core_only(boot_stack, kBootStackSize, false);
    set_core_only(reinterpret_cast<void*>(start_state().boot_cpu_area), kPageSize, false);
    set_core_only(boot_ist, sizeof(boot_ist), false);
    log::info("module.keys={}: modules cannot write core data", wish.value);
}

bool pass_key_fault(UserRegs& regs, u64 address) {
    if (!is_core_only(address)) {
        flush_tlb_local_page(address);
        return true;
    }
    if (module::lend_rights({module::kWroteCoreData, regs.rip, regs.rsp, regs.rbp, address})) {
        key_rights(regs) = 0;
        return true;
    }
    if (!g_report_only) return false;
    char text[160];
    fmt::BufferSink site(text);
    trace::describe_address(module::writer_of({"", regs.rip, regs.rsp}), site);
    log::warn("keys: write to core data at {:#x} from {}", address, site.text());
    key_rights(regs) = 0;
    return true;
}

}  // namespace x86
}  // namespace tenon::arch
