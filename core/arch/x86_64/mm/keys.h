// Protection keys inside of arch. Spec: Intel SDM 3A 4.6.2.
#pragma once

#include <tenon/arch/keys.h>
#include <tenon/arch/user_regs.h>
#include <tenon/boot/boot_info.h>

#include <string_view>

namespace tenon::arch::x86 {

// Before the tables are made: whether keys are used.
bool choose_keys(std::string_view command_line);
// Gives the core what was there before there was somebody to ask: the image's data, the tables.
void protect_core_data(const boot::BootInfo& info);
// The rights that a trap out of the kernel goes back to: in its frame, where a system call has its
// number.
inline u64& key_rights(UserRegs& regs) {
    return regs.original_rax;
}
// A page fault by a key. True: go on, for this CPU knew the page's old key, or it was reported
// only.
bool pass_key_fault(UserRegs& regs, u64 address);

}  // namespace tenon::arch::x86
