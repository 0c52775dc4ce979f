// What a tracer may read of filters. Spec: man 2 ptrace; Linux kernel/seccomp.c, get_nth_filter().
#include <tenon/mm/user_copy.h>
#include <tenon/process/tree.h>

#include "personality/linux/linux_task.h"
#include "personality/linux/seccomp/seccomp.h"

namespace tenon::personality::seccomp {

namespace {

bool may_inspect() {
    return process::capable(process::Capability::sys_admin) &&
           linux_task().seccomp.mode.load(std::memory_order_relaxed) == SECCOMP_MODE_DISABLED;
}

// Counted from the oldest.
Result<Ref<Filter>> filter_at(Task& task, u64 index) {
    sync::IrqSpinGuard guard(process::tree_lock());
    const State& state = linux_task(task).seccomp;
    if (state.mode.load(std::memory_order_relaxed) != SECCOMP_MODE_FILTER) return Err(Error::inval);
    Filter* filter = state.filter.load(std::memory_order_relaxed);
    if (index >= filter->chain_count) return Err(Error::noent);
    for (u64 back = filter->chain_count - 1 - index; back != 0; --back)
        filter = filter->previous.get();
    return Ref<Filter>(filter);
}

}  // namespace

Result<i64> copy_filter(Task& task, u64 index, u64 to) {
    if (!may_inspect()) return Err(Error::acces);
    TRY_ASSIGN(Ref<Filter> filter, filter_at(task, index));
    if (to != 0)
        TRY(mm::copy_to_user(UserAddr{to}, filter->code.get(),
                             filter->length * sizeof(bpf::Instruction)));
    return filter->length;
}

Result<i64> copy_metadata(Task& task, u64 size, u64 address) {
    if (!may_inspect()) return Err(Error::acces);
    uapi::seccomp_metadata meta{};
    size = std::min<u64>(size, sizeof(meta));
    if (size < sizeof(meta.filter_off)) return Err(Error::inval);
    TRY(mm::copy_from_user(&meta.filter_off, UserAddr{address}, sizeof(meta.filter_off)));
    TRY_ASSIGN(Ref<Filter> filter, filter_at(task, meta.filter_off));
    if (filter->log) meta.flags = SECCOMP_FILTER_FLAG_LOG;
    TRY(mm::copy_to_user(UserAddr{address}, &meta, size));
    return static_cast<i64>(size);
}

}  // namespace tenon::personality::seccomp
