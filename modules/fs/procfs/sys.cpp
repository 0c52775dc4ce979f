// /proc/sys: what programs read to learn about the system, and the few things that can be set.
//
// A knob without effect here keeps what was written, so that sysctl(8) finds what it set.
#include <tenon/lib/random.h>
#include <tenon/linux/settings.h>
#include <tenon/process/system_name.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/pipe.h>

#include <algorithm>
#include <bit>

#include "files.h"
#include "ipc.h"
#include "keys.h"

namespace tenon::procfs {

namespace {

// --- Kinds of values ----------------------------------------------------------------------------

template <auto Value>
Result<void> constant(Text& out, const Subject&) {
    out.print("{}\n", Value);
    return {};
}

struct Knob {
    std::atomic<i64> value;
    i64 min, max;
};

template <Knob* K>
Result<void> show_knob(Text& out, const Subject&) {
    out.print("{}\n", K->value.load(std::memory_order_relaxed));
    return {};
}
template <Knob* K>
Result<void> store_knob(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, parse_number(text));
    if (value < K->min || value > K->max) return Err(Error::inval);
    K->value.store(value, std::memory_order_relaxed);
    return {};
}
template <Knob* K>
constexpr Entry knob(std::string_view name) {
    return file(name, show_knob<K>, 0644, store_knob<K>);
}
template <auto Value>
constexpr Entry fixed(std::string_view name) {
    return file(name, constant<Value>);
}

using linux_ipc::Setting;

// What the personality keeps; reads as nothing while there is none.
template <linux_settings::Setting S>
Result<void> show_setting(Text& out, const Subject&) {
    auto settings = module::find_service<linux_settings::Settings>(linux_settings::kService);
    if (!settings) return {};
    out.print("{}\n", settings->call(&linux_settings::Settings::get, S));
    return {};
}
template <linux_settings::Setting S>
Result<void> store_setting(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, parse_number(text));
    if (value < INT32_MIN || value > INT32_MAX) return Err(Error::inval);
    TRY_ASSIGN(auto settings,
               module::find_service<linux_settings::Settings>(linux_settings::kService));
    settings.call(&linux_settings::Settings::set, S, static_cast<i32>(value));
    return {};
}

// --- kernel -------------------------------------------------------------------------------------

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
Result<void> show_printk(Text& out, const Subject&) {
    out.print("{}\t4\t1\t7\n", log::console_level());
    return {};
}
Result<void> store_printk(const Subject&, std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    TRY_ASSIGN(const i64 level, parse_number(text.substr(0, text.find_first_of(" \t"))));
    if (level < 0 || level > 15) return Err(Error::inval);
    log::set_console_level(static_cast<u8>(level));
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
    TRY_ASSIGN(const i64 pid, parse_number(text));
    if (pid < 0 || pid > INT32_MAX) return Err(Error::inval);
    return process::set_last_pid(static_cast<i32>(pid));
}
Result<void> show_pipe_max(Text& out, const Subject&) {
    out.print("{}\n", vfs::pipe_limit_bytes());
    return {};
}
Result<void> store_pipe_max(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 bytes, parse_number(text));
    if (bytes < 0 || bytes > INT32_MAX) return Err(Error::inval);
    vfs::set_pipe_limit_bytes(
        static_cast<u32>(std::bit_ceil(std::max(static_cast<u64>(bytes), u64{kPageSize}))));
    return {};
}

constinit Knob overflow_uid{{65534}, 0, 65535}, overflow_gid{{65534}, 0, 65535};
constinit Knob panic_seconds{{0}, -0x7fffffff, 0x7fffffff}, panic_on_oops{{0}, 0, 1};
constinit Knob randomize{{2}, 0, 2}, dmesg_restrict{{0}, 0, 1}, kptr_restrict{{0}, 0, 2};
constinit Knob perf_paranoid{{3}, -1, 4}, sysrq{{438}, 0, 511};
constinit Knob threads_max{{32768}, 1, 4194304}, pid_max{{process::kMaxPid}, 301, 4194304};
constinit Knob modules_disabled{{0}, 0, 1}, hung_seconds{{0}, 0, 1 << 30};
constinit Knob autogroup{{0}, 0, 1}, unprivileged_bpf{{2}, 0, 2}, userns_clone{{1}, 0, 1};

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
    TRY_ASSIGN(const i64 value, parse_number(text));
    process::set_core_uses_pid(value != 0);
    return {};
}
Result<void> show_modprobe(Text& out, const Subject&) {
    out.write("/sbin/modprobe\n");
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
    file("boot_id", show_boot_id),        file("uuid", show_uuid),
    fixed<256>("entropy_avail"),          fixed<256>("poolsize"),
    fixed<60>("urandom_min_reseed_secs"), fixed<256>("write_wakeup_threshold"),
};

constexpr Entry kKernel[] = {
    file("hostname", show_name<process::SystemName::host>, 0644,
         store_name<process::SystemName::host>),
    file("domainname", show_name<process::SystemName::domain>, 0644,
         store_name<process::SystemName::domain>),
    file("ostype", show_ostype),
    file("osrelease", show_osrelease),
    file("version", show_osversion),
    file("printk", show_printk, 0644, store_printk),
    file("ns_last_pid", show_last_pid, 0666, store_last_pid),
    file("core_pattern", show_core_pattern, 0644, store_core_pattern),
    file("modprobe", show_modprobe, 0644, store_ignored),
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
    knob<&pid_max>("pid_max"),
    knob<&threads_max>("threads-max"),
    knob<&overflow_uid>("overflowuid"),
    knob<&overflow_gid>("overflowgid"),
    knob<&panic_seconds>("panic"),
    knob<&panic_on_oops>("panic_on_oops"),
    knob<&randomize>("randomize_va_space"),
    knob<&dmesg_restrict>("dmesg_restrict"),
    knob<&kptr_restrict>("kptr_restrict"),
    knob<&perf_paranoid>("perf_event_paranoid"),
    file("core_uses_pid", show_core_uses_pid, 0644, store_core_uses_pid),
    knob<&sysrq>("sysrq"),
    knob<&modules_disabled>("modules_disabled"),
    knob<&hung_seconds>("hung_task_timeout_secs"),
    knob<&autogroup>("sched_autogroup_enabled"),
    fixed<100>("sched_rr_timeslice_ms"),
    knob<&unprivileged_bpf>("unprivileged_bpf_disabled"),
    knob<&userns_clone>("unprivileged_userns_clone"),
    fixed<static_cast<i32>(process::Capability::count_) - 1>("cap_last_cap"),
    fixed<65536>("ngroups_max"),
    fixed<0>("tainted"),
    {.name = "keys", .mode = vfs::kDirectory | 0555, .alias = &kKeySettings},
    directory("random", kRandom),
};

// --- vm -----------------------------------------------------------------------------------------

constinit Knob overcommit{{0}, 0, 2}, overcommit_ratio{{50}, 0, 100}, swappiness{{60}, 0, 200};
constinit Knob max_map_count{{65530}, 0, 1 << 30}, mmap_min{{65536}, 0, 1 << 30};
constinit Knob dirty_ratio{{20}, 0, 100}, dirty_background{{10}, 0, 100};
constinit Knob dirty_expire{{3000}, 0, 1 << 30}, dirty_writeback{{500}, 0, 1 << 30};
constinit Knob min_free{{2048}, 0, 1 << 30}, panic_on_oom{{0}, 0, 2}, nr_hugepages{{0}, 0, 0};
constinit Knob cache_pressure{{100}, 0, 1 << 20}, oom_dump{{1}, 0, 1}, oom_current{{0}, 0, 1};

constexpr Entry kVm[] = {
    knob<&overcommit>("overcommit_memory"),
    knob<&overcommit_ratio>("overcommit_ratio"),
    knob<&swappiness>("swappiness"),
    knob<&max_map_count>("max_map_count"),
    knob<&mmap_min>("mmap_min_addr"),
    knob<&dirty_ratio>("dirty_ratio"),
    knob<&dirty_background>("dirty_background_ratio"),
    knob<&dirty_expire>("dirty_expire_centisecs"),
    knob<&dirty_writeback>("dirty_writeback_centisecs"),
    knob<&min_free>("min_free_kbytes"),
    knob<&panic_on_oom>("panic_on_oom"),
    knob<&nr_hugepages>("nr_hugepages"),
    knob<&cache_pressure>("vfs_cache_pressure"),
    knob<&oom_dump>("oom_dump_tasks"),
    knob<&oom_current>("oom_kill_allocating_task"),
    file("drop_caches", show_nothing, 0200, store_ignored),
};

// --- fs -----------------------------------------------------------------------------------------

constinit Knob file_max{{0x7fffffff}, 0, 0x7fffffffffff}, nr_open{{1048576}, 64, 2147483584};
constinit Knob pipe_soft{{16384}, 0, 1 << 30};
constinit Knob pipe_hard{{0}, 0, 1 << 30}, lease_time{{45}, 0, 1 << 20}, suid_dump{{0}, 0, 2};
constinit Knob hardlinks{{1}, 0, 1}, symlinks{{1}, 0, 1}, fifos{{1}, 0, 2}, regular{{2}, 0, 2};
constinit Knob mount_max{{100000}, 1, 1 << 30}, aio_max{{65536}, 0, 1 << 30};
constinit Knob watches{{65536}, 1, 1 << 30}, instances{{128}, 1, 1 << 30},
    queued{{16384}, 1, 1 << 30}, epoll_watches{{100000}, 1, 1 << 30};

Result<void> show_file_nr(Text& out, const Subject&) {
    out.print("{}\t0\t{}\n", 0, file_max.value.load(std::memory_order_relaxed));
    return {};
}
Result<void> show_inode_nr(Text& out, const Subject&) {
    out.write("0\t0\n");
    return {};
}

constexpr Entry kInotify[] = {
    knob<&watches>("max_user_watches"),
    knob<&instances>("max_user_instances"),
    knob<&queued>("max_queued_events"),
};
constexpr Entry kEpoll[] = {knob<&epoll_watches>("max_user_watches")};
constexpr Entry kMqueue[] = {
    ipc_setting<Setting::mq_msg_default>("msg_default"),
    ipc_setting<Setting::mq_msg_max>("msg_max"),
    ipc_setting<Setting::mq_msgsize_default>("msgsize_default"),
    ipc_setting<Setting::mq_msgsize_max>("msgsize_max"),
    ipc_setting<Setting::mq_queues_max>("queues_max"),
};

constexpr Entry kFs[] = {
    knob<&file_max>("file-max"),
    file("file-nr", show_file_nr),
    file("inode-nr", show_inode_nr),
    knob<&nr_open>("nr_open"),
    file("pipe-max-size", show_pipe_max, 0644, store_pipe_max),
    knob<&pipe_soft>("pipe-user-pages-soft"),
    knob<&pipe_hard>("pipe-user-pages-hard"),
    knob<&lease_time>("lease-break-time"),
    file("dir-notify-enable", show_setting<linux_settings::Setting::dir_notify_enable>, 0644,
         store_setting<linux_settings::Setting::dir_notify_enable>),
    knob<&suid_dump>("suid_dumpable"),
    knob<&hardlinks>("protected_hardlinks"),
    knob<&symlinks>("protected_symlinks"),
    knob<&fifos>("protected_fifos"),
    knob<&regular>("protected_regular"),
    knob<&mount_max>("mount-max"),
    knob<&aio_max>("aio-max-nr"),
    fixed<0>("aio-nr"),
    directory("inotify", kInotify),
    directory("epoll", kEpoll),
    directory("mqueue", kMqueue),
};

// --- net, as far as programs look without a network ---------------------------------------------

constinit Knob somaxconn{{4096}, 1, 65535};
constexpr Entry kNetCore[] = {knob<&somaxconn>("somaxconn"), fixed<212992>("rmem_default"),
                              fixed<212992>("rmem_max"), fixed<212992>("wmem_default"),
                              fixed<212992>("wmem_max")};
constexpr Entry kNetUnix[] = {fixed<512>("max_dgram_qlen")};
constexpr Entry kNet[] = {directory("core", kNetCore), directory("unix", kNetUnix)};

constexpr Entry kDebug[] = {fixed<1>("exception-trace")};
constexpr Entry kSys[] = {
    directory("debug", kDebug), directory("fs", kFs), directory("kernel", kKernel),
    directory("net", kNet),     directory("vm", kVm),
};

}  // namespace

constinit const Entry kSysDir = directory("sys", kSys);

}  // namespace tenon::procfs
