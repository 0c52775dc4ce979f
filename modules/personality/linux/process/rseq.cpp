#include "personality/linux/process/rseq.h"

#include <tenon/arch/cpu.h>
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/x86_64/machine.h"

namespace tenon::personality {

namespace {

constexpr u32 kAreaBytes = 32;  // the original struct rseq
static_assert(offsetof(uapi::rseq, cpu_id_start) == 0 && offsetof(uapi::rseq, cpu_id) == 4 &&
              offsetof(uapi::rseq, rseq_cs) == 8);

Result<void> write_cpu(LinuxTask& task, u32 start, u32 id) {
    const u32 both[2] = {start, id};
    TRY(mm::copy_to_user(UserAddr{task.rseq}, both, sizeof(both)));
    task.rseq_cpu = id;
    return {};
}

// Aborts the critical section that `regs` is in, if any.
Result<void> fix_ip(LinuxTask& task, arch::UserRegs& regs) {
    const u64 slot = task.rseq + offsetof(uapi::rseq, rseq_cs);
    TRY_ASSIGN(const u64 address, mm::UserIn<u64>(slot).read());
    if (address == 0) return {};
    if (address >= arch::kUserLimit) return Err(Error::inval);
    TRY_ASSIGN(const auto cs, mm::UserIn<uapi::rseq_cs>(address).read());
    if (cs.version != 0 || cs.start_ip >= arch::kUserLimit || cs.abort_ip >= arch::kUserLimit ||
        cs.start_ip + cs.post_commit_offset >= arch::kUserLimit ||
        cs.abort_ip - cs.start_ip < cs.post_commit_offset)
        return Err(Error::inval);
    TRY_ASSIGN(const u32 signature, mm::UserIn<u32>(cs.abort_ip - sizeof(u32)).read());
    if (signature != task.rseq_signature) return Err(Error::inval);
    const u64 zero = 0;
    TRY(mm::copy_to_user(UserAddr{slot}, &zero, sizeof(zero)));
    if (regs.ip() - cs.start_ip < cs.post_commit_offset) regs.set_ip(cs.abort_ip);
    return {};
}

void fail() {
    process::force_signal(*current(), process::kernel_signal(process::kSigSegv));
}

}  // namespace

void rseq_on_return(arch::UserRegs& regs) {
    LinuxTask& task = linux_task();
    if (task.rseq == 0) return;
    const u32 cpu = arch::cpu_id();
    if (!fix_ip(task, regs) || !write_cpu(task, cpu, cpu)) fail();
}

void rseq_before_signal(arch::UserRegs& regs) {
    LinuxTask& task = linux_task();
    if (task.rseq == 0) return;
    if (!fix_ip(task, regs)) fail();
}

Result<i64> sys_rseq(u64 area, u32 length, i32 flags, u32 signature) {
    LinuxTask& task = linux_task();
    if (flags & uapi::RSEQ_FLAG_UNREGISTER) {
        if (flags & ~uapi::RSEQ_FLAG_UNREGISTER) return Err(Error::inval);
        if (task.rseq != area || task.rseq == 0) return Err(Error::inval);
        if (length != task.rseq_length) return Err(Error::inval);
        if (signature != task.rseq_signature) return Err(Error::perm);
        TRY(write_cpu(task, 0, static_cast<u32>(uapi::RSEQ_CPU_ID_UNINITIALIZED)));
        current()->notify_on_switch = false;
        task.rseq = 0;
        task.rseq_length = task.rseq_signature = 0;
        return 0;
    }
    if (flags != 0) return Err(Error::inval);
    if (task.rseq != 0) {
        if (task.rseq != area || length != task.rseq_length) return Err(Error::inval);
        if (signature != task.rseq_signature) return Err(Error::perm);
        return Err(Error::busy);
    }
    if (!is_aligned(area, 32) || length != kAreaBytes) return Err(Error::inval);
    if (area + length > arch::kUserLimit || area + length < area) return Err(Error::fault);
    task.rseq = area;
    task.rseq_length = length;
    task.rseq_signature = signature;
    current()->notify_on_switch = true;
    current()->set_work(kWorkNotify);
    return 0;
}

}  // namespace tenon::personality
