// Running programs: the core's half of exec, personalities, and the first program.
#include <tenon/arch/fault.h>
#include <tenon/mm/address_space.h>
#include <tenon/process/personality.h>
#include <tenon/process/tree.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/lookup.h>

#include <cstring>

namespace tenon::process {

namespace {

constexpr u32 kMaxPersonalities = 4;
constinit sync::SpinLock g_lock{sync::LockRank::spin_leaf};
constinit Personality* g_personalities[kMaxPersonalities] = {};

bool in_use(const Personality& personality) {
    for (i32 pid = 1;;) {
        auto process = next_process(pid);
        if (!process) return false;
        if (process->personality == &personality) return true;
        pid = process->pid + 1;
    }
}

}  // namespace

Result<void> register_personality(Personality& personality) {
    sync::SpinGuard guard(g_lock);
    for (Personality*& slot : g_personalities) {
        if (slot == nullptr) {
            slot = &personality;
            return {};
        }
    }
    return Err(Error::busy);
}

Result<void> unregister_personality(Personality& personality) {
    if (in_use(personality)) return Err(Error::busy);
    sync::SpinGuard guard(g_lock);
    for (Personality*& slot : g_personalities)
        if (slot == &personality) slot = nullptr;
    return {};
}

Result<void> exec(ExecRequest& request) {
    std::memset(request.head, 0, sizeof(request.head));
    auto head = vfs::IoBuffer::kernel(static_cast<void*>(request.head), sizeof(request.head));
    TRY(request.file->read_at(head, 0));
    Result<void> result = Err(Error::noexec);
    for (Personality* personality : g_personalities) {
        if (personality == nullptr) continue;
        result = personality->exec(request);
        if (result || result.error() != Error::noexec) break;
    }
    return result;
}

Result<void> start_init(std::string_view path) {
    Task& self = *current();
    vfs::OpenRequest open{.flags = vfs::kOpenRead | vfs::kOpenExec};
    TRY_ASSIGN(auto file, vfs::open(vfs::lookup_start_of_current(), path, open));
    ExecRequest request;
    request.file = std::move(file);
    request.path = path;

    // From here on it is a user task: its registers, TLS and FPU state are switched.
    auto* entry = std::exchange(self.kernel_entry, nullptr);
    if (auto r = exec(request); !r) {
        self.kernel_entry = entry;
        return r;
    }
    return {};
}

// What arch asks for on the way back to user mode, and when user code traps.

void return_to_user_work(arch::UserRegs& regs) {
    Task& self = *current();
    const u32 work = self.work_flags.load(std::memory_order_acquire);
    if (work & kWorkReschedule) {
        self.clear_work(kWorkReschedule);
        sched::schedule();
    }
    Personality* personality = self.process->personality;
    if (personality == nullptr) {
        self.clear_work(~0u);
        return;
    }
    if (work & (kWorkSignal | kWorkNotify | kWorkRestoreMask)) personality->deliver(regs);
}

void handle_user_trap(const arch::TrapInfo& trap, arch::UserRegs& regs) {
    Process& process = current_process();
    if (process.personality != nullptr)
        process.personality->user_trap(trap, regs);
    else
        exit_group(kSigIll);
}

}  // namespace tenon::process
