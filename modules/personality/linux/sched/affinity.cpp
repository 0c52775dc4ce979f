// Spec: man 2 sched_setaffinity, getcpu.
#include <tenon/arch/smp.h>
#include <tenon/mm/user_copy.h>
#include <tenon/sched/scheduler.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/sched/sched.h"

namespace tenon::personality {

Result<i64> sys_sched_setaffinity(i32 pid, u32 len, u64 user_mask) {
    u64 bits = 0;
    TRY(mm::copy_from_user(&bits, UserAddr{user_mask}, std::min<usize>(len, sizeof(bits))));
    TRY_ASSIGN(auto task, task_of(pid));
    if (!owns_task(*task) && !process::capable(process::Capability::sys_nice))
        return Err(Error::perm);
    if (sched::params(*task).policy == sched::Policy::deadline && !has_all_cpus(CpuMask(bits)))
        return Err(Error::busy);
    TRY(sched::set_affinity(*task, CpuMask(bits)));
    return 0;
}

Result<i64> sys_sched_getaffinity(i32 pid, u32 len, u64 user_mask) {
    if (u64{len} * 8 < arch::possible_cpus() || len % sizeof(u64) != 0) return Err(Error::inval);
    TRY_ASSIGN(auto task, task_of(pid));
    const u64 bits = sched::affinity(*task).bits();
    const usize bytes = std::min<usize>(len, sizeof(bits));
    TRY(mm::copy_to_user(UserAddr{user_mask}, &bits, bytes));
    return static_cast<i64>(bytes);
}

Result<i64> sys_getcpu(u64 cpu, u64 node, u64) {
    const u32 here = arch::cpu_id();
    if (cpu != 0) TRY(mm::UserOut<u32>(cpu).write(here));
    if (node != 0) TRY(mm::UserOut<u32>(node).write(0));
    return 0;
}

}  // namespace tenon::personality
