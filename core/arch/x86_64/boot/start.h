// What start-up leaves for the rest of arch.
#pragma once

#include <tenon/arch/page_table.h>
#include <tenon/boot/boot_info.h>

namespace tenon::arch::x86 {

struct StartState {
    u64 kernel_root = 0;  // physical: tables without a user half
    u64 start_root =
        0;  // physical: the same and an identity map of the low 4 GiB, for starting CPUs
    u64 trampoline = 0;  // physical: a page below 1 MiB
    KernelLayout layout{};
};

StartState& start_state();
boot::BootInfo& mutable_boot_info();

}  // namespace tenon::arch::x86
