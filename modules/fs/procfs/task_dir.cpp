// The tables of /proc/PID and /proc/PID/task/TID.
#include "files.h"

namespace tenon::procfs {

namespace {

constexpr Entry link(std::string_view name, Result<usize> (*text)(const Subject&, std::span<char>),
                     Result<vfs::Path> (*follow)(const Subject&)) {
    return {.name = name, .mode = vfs::kSymlink | 0777, .link = text, .follow = follow};
}

constexpr Entry kNetEntries[] = {
    file("arp", show_arp),   file("dev", show_net_devices), file("route", show_routes),
    file("tcp", show_tcp),   file("tcp6", show_tcp6),       file("udp", show_udp),
    file("udp6", show_udp6), file("unix", show_nothing),
};

// What a process and a thread have in common.
#define TENON_PROC_COMMON                                                                     \
    with_end(file("auxv", show_auxv, 0400)), file("cgroup", show_nothing),                    \
        with_end(file("cmdline", show_arguments)), file("comm", show_comm, 0644, store_comm), \
        file("cpuset", show_cpuset), link("cwd", link_cwd, follow_cwd),                       \
        with_end(file("environ", show_environment, 0400)), link("exe", link_exe, follow_exe), \
        directory("fd", {}, 0500, Dynamic::descriptors),                                      \
        directory("fdinfo", {}, 0555, Dynamic::descriptor_infos),                             \
        file("gid_map", show_id_map, 0644, store_refused), file("io", show_io, 0400),         \
        file("limits", show_limits),                                                          \
        with_end(file("loginuid", show_login_id, 0644, store_ignored)),                       \
        records("maps", show_maps), Entry{.name = "mem", .mode = vfs::kRegular | 0600},       \
        file("mountinfo", show_mountinfo), file("mounts", show_mounts),                       \
        directory("net", kNetEntries),                                                        \
        Entry{.name = "ns", .mode = vfs::kDirectory | 0511, .alias = &kNsDir},                \
        records("numa_maps", show_numa_maps),                                                 \
        with_end(file("oom_adj", show_oom_adj, 0644, store_oom_adj)),                         \
        file("oom_score", show_oom_score),                                                    \
        with_end(file("oom_score_adj", show_oom_score_adjust, 0644, store_oom_score_adjust)), \
        file("personality", show_personality, 0400),                                          \
        file("projid_map", show_id_map, 0644, store_refused),                                 \
        link("root", link_root, follow_root), file("sched", show_sched, 0644, store_ignored), \
        file("schedstat", show_schedstat), with_end(file("sessionid", show_session_id)),      \
        file("setgroups", show_setgroups, 0644, store_refused), records("smaps", show_smaps), \
        file("smaps_rollup", show_smaps_rollup), file("statm", show_statm),                   \
        file("status", show_status), file("syscall", show_syscall, 0400),                     \
        file("uid_map", show_id_map, 0644, store_refused), file("wchan", show_wchan)

constexpr Entry kProcessEntries[] = {
    directory("task", {}, 0555, Dynamic::threads),
    file("stat", show_process_stat),
    with_end(file("coredump_filter", show_coredump_filter, 0644, store_coredump_filter)),
    file("mountstats", show_mountstats, 0400),
    file("timens_offsets", show_time_offsets, 0644, store_refused),
    file("timerslack_ns", show_timer_slack, 0666, store_timer_slack),
    TENON_PROC_COMMON,
};

constexpr Entry kThreadEntries[] = {
    file("children", show_children),
    file("stat", show_task_stat),
    TENON_PROC_COMMON,
};
#undef TENON_PROC_COMMON

}  // namespace

constinit const Entry kProcessDir = directory("", kProcessEntries);
constinit const Entry kThreadDir = directory("", kThreadEntries);

}  // namespace tenon::procfs
