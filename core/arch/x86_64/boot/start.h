// What start-up leaves for the rest of arch.
#pragma once

#include <tenon/arch/page_table.h>
#include <tenon/boot/boot_info.h>
#include <tenon/lib/types.h>

#include <string_view>

namespace tenon::arch::x86 {

struct StartState {
    u64 kernel_root = 0;  // physical: tables without a user half
    u64 start_root =
        0;  // physical: the same and an identity map of the low 4 GiB, for starting CPUs
    u64 trampoline = 0;  // physical: a page below 1 MiB
    KernelLayout layout{};
    u64 boot_cpu_area = 0;  // CPU 0's per-CPU data
};

StartState& start_state();

}  // namespace tenon::arch::x86

// Addresses that the linker script defines.
#define TENON_HIDDEN __attribute__((visibility("hidden")))

extern "C" {
extern TENON_HIDDEN char tenon_image_start[], tenon_image_end[];
extern TENON_HIDDEN char tenon_text_start[], tenon_text_end[];
extern TENON_HIDDEN char tenon_rodata_start[], tenon_rodata_end[];
extern TENON_HIDDEN char tenon_ro_after_init_start[], tenon_ro_after_init_end[];
extern TENON_HIDDEN char tenon_data_start[], tenon_data_end[];
extern TENON_HIDDEN char tenon_percpu_start[], tenon_percpu_end[];
extern TENON_HIDDEN char tenon_fixups_start[], tenon_fixups_end[];
extern TENON_HIDDEN char tenon_leaf_start[], tenon_leaf_end[];
extern TENON_HIDDEN char tenon_ksyms_start[], tenon_ksyms_end[];
extern TENON_HIDDEN tenon::u64 tenon_relr_start[], tenon_relr_end[];
}

// Ends start-up before there is a log or a trap handler.
namespace tenon::arch::x86 {
[[noreturn]] void early_panic(std::string_view message);
}
