// Futexes with priority inheritance: the word is the owner's thread number, and who waits lends the
// owner its real-time priority.
//
// Theory: README.md in this folder. Spec: man 2 futex, "Priority-inheritance futexes"; Linux
// kernel/futex/pi.c.
#pragma once

#include <tenon/process/futex.h>

namespace tenon {
class Task;
}

namespace tenon::personality::pi {

struct Lock;
struct Waiter;

// What a task has to do with such locks. Guarded by the lock of pi.cpp.
struct Side {
    Lock* held = nullptr;  // those that somebody waits for, a list
    Waiter* waits = nullptr;
    bool is_gone = false;  // its locks were passed on
};

// Errors: fault, inval (misaligned; the word contradicts what the kernel knows), deadlk, srch (no
// such owner), perm (a kernel thread's), timedout, again (`only_try`: somebody has it),
// restart_no_intr. May sleep.
Result<void> lock(u64 address, process::futex::Scope scope, const process::futex::Until& until,
                  bool only_try);
// Errors: fault, inval, perm (the caller does not have it). May sleep.
Result<void> unlock(u64 address, process::futex::Scope scope);
// The task leaves its memory, for good or for another program: what it held goes to the first of
// those who wait, who learns of it by FUTEX_OWNER_DIED. In the task's context. May sleep.
void leave(Task& task, bool for_good);

}  // namespace tenon::personality::pi
