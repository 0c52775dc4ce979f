// The way in of every system call: bounds check, indirect call, errno.
#include "personality/linux/dispatch.h"

#include <tenon/process/task.h>
#include <tenon/trace/log.h>

#include <atomic>

#include "personality/linux/error_number.h"
#include "personality/linux/linux_task.h"

namespace tenon::personality {

namespace {

constinit std::atomic<u64> g_logged[(kSyscallCount + 64) / 64]{};

}  // namespace

Result<i64> missing_syscall(const arch::UserRegs& regs) {
    const u64 number = regs.syscall_number();
    const u64 slot = number < kSyscallCount ? number : kSyscallCount;
    const u64 bit = u64{1} << (slot % 64);
    if ((g_logged[slot / 64].fetch_or(bit, std::memory_order_relaxed) & bit) == 0) {
        std::string_view name = slot < kSyscallCount ? kSyscallInfos[slot].name : "";
        log::info("linux: system call {} ({}) is not there; first used by {}[{}]", number,
                  name.empty() ? "unknown" : name, current()->name, current()->tid);
    }
    return Err(Error::nosys);
}

void entry(arch::UserRegs& regs) {
    const u64 number = regs.syscall_number();
    const Result<i64> result =
        number < kSyscallCount ? kSyscalls[number](regs) : missing_syscall(regs);
    if (result) [[likely]] {
        regs.set_syscall_result(static_cast<u64>(*result));
        return;
    }
    if (is_restart(result.error())) [[unlikely]]
        current()->set_work(kWorkSignal);  // deliver() turns the code into a restart or EINTR
    regs.set_syscall_result(static_cast<u64>(-errno_of(result.error())));
}

void choose_entry(Task& task) {
    const auto mode = linux_task(task).seccomp.mode.load(std::memory_order_relaxed);
    auto* const way = trace::is_traced(task)          ? &trace::entry
                      : mode != SECCOMP_MODE_DISABLED ? &filtered_entry
                                                      : &personality::entry;
    __atomic_store_n(&task.syscall_entry, way, __ATOMIC_RELEASE);
}

}  // namespace tenon::personality
