// Process accounting: a record of each process that ends, at the end of a file.
//
// Limits: it is not suspended where the file system is full (kernel.acct): what cannot be written
// is lost. Spec: man 2 acct, man 5 acct; Linux kernel/acct.c, struct acct_v3.
#include "personality/linux/system/accounting.h"

#include <tenon/process/process.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/lookup.h>

#include <cstring>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/time/clocks.h"

namespace tenon::personality {

namespace {

constinit sync::Mutex g_lock{
    sync::LockRank::none};  // written to under it: any file's locks come after
constinit vfs::File* g_file = nullptr;  // holds a reference
constinit std::atomic<bool> g_on{false};

constexpr u64 kTick = kNsPerSecond / 100;  // AHZ

// 13 bits of mantissa and 3 of an exponent to the base of 8, rounded.
u16 compressed(u64 value) {
    constexpr u64 kMost = (1 << 13) - 1;
    u32 exponent = 0;
    bool round = false;
    for (; value > kMost; ++exponent) {
        round = value & 4;
        value >>= 3;
    }
    if (round && ++value > kMost) {
        value >>= 3;
        ++exponent;
    }
    return exponent > 7 ? 0xffff : static_cast<u16>((exponent << 13) + value);
}

// The bits of an IEEE 754 number, cut off.
u32 float_bits(u64 value) {
    if (value == 0) return 0;
    u32 exponent = 190;
    for (; static_cast<i64>(value) > 0; value <<= 1) --exponent;
    return (static_cast<u32>(value >> 40) & 0x7fffff) | (exponent << 23);
}

u16 terminal_of(process::Process& process) {
    const Ref<process::Session> session = process::session_of(process);
    if (!session || !session->terminal) return 0;
    return static_cast<u16>(
        encode_device(session->terminal.call(&process::ControllingTerminal::number)));
}

}  // namespace

void account_for(process::Process& process) {
    if (!g_on.load(std::memory_order_relaxed)) [[likely]]
        return;
    const Task& leader = *process.leader;
    const auto credentials = process::credentials_of(*current());
    const process::Usage usage = process::usage_of(process);
    const u64 elapsed = time::monotonic_ns() - process.start_time_ns;
    uapi::acct_v3 record{};
    record.ac_version = 3;
    const u32 code = static_cast<u32>(leader.exit_code), signal = code & 0x7f;
    record.ac_flag = static_cast<char>((process.exec_done ? 0 : AFORK) |
                                       ((code & 0x80) ? ACORE : 0) | (signal != 0 ? AXSIG : 0));
    record.ac_tty = terminal_of(process);
    record.ac_exitcode = code;
    if (credentials) {
        record.ac_uid = credentials->uid;
        record.ac_gid = credentials->gid;
    }
    record.ac_pid = static_cast<u32>(process.pid);
    {
        sync::IrqSpinGuard guard(process::tree_lock());
        record.ac_ppid = process.parent != nullptr ? static_cast<u32>(process.parent->pid) : 0;
    }
    record.ac_btime =
        static_cast<u32>((time::realtime_ns() - static_cast<i64>(elapsed)) / kNsPerSecond);
    const u32 ticks = float_bits(elapsed / kTick);
    std::memcpy(&record.ac_etime, &ticks, sizeof ticks);
    record.ac_utime = compressed(usage.user_ns / kTick);
    record.ac_stime = compressed(usage.system_ns / kTick);
    if (current()->space)
        record.ac_mem = compressed(current()->space->footprint().total_pages * (kPageSize / 1024));
    record.ac_minflt = compressed(usage.minor_faults);
    record.ac_majflt = compressed(usage.major_faults);
    std::memcpy(record.ac_comm, leader.name, sizeof record.ac_comm);

    sync::MutexGuard guard(g_lock);
    if (g_file == nullptr) return;
    // The limit on the size of files is the process's, and not this file's.
    auto& limit = process.limits.value[process::Limits::fsize];
    const process::Limits::Pair kept = std::exchange(limit, {});
    vfs::IoBuffer buffer = vfs::IoBuffer::kernel(&record, sizeof record);
    (void)g_file->append(buffer);
    limit = kept;
}

void stop_accounting() {
    g_on.store(false, std::memory_order_relaxed);
    if (g_file != nullptr) (void)adopt_ref(std::exchange(g_file, nullptr));
}

Result<i64> sys_acct(u64 name) {
    if (!process::capable(process::Capability::sys_pacct)) return Err(Error::perm);
    Ref<vfs::File> file;
    if (name != 0) {
        TRY_ASSIGN(file, open_named(name, vfs::kOpenWrite | vfs::kOpenAppend));
        if ((file->inode().mode & vfs::kTypeMask) != vfs::kRegular) return Err(Error::acces);
    }
    Ref<vfs::File> before;
    sync::MutexGuard guard(g_lock);
    g_on.store(static_cast<bool>(file), std::memory_order_relaxed);
    if (g_file != nullptr) before = adopt_ref(g_file);
    g_file = file.release();
    return 0;
}

}  // namespace tenon::personality
