// Robust futex lists. Spec: Linux Documentation/locking/robust-futex-ABI; man 2 set_robust_list.
#include <tenon/arch/user_copy.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/futex.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/hooks.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/process/permission.h"

namespace tenon::personality {

namespace {

// One lock of a dead owner: says so in the word and wakes a waiter. `pending`: the operation was
// under way, so the word may belong to nobody yet while waiters sleep. `pi`: the lock itself is
// passed on when the task has left it (futex/pi.h), and nobody sleeps on the word.
bool owner_died(u64 address, i32 tid, bool pending, bool pi) {
    if ((address & 3) != 0) return false;
    u32 value;
    if (!arch::user_load32(address, value)) return false;
    for (;;) {
        if (pending && !pi && (value & FUTEX_TID_MASK) == 0) {
            (void)process::futex::wake(address, process::futex::Scope::shared, 1, ~0u);
            return true;
        }
        if ((value & FUTEX_TID_MASK) != static_cast<u32>(tid)) return true;
        u32 expected = value;
        const u32 desired = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (!arch::user_cmpxchg32(address, expected, desired)) return false;
        if (expected == value) break;
        value = expected;
    }
    if (!pi && (value & FUTEX_WAITERS))
        (void)process::futex::wake(address, process::futex::Scope::shared, 1, ~0u);
    return true;
}

}  // namespace

void exit_robust_list(u64 head) {
    const i32 tid = current()->tid;
    const auto list = mm::UserIn<uapi::robust_list_head>(head).read();
    if (!list) return;
    const u64 offset = static_cast<u64>(list->futex_offset);
    const u64 pending = reinterpret_cast<u64>(list->list_op_pending);
    u64 entry = reinterpret_cast<u64>(list->list.next);
    u32 limit = ROBUST_LIST_LIMIT;
    // Bit 0 of where an entry is found marks a lock with priority inheritance.
    while ((entry & ~u64{1}) != head && limit-- != 0) {
        const auto next = mm::UserIn<u64>(entry & ~u64{1}).read();
        if ((entry & ~u64{1}) != (pending & ~u64{1}) &&
            !owner_died((entry & ~u64{1}) + offset, tid, false, entry & 1))
            return;
        if (!next) return;
        entry = *next;
    }
    if (pending != 0) (void)owner_died((pending & ~u64{1}) + offset, tid, true, pending & 1);
}

Result<i64> sys_set_robust_list(u64 head, u64 len) {
    if (len != sizeof(uapi::robust_list_head)) return Err(Error::inval);
    linux_task().robust_list = head;
    return 0;
}

Result<i64> sys_get_robust_list(i32 pid, u64 head_ptr, u64 len_ptr) {
    Ref<Task> target(current());
    if (pid != 0) {
        target = process::find_task(pid);
        if (!target) return Err(Error::srch);
        TRY(may_inspect(*target->process));
    }
    const u64 size = sizeof(uapi::robust_list_head);
    const u64 head = target->extension ? linux_task(*target).robust_list : 0;
    TRY(mm::UserOut<u64>(len_ptr).write(size));
    TRY(mm::UserOut<u64>(head_ptr).write(head));
    return 0;
}

}  // namespace tenon::personality
