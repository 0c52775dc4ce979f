// seccomp: which system calls a task may make.
//
// A task has no mode, the strict one (read, write, exit and rt_sigreturn), or a chain of filters:
// BPF programs over (call, machine, instruction pointer, arguments), of which the strictest answer
// counts. Modes and filters are only ever added, never taken away; a child and a new program have
// those of their maker. A task in a mode enters through filtered_entry() instead of entry(), so
// that the others pay nothing.
//
// Filters are immutable and hang on their predecessor, so a chain is a tree over tasks. TSYNC gives
// the other threads the caller's chain, if theirs is a part of it; what such a thread is running
// just then lives on, being part of the new chain. All changes happen under the process-tree lock.
//
// Limits: SECCOMP_RET_USER_NOTIF is not there: NEW_LISTENER is refused, the action answers ENOSYS,
// as without a listener.
// Spec: man 2 seccomp, man 2 prctl (PR_SET_SECCOMP); Linux kernel/seccomp.c.
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/process/task.h>

#include "personality/linux/seccomp/bpf.h"

namespace tenon::personality {

class LinuxTask;

namespace seccomp {

class Filter : public RefCounted<Filter> {
  public:
    std::unique_ptr<bpf::Instruction[]> code;
    u32 length = 0;        // instructions
    u32 chain_length = 0;  // of this and all before it, with a charge for each filter
    u32 chain_count = 0;
    bool log = false;
    Ref<Filter> previous;
    std::span<const bpf::Instruction> program() const { return {code.get(), length}; }
    // Chains are long: they are let go in a loop.
    void on_last_ref();
};

// What a task carries (in its LinuxTask).
struct State {
    std::atomic<u32> mode{SECCOMP_MODE_DISABLED};
    // Guarded by the tree lock; the task itself reads it without, see above.
    std::atomic<Filter*> filter{nullptr};
    // TSYNC gave it no_new_privs, which otherwise lies in the credentials.
    std::atomic<bool> no_new_privileges{false};
    State() = default;
    ~State();
    TENON_NONCOPYABLE(State);
};

// prctl(PR_SET_SECCOMP).
Result<i64> set_mode(u64 mode, u64 program);
// A new task gets what its maker has. Twice: before it can fail to be made, and, for threads, when
// TSYNC can see it. Any context that holds no lock above the tree's.
void inherit(Task& child);
bool no_new_privileges();  // of the caller

// PTRACE_SECCOMP_GET_FILTER and _GET_METADATA: to user memory of the caller's. Error::acces, inval,
// noent, fault. (inspect.cpp)
Result<i64> copy_filter(Task& task, u64 index, u64 to);
Result<i64> copy_metadata(Task& task, u64 size, u64 address);

}  // namespace seccomp

// The way in of a task that has a mode (Task::syscall_entry).
void filtered_entry(arch::UserRegs& regs);

}  // namespace tenon::personality
