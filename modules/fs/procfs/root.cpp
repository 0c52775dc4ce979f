// The top of /proc.
#include "files.h"
#include "ipc.h"
#include "keys.h"

namespace tenon::procfs {

namespace {

Result<usize> link_self(const Subject&, std::span<char> out) {
    fmt::Line<16> text("{}", process::current_process().pid);
    return link_text(text.view(), out);
}
Result<usize> link_thread_self(const Subject&, std::span<char> out) {
    fmt::Line<32> text("{}/task/{}", process::current_process().pid, current()->tid);
    return link_text(text.view(), out);
}
Result<usize> link_mounts(const Subject&, std::span<char> out) {
    return link_text("self/mounts", out);
}
Result<usize> link_net(const Subject&, std::span<char> out) {
    return link_text("self/net", out);
}

constexpr Entry link(std::string_view name,
                     Result<usize> (*text)(const Subject&, std::span<char>)) {
    return {.name = name, .mode = vfs::kSymlink | 0777, .link = text};
}

constexpr Entry kTty[] = {
    directory("driver", {}, 0500),
    file("drivers", show_tty_drivers),
    directory("ldisc", {}),
    file("ldiscs", show_line_disciplines),
};

constexpr Entry kEntries[] = {
    link("self", link_self),
    link("thread-self", link_thread_self),
    link("mounts", link_mounts),
    link("net", link_net),
    file("buddyinfo", show_buddyinfo),
    file("cgroups", show_cgroups),
    file("cmdline", show_cmdline),
    file("consoles", show_consoles),
    file("cpuinfo", show_cpuinfo),
    file("devices", show_devices),
    file("diskstats", show_diskstats),
    file("execdomains", show_exec_domains),
    file("fb", show_nothing),
    file("filesystems", show_filesystems),
    file("interrupts", show_interrupts),
    file("iomem", show_iomem),
    file("key-users", show_key_users),
    file("keys", show_keys),
    opened("kmsg", open_kernel_log, 0400),
    file("loadavg", show_loadavg),
    file("locks", show_locks),
    file("meminfo", show_meminfo),
    file("metrics", show_metrics),
    file("misc", show_misc),
    file("modules", show_modules),
    file("partitions", show_partitions),
    file("schedstat", show_cpu_schedstat),
    file("slabinfo", show_slabinfo, 0400),
    file("softirqs", show_softirqs),
    file("stat", show_stat),
    file("swaps", show_swaps),
    {.name = "sys", .mode = vfs::kDirectory | 0555, .alias = &kSysDir},
    {.name = "sysvipc", .mode = vfs::kDirectory | 0555, .alias = &kSysvipc},
    file("sysrq-trigger", show_io_error, 0200, store_sysrq),
    file("uptime", show_uptime),
    file("version", show_version),
    file("vmstat", show_vmstat),
    file("zoneinfo", show_zoneinfo),
    // Where other file systems and drivers hang theirs.
    directory("bus", {}),
    directory("driver", {}),
    directory("fs", {}),
    directory("tty", kTty),
};

}  // namespace

constinit const Entry kRoot = directory("/", kEntries, 0555, Dynamic::processes);

}  // namespace tenon::procfs
