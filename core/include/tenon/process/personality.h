// What a personality (an operating-system interface in a module) registers with the core.
#pragma once

#include <tenon/arch/fault.h>
#include <tenon/module/gate.h>
#include <tenon/process/process.h>

namespace tenon::process {

// One program start, as an executable format sees it.
struct ExecRequest {
    Ref<vfs::File> file;        // opened for execution
    std::string_view path;      // as the caller named it (AT_EXECFN)
    void* arguments = nullptr;  // the personality's own; null: the first program, its path alone
    u8 head[256] = {};          // first bytes of the file, zero-filled
    u32 depth = 0;              // of interpreters
    // `path` names a descriptor that will be closed: scripts cannot run.
    bool close_on_exec = false;
};

class Personality {
  public:
    virtual ~Personality() = default;
    virtual std::string_view name() const = 0;
    // Tries to run request.file in the calling task: noexec if the format is not this one's. On
    // success the task's registers are set and it returns to user mode in the new image.
    virtual Result<void> exec(ExecRequest& request) = 0;
    // Signals, notify work: called on the way to user mode with irqs on.
    virtual void deliver(arch::UserRegs& regs) = 0;
    virtual void user_trap(const arch::TrapInfo& trap, arch::UserRegs& regs) = 0;
    // A page fault that the address space refused: segv or bus.
    virtual void user_fault(const arch::PageFault& fault, Error why, arch::UserRegs& regs) = 0;
    // Task life. `child` is not running yet.
    virtual Result<void> task_cloned(Task& child, const CloneOptions& options) = 0;
    // Still has its address space (robust list, clear_child_tid).
    virtual void task_exiting(Task& task) = 0;
    virtual void process_exiting(Process& process) = 0;  // last thread
    virtual void exec_done(Task& task) = 0;
    // Under the tree lock, no sleeping. A thread that is not the leader has left its process.
    virtual void thread_gone(Task& task) = 0;
    // Likewise. A process is a zombie. True: its parent is to be told later, by
    // notify_parent_locked().
    virtual bool holds_zombie(Process& process) = 0;
};

TENON_API Result<void> register_personality(Personality& personality);
// Error::busy while a task of it lives.
TENON_API Result<void> unregister_personality(Personality& personality);

// Runs a program in the calling task: opens, reads the head, tries each personality. Errors as
// execve(2).
TENON_API Result<void> exec(ExecRequest& request);

}  // namespace tenon::process
