// uname, names, sysinfo, getrandom, reboot, syslog. Spec: the man pages of these names.
#include <tenon/arch/machine.h>
#include <tenon/lib/random.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/process/system_name.h>
#include <tenon/time/clock.h>
#include <tenon/trace/log.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

constexpr usize kNameBytes = __NEW_UTS_LEN + 1;
static_assert(kNameBytes == process::kSystemNameBytes);

void put(char (&to)[kNameBytes], std::string_view text) {
    const usize n = std::min(text.size(), kNameBytes - 1);
    std::memcpy(to, text.data(), n);
    to[n] = '\0';
}

Result<i64> set_name(process::SystemName which, u64 from, i32 length) {
    if (!process::capable(process::Capability::sys_admin)) return Err(Error::perm);
    if (length < 0 || length > __NEW_UTS_LEN) return Err(Error::inval);
    char name[kNameBytes] = {};  // stays NUL-terminated
    TRY(mm::copy_from_user(name, UserAddr{from}, static_cast<usize>(length)));
    TRY(process::set_system_name(which, {name, __builtin_strlen(name)}));
    return 0;
}

}  // namespace

Result<i64> sys_uname(u64 name) {
    uapi::new_utsname out;
    std::memset(&out, 0, sizeof(out));
    put(out.sysname, process::kSystemType);
    put(out.release, process::kSystemRelease);
    put(out.version, process::kSystemVersion);
    put(out.machine, arch::machine_name());
    process::system_name(process::SystemName::host, out.nodename);
    process::system_name(process::SystemName::domain, out.domainname);
    TRY(mm::UserOut<uapi::new_utsname>(name).write(out));
    return 0;
}

Result<i64> sys_sethostname(u64 name, i32 len) {
    return set_name(process::SystemName::host, name, len);
}
Result<i64> sys_setdomainname(u64 name, i32 len) {
    return set_name(process::SystemName::domain, name, len);
}

Result<i64> sys_sysinfo(u64 info) {
    uapi::sysinfo out;
    std::memset(&out, 0, sizeof(out));
    const auto memory = mm::memory_stats();
    const auto load = sched::load_averages();
    out.uptime = static_cast<i64>((time::boottime_ns() + 999'999'999) / 1'000'000'000);
    for (u32 i = 0; i < 3; ++i) out.loads[i] = u64{load.fixed[i]} << (SI_LOAD_SHIFT - 11);
    out.totalram = memory.total_pages * kPageSize;
    out.freeram = memory.free_pages * kPageSize;
    out.sharedram = memory.shmem_pages * kPageSize;
    out.procs = static_cast<u16>(process::thread_total());
    out.mem_unit = 1;
    TRY(mm::UserOut<uapi::sysinfo>(info).write(out));
    return 0;
}

Result<i64> sys_getrandom(u64 buf, u64 count, u32 flags) {
    if (flags & ~static_cast<u32>(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return Err(Error::inval);
    if ((flags & (GRND_INSECURE | GRND_RANDOM)) == (GRND_INSECURE | GRND_RANDOM))
        return Err(Error::inval);
    const u64 wanted = std::min<u64>(count, 0x7ffff000);
    u8 chunk[256];
    u64 done = 0;
    while (done < wanted) {
        const u64 n = std::min<u64>(wanted - done, sizeof(chunk));
        random::fill({chunk, n});
        if (!mm::copy_to_user(UserAddr{buf + done}, chunk, n)) break;
        done += n;
        if (process::signal_pending() && done < wanted) break;
    }
    std::memset(chunk, 0, sizeof(chunk));
    if (done == 0 && wanted != 0)
        return Err(process::signal_pending() ? Error::restart : Error::fault);
    return static_cast<i64>(done);
}

Result<i64> sys_reboot(i32 magic1, i32 magic2, u32 cmd, u64 arg) {
    if (!process::capable(process::Capability::sys_boot)) return Err(Error::perm);
    const u32 m2 = static_cast<u32>(magic2);
    if (static_cast<u32>(magic1) != LINUX_REBOOT_MAGIC1 ||
        (m2 != LINUX_REBOOT_MAGIC2 && m2 != LINUX_REBOOT_MAGIC2A && m2 != LINUX_REBOOT_MAGIC2B &&
         m2 != LINUX_REBOOT_MAGIC2C))
        return Err(Error::inval);
    switch (cmd) {
        case LINUX_REBOOT_CMD_CAD_ON:
        case LINUX_REBOOT_CMD_CAD_OFF:
            counter(linux_settings::Setting::ctrl_alt_del).store(cmd == LINUX_REBOOT_CMD_CAD_ON);
            return 0;
        case LINUX_REBOOT_CMD_RESTART2: {
            char command[256];
            TRY_ASSIGN(const usize n,
                       mm::copy_string_from_user({command, sizeof(command)}, UserAddr{arg}));
            log::notice("Restarting system with command '{}'", std::string_view(command, n));
            arch::reboot();
        }
        case LINUX_REBOOT_CMD_RESTART:
            log::notice("Restarting system");
            arch::reboot();
        case LINUX_REBOOT_CMD_HALT:
            log::notice("System halted");
            arch::halt_forever();
        case LINUX_REBOOT_CMD_POWER_OFF:
            log::notice("Power down");
            arch::power_off();
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
