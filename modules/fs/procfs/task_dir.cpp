// The tables of /proc/PID and /proc/PID/task/TID.
#include <algorithm>
#include <array>

#include "files.h"

namespace tenon::procfs {

namespace {

constexpr Entry link(std::string_view name, Result<usize> (*text)(const Subject&, std::span<char>),
                     Result<vfs::Path> (*follow)(const Subject&)) {
    return {.name = name, .mode = vfs::kSymlink | 0777, .link = text, .follow = follow};
}

constexpr Entry kNetEntries[] = {
    file("arp", show_arp),
    file("dev", show_net_devices),
    file("netlink", show_netlink_sockets),
    file("route", show_routes),
    file("tcp", show_tcp),
    file("tcp6", show_tcp6),
    file("udp", show_udp),
    file("udp6", show_udp6),
    file("unix", show_unix_sockets),
};

// What a process and a thread have in common.
constexpr Entry kCommonEntries[] = {
    lasting(of_space(with_end(file("auxv", show_auxv, 0400)))),
    file("cgroup", show_nothing),
    file("clear_refs", show_unreadable, 0200, store_clear_refs),
    with_end(file("cmdline", show_arguments)),
    file("comm", show_comm, 0644, store_comm),
    file("cpuset", show_cpuset),
    link("cwd", link_cwd, follow_cwd),
    of_space(with_end(file("environ", show_environment, 0400))),
    link("exe", link_exe, follow_exe),
    directory("fd", {}, 0500, Dynamic::descriptors),
    directory("fdinfo", {}, 0555, Dynamic::descriptor_infos),
    lasting(file("gid_map", show_id_map, 0644, store_refused)),
    file("io", show_io, 0400),
    file("limits", show_limits),
    with_end(file("loginuid", show_login_id, 0644, store_ignored)),
    of_space(records("maps", show_maps)),
    of_space(opened("mem", open_memory, 0600)),
    file("mountinfo", show_mountinfo),
    file("mounts", show_mounts),
    directory("net", kNetEntries),
    {.name = "ns", .mode = vfs::kDirectory | 0511, .alias = &kNsDir},
    of_space(records("numa_maps", show_numa_maps)),
    with_end(file("oom_adj", show_oom_adj, 0644, store_oom_adj)),
    file("oom_score", show_oom_score),
    with_end(file("oom_score_adj", show_oom_score_adjust, 0644, store_oom_score_adjust)),
    of_space(opened("pagemap", open_page_map, 0400)),
    file("personality", show_personality, 0400),
    lasting(file("projid_map", show_id_map, 0644, store_refused)),
    link("root", link_root, follow_root),
    file("sched", show_sched, 0644, store_ignored),
    file("schedstat", show_schedstat),
    with_end(file("sessionid", show_session_id)),
    lasting(file("setgroups", show_setgroups, 0644, store_refused)),
    of_space(records("smaps", show_smaps)),
    of_space(file("smaps_rollup", show_smaps_rollup)),
    file("statm", show_statm),
    file("status", show_status),
    file("syscall", show_syscall, 0400),
    lasting(file("uid_map", show_id_map, 0644, store_refused)),
    file("wchan", show_wchan),
};
template <usize N>
constexpr auto with_common(const Entry (&own)[N]) {
    std::array<Entry, N + std::size(kCommonEntries)> all{};
    std::copy_n(own, N, all.begin());
    std::copy_n(kCommonEntries, std::size(kCommonEntries), all.begin() + N);
    return all;
}

constexpr auto kProcessEntries = with_common({
    directory("task", {}, 0555, Dynamic::threads),
    file("stat", show_process_stat),
    with_end(file("coredump_filter", show_coredump_filter, 0644, store_coredump_filter)),
    directory("map_files", {}, 0500, Dynamic::mappings),
    file("mountstats", show_mountstats, 0400),
    file("timens_offsets", show_time_offsets, 0644, store_refused),
    file("timers", show_timers),
    file("timerslack_ns", show_timer_slack, 0666, store_timer_slack),
});

constexpr auto kThreadEntries = with_common({
    file("children", show_children),
    file("stat", show_task_stat),
});

}  // namespace

constinit const Entry kProcessDir = directory("", kProcessEntries);
constinit const Entry kThreadDir = directory("", kThreadEntries);

}  // namespace tenon::procfs
