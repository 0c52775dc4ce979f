// membarrier: a barrier on every CPU, made by an interrupt there.
#include <tenon/arch/smp.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"

namespace tenon::personality {

namespace {

using namespace uapi;

constexpr i32 kSupported =
    MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
    MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ |
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;

// The interrupt's entry and return serialise the CPU: that is the barrier, for data and for code.
void barrier_on(CpuMask cpus) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!cpus.empty())
        arch::call_on(
            cpus, [](void*) {}, nullptr);
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

Result<i64> private_barrier(u32 registered) {
    mm::AddressSpace& space = own_space();
    if (!(space.barrier_state.load(std::memory_order_acquire) & registered))
        return Err(Error::perm);
    barrier_on(space.active_cpus() & arch::online_mask());
    return 0;
}

}  // namespace

Result<i64> sys_membarrier(i32 command, u32 flags, i32 cpu) {
    if (command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) {
        if (flags != 0 && flags != MEMBARRIER_CMD_FLAG_CPU) return Err(Error::inval);
    } else if (flags != 0) {
        return Err(Error::inval);
    }
    (void)cpu;  // a barrier on all is one on that
    std::atomic<u32>& state = own_space().barrier_state;
    switch (command) {
        case MEMBARRIER_CMD_QUERY:
            return kSupported;
        case MEMBARRIER_CMD_GLOBAL:
        case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
            barrier_on(arch::online_mask());
            return 0;
        case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
            state.fetch_or(static_cast<u32>(command), std::memory_order_acq_rel);
            return 0;
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
            return private_barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
            return private_barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
            return private_barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
