// From a system call number to the function that serves it.
#pragma once

#include <tenon/arch/user_regs.h>
#include <tenon/lib/result.h>

#include "personality/linux/generated/syscall_count.h"

namespace tenon {
class Task;
}

namespace tenon::personality {

using SyscallHandler = Result<i64> (*)(const arch::UserRegs&);

// What a decoder (the system call log, strace's kind) knows of an argument.
enum class ArgType : u8 {
    none_,
    fd_,
    int_,
    pid_,
    uint_,
    mode_,
    flags_,
    sig_,
    clock_,
    ulong_,
    size_,
    ptr_,
    addr_,
    path_,
    long_,
    off_,
};
struct SyscallInfo {
    const char* name;  // empty for a hole in the numbering
    u8 arg_count;
    bool implemented;
    struct {
        ArgType type;
        const char* name;
    } args[6];
};

extern const SyscallHandler kSyscalls[kSyscallCount];
extern const SyscallInfo kSyscallInfos[kSyscallCount];

// What every task of this personality enters the kernel through (Task::syscall_entry).
void entry(arch::UserRegs& regs);
// Gives a task the way in that it needs: this one, or one past a tracer or filters.
void choose_entry(Task& task);
// Error::nosys, and one line in the log for each number the first time.
Result<i64> missing_syscall(const arch::UserRegs& regs);

}  // namespace tenon::personality
