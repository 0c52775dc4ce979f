// /proc/sys/kernel.
#include <tenon/lib/random.h>
#include <tenon/linux/ctrl_alt_del.h>
#include <tenon/process/system_name.h>
#include <tenon/sched/scheduler.h>
#include <tenon/trace/log.h>

#include <algorithm>
#include <cstring>

#include "pty/limits.h"
#include "ipc.h"
#include "keys.h"
#include "sys.h"

namespace tenon::procfs {

namespace {

using linux_ipc::Setting;
using Heeded = linux_settings::Setting;

template <process::SystemName W>
Result<void> show_name(Text& out, const Subject&) {
    char name[process::kSystemNameBytes];
    process::system_name(W, name);
    out.print("{}\n", static_cast<const char*>(name));
    return {};
}
template <process::SystemName W>
Result<void> store_name(const Subject&, std::string_view text) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    return process::set_system_name(W, text.substr(0, process::kSystemNameBytes - 1));
}

Result<void> show_ostype(Text& out, const Subject&) {
    out.print("{}\n", process::kSystemType);
    return {};
}
Result<void> show_osrelease(Text& out, const Subject&) {
    out.print("{}\n", process::kSystemRelease);
    return {};
}
Result<void> show_osversion(Text& out, const Subject&) {
    out.print("{}\n", process::kSystemVersion);
    return {};
}
// The level of the consoles; that of messages without one, the least and the first one of the
// consoles, which are kept only.
constinit std::atomic<i32> printk_rest[3] = {4, 1, 7};
Result<void> show_printk(Text& out, const Subject&) {
    out.print("{}", log::console_level());
    for (const auto& level : printk_rest) out.print("\t{}", level.load(std::memory_order_relaxed));
    out.write("\n");
    return {};
}
Result<void> store_printk(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 level, take_number(text));
    if (level < 0 || level > 255) return Err(Error::inval);
    log::set_console_level(static_cast<u8>(level));
    for (auto& place : printk_rest) {
        if (text.empty()) break;
        TRY_ASSIGN(const i64 value, take_number(text));
        if (value < kIntMin || value > kIntMax) return Err(Error::inval);
        place.store(static_cast<i32>(value), std::memory_order_relaxed);
    }
    return {};
}
Result<void> show_last_pid(Text& out, const Subject&) {
    out.print("{}\n", process::last_pid());
    return {};
}
Result<void> store_last_pid(const Subject&, std::string_view text) {
    if (!process::capable(process::Capability::checkpoint_restore) &&
        !process::capable(process::Capability::sys_admin))
        return Err(Error::perm);
    TRY_ASSIGN(const i64 pid, take_number(text));
    if (pid < 0 || pid > INT32_MAX) return Err(Error::inval);
    return process::set_last_pid(static_cast<i32>(pid));
}
constinit Knob overflow_uid{{65534}, 0, 65535}, overflow_gid{{65534}, 0, 65535};
constinit Knob panic_seconds{{0}, kIntMin, kIntMax}, panic_on_oops{{0}, kIntMin, kIntMax};
constinit Knob kptr_restrict{{0}, 0, 2};
constinit Knob sysrq{{438}, kIntMin, kIntMax};
constinit Knob pid_max{{process::kDefaultPidEnd}, 301, process::kMaxPid};
// Numbers stay below it.
Result<void> store_pid_max(const Subject& about, std::string_view text) {
    TRY(store_knob<&pid_max>(about, text));
    process::set_pid_end(static_cast<i32>(pid_max.value.load(std::memory_order_relaxed)));
    return {};
}
// Milliseconds of a round-robin task's turn; what is not positive is as it was at boot. It is kept
// in Linux's ticks of 4 ms.
constinit Knob rr_slice{{100}, kIntMin, kIntMax};
Result<void> store_rr_slice(const Subject& about, std::string_view text) {
    TRY(store_knob<&rr_slice>(about, text));
    i64 ms = rr_slice.value.load(std::memory_order_relaxed);
    if (ms <= 0) rr_slice.value.store(ms = 100, std::memory_order_relaxed);
    constexpr i64 kTick = 4;
    sched::set_rr_interval_ns(static_cast<u64>((ms + kTick - 1) / kTick * kTick) * 1'000'000);
    return {};
}
// Microseconds of each period that real-time tasks may have where others want to run; below 0: all.
constinit Knob rt_period{{1'000'000}, 1, kIntMax}, rt_runtime{{950'000}, kIntMin, kIntMax};
template <Knob* K>
Result<void> store_rt_share(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, take_number(text));
    const i64 period = K == &rt_period ? value : rt_period.value.load(std::memory_order_relaxed);
    const i64 runtime = K == &rt_runtime ? value : rt_runtime.value.load(std::memory_order_relaxed);
    if (value < K->min || value > K->max || (runtime != -1 && runtime > period))
        return Err(Error::inval);
    K->value.store(value, std::memory_order_relaxed);
    sched::set_realtime_share(runtime < 0 ? ~u64{0} : static_cast<u64>(runtime) * 1000,
                              static_cast<u64>(period) * 1000);
    return {};
}
// Microseconds; the least one stays below the longest.
template <Heeded S>
Result<void> store_period(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, take_number(text));
    TRY_ASSIGN(auto settings,
               module::find_service<linux_settings::Settings>(linux_settings::kService));
    const bool is_max = S == Heeded::sched_deadline_period_max_us;
    const i64 other = settings.call(&linux_settings::Settings::get,
                                    is_max ? Heeded::sched_deadline_period_min_us
                                           : Heeded::sched_deadline_period_max_us);
    if (value < (is_max ? other : 0) || value > (is_max ? kIntMax : other))
        return Err(Error::inval);
    settings.call(&linux_settings::Settings::set, S, static_cast<i32>(value));
    return {};
}
constinit Knob printk_delay{{0}, 0, 10000}, printk_ratelimit{{5}, kIntMin, kIntMax},
    printk_burst{{10}, kIntMin, kIntMax};

Result<void> show_core_pattern(Text& out, const Subject&) {
    char pattern[process::kCorePatternBytes];
    process::core_pattern(pattern);
    out.print("{}\n", std::string_view(pattern));
    return {};
}
Result<void> store_core_pattern(const Subject&, std::string_view text) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    process::set_core_pattern(text);
    return {};
}
Result<void> show_core_uses_pid(Text& out, const Subject&) {
    out.print("{}\n", u32{process::core_uses_pid()});
    return {};
}
Result<void> store_core_uses_pid(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, take_number(text));
    process::set_core_uses_pid(value != 0);
    return {};
}

template <usize N>
struct Word {
    char text[N];
};
constinit sync::Mutex words_lock{sync::LockRank::sleeping_leaf};
// What the kernel would start: kept for the programs that look (modules are asked for by the agent
// in user space, and a power-off is the firmware's).
constinit Word<256> modprobe{"/sbin/modprobe"}, poweroff{"/sbin/poweroff"};
template <auto* W>
Result<void> show_word(Text& out, const Subject&) {
    char copy[sizeof(W->text)];
    {
        sync::MutexGuard guard(words_lock);
        std::memcpy(copy, W->text, sizeof(copy));
    }
    out.print("{}\n", static_cast<const char*>(copy));
    return {};
}
template <auto* W>
Result<void> store_word(const Subject&, std::string_view text) {
    text = text.substr(
        0, std::min(text.find_first_of(std::string_view("\n\0", 2)), sizeof(W->text) - 1));
    sync::MutexGuard guard(words_lock);
    std::memset(W->text, 0, sizeof(W->text));
    std::memcpy(W->text, text.data(), text.size());
    return {};
}
template <auto* W>
constexpr Entry word(std::string_view name) {
    return sysctl_text(name, show_word<W>, 0644, store_word<W>);
}

Result<void> show_seccomp_actions(Text& out, const Subject&) {
    out.write("kill_process kill_thread trap errno user_notif trace log allow\n");
    return {};
}

// --- kernel/random ------------------------------------------------------------------------------

void write_uuid(Text& out, u8 (&bytes)[16]) {
    bytes[6] = static_cast<u8>((bytes[6] & 0x0f) | 0x40);  // version 4
    bytes[8] = static_cast<u8>((bytes[8] & 0x3f) | 0x80);  // RFC 4122
    for (u32 i = 0; i < 16; ++i)
        out.print("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    out.write("\n");
}

constinit u8 boot_bytes[16] = {};
constinit std::atomic<bool> boot_made{false};
constinit sync::Mutex boot_lock{sync::LockRank::sleeping_leaf};

Result<void> show_boot_id(Text& out, const Subject&) {
    u8 bytes[16];
    {
        sync::MutexGuard guard(boot_lock);
        if (!boot_made.exchange(true, std::memory_order_relaxed)) random::fill(boot_bytes);
        for (u32 i = 0; i < 16; ++i) bytes[i] = boot_bytes[i];
    }
    write_uuid(out, bytes);
    return {};
}
Result<void> show_uuid(Text& out, const Subject&) {
    u8 bytes[16];
    random::fill(bytes);
    write_uuid(out, bytes);
    return {};
}

constexpr Entry kRandom[] = {
    sysctl_text("boot_id", show_boot_id), sysctl_text("uuid", show_uuid),
    fixed<256>("entropy_avail"),          fixed<256>("poolsize"),
    only<60>("urandom_min_reseed_secs"),  only<256>("write_wakeup_threshold"),
};

// --- kernel/pty: of the module of pseudo-terminals; reads as nothing while there is none ----------

template <u32 (tty::PtyLimits::*Get)()>
Result<void> show_pty(Text& out, const Subject&) {
    auto limits = module::find_service<tty::PtyLimits>(tty::kPtyLimits);
    if (!limits) return {};
    out.print("{}\n", limits->call(Get));
    return {};
}
Result<void> store_pty_max(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, take_number(text));
    if (value < 0 || value > kIntMax) return Err(Error::inval);
    TRY_ASSIGN(auto limits, module::find_service<tty::PtyLimits>(tty::kPtyLimits));
    limits.call(&tty::PtyLimits::set_limit, static_cast<u32>(value));
    return {};
}
constinit Knob pty_reserve{{1024}, 0, kIntMax};  // kept from name spaces other than the first
constexpr Entry kPty[] = {
    sysctl_file("max", show_pty<&tty::PtyLimits::limit>, 0644, store_pty_max),
    sysctl_file("nr", show_pty<&tty::PtyLimits::count>, 0444, nullptr),
    knob<&pty_reserve>("reserve"),
};

// --- Who is told of Ctrl-Alt-Del ------------------------------------------------------------------

Result<void> show_cad_pid(Text& out, const Subject&) {
    auto cad = module::find_service<linux_cad::CtrlAltDel>(linux_cad::kService);
    if (cad) out.print("{}\n", cad->call(&linux_cad::CtrlAltDel::pid));
    return {};
}
Result<void> store_cad_pid(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 pid, take_number(text));
    if (pid != static_cast<i32>(pid)) return Err(Error::inval);
    TRY_ASSIGN(auto cad, module::find_service<linux_cad::CtrlAltDel>(linux_cad::kService));
    return cad.call(&linux_cad::CtrlAltDel::set_pid, static_cast<i32>(pid));
}

constexpr Entry kSeccomp[] = {sysctl_text("actions_avail", show_seccomp_actions)};
constexpr Entry kYama[] = {setting<Heeded::ptrace_scope, 0, 3>("ptrace_scope")};

constexpr Entry kKernel[] = {
    sysctl_text("hostname", show_name<process::SystemName::host>, 0644,
                store_name<process::SystemName::host>),
    sysctl_text("domainname", show_name<process::SystemName::domain>, 0644,
                store_name<process::SystemName::domain>),
    sysctl_text("ostype", show_ostype),
    sysctl_text("osrelease", show_osrelease),
    sysctl_text("version", show_osversion),
    sysctl_file("printk", show_printk, 0644, store_printk),
    sysctl_file("ns_last_pid", show_last_pid, 0666, store_last_pid),
    sysctl_text("core_pattern", show_core_pattern, 0644, store_core_pattern),
    sysctl_file("core_uses_pid", show_core_uses_pid, 0644, store_core_uses_pid),
    setting<Heeded::core_pipe_limit>("core_pipe_limit"),
    word<&modprobe>("modprobe"),
    sysctl_file("cad_pid", show_cad_pid, 0600, store_cad_pid),
    setting<Heeded::ctrl_alt_del>("ctrl-alt-del"),
    word<&poweroff>("poweroff_cmd"),
    ipc_setting<Setting::sem>("sem"),
    ipc_setting<Setting::sem_next_id>("sem_next_id", 0444),
    ipc_setting<Setting::shmmax>("shmmax"),
    ipc_setting<Setting::shmall>("shmall"),
    ipc_setting<Setting::shmmni>("shmmni"),
    ipc_setting<Setting::shm_rmid_forced>("shm_rmid_forced"),
    ipc_setting<Setting::shm_next_id>("shm_next_id", 0444),
    ipc_setting<Setting::msgmax>("msgmax"),
    ipc_setting<Setting::msgmnb>("msgmnb"),
    ipc_setting<Setting::msgmni>("msgmni"),
    ipc_setting<Setting::msg_next_id>("msg_next_id", 0444),
    ipc_setting<Setting::auto_msgmni>("auto_msgmni"),
    sysctl_file("pid_max", show_knob<&pid_max>, 0644, store_pid_max),
    setting<Heeded::threads_max, 1, 4194304>("threads-max"),
    knob<&overflow_uid>("overflowuid"),
    knob<&overflow_gid>("overflowgid"),
    knob<&panic_seconds>("panic"),
    knob<&panic_on_oops>("panic_on_oops"),
    // There are no warnings, stalls or such interrupts that one could panic on.
    only<0>("panic_on_warn"),
    only<0>("panic_print"),
    only<0>("panic_on_io_nmi"),
    only<0>("panic_on_unrecovered_nmi"),
    only<0>("unknown_nmi_panic"),
    only<0>("panic_on_rcu_stall"),
    only<0>("max_rcu_stall_to_panic"),
    only<0>("softlockup_panic"),
    only<0>("hardlockup_panic"),
    only<0>("hung_task_panic"),
    only<0>("softlockup_all_cpu_backtrace"),
    only<0>("oops_all_cpu_backtrace"),
    only<0>("hung_task_all_cpu_backtrace"),
    setting<Heeded::randomize_va_space>("randomize_va_space"),
    setting<Heeded::dmesg_restrict, 0, 1>("dmesg_restrict"),
    knob<&kptr_restrict>("kptr_restrict"),
    knob<&printk_delay>("printk_delay"),
    knob<&printk_ratelimit>("printk_ratelimit"),
    knob<&printk_burst>("printk_ratelimit_burst"),
    knob<&sysrq>("sysrq"),
    setting<Heeded::modules_disabled, 1, 1>("modules_disabled"),
    // Nobody looks for tasks that hang, and tasks are not grouped by session.
    only<0>("hung_task_timeout_secs"),
    only<0>("sched_autogroup_enabled"),
    only<0>("sched_child_runs_first"),
    only<0>("sched_schedstats"),
    sysctl_file("sched_deadline_period_max_us", show_setting<Heeded::sched_deadline_period_max_us>,
                0644, store_period<Heeded::sched_deadline_period_max_us>),
    sysctl_file("sched_deadline_period_min_us", show_setting<Heeded::sched_deadline_period_min_us>,
                0644, store_period<Heeded::sched_deadline_period_min_us>),
    sysctl_file("sched_rr_timeslice_ms", show_knob<&rr_slice>, 0644, store_rr_slice),
    sysctl_file("sched_rt_period_us", show_knob<&rt_period>, 0644, store_rt_share<&rt_period>),
    sysctl_file("sched_rt_runtime_us", show_knob<&rt_runtime>, 0644, store_rt_share<&rt_runtime>),
    only<0>("acpi_video_flags"),
    only<0>("numa_balancing"),
    only<0>("print-fatal-signals"),
    only<0>("real-root-dev"),
    only<0>("nmi_watchdog"),
    fixed<0>("bootloader_type"),
    fixed<0>("bootloader_version"),
    only<0>("unprivileged_userns_clone"),  // nobody may: there is one of them
    fixed<static_cast<i32>(process::Capability::count_) - 1>("cap_last_cap"),
    fixed<65536>("ngroups_max"),
    only<0>("tainted"),
    {.name = "keys", .mode = vfs::kDirectory | 0555, .alias = &kKeySettings},
    sysctl_directory("pty", kPty),
    sysctl_directory("random", kRandom),
    sysctl_directory("seccomp", kSeccomp),
    sysctl_directory("yama", kYama),
};

}  // namespace

constinit const Entry kSysKernel = sysctl_directory("kernel", kKernel);

}  // namespace tenon::procfs
