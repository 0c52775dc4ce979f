// The functions behind the entries, by source file.
#pragma once

#include "node.h"

namespace tenon::procfs {

#define TENON_PROC_SHOW(name) Result<void> name(Text& out, const Subject& about)
// memory.cpp
TENON_PROC_SHOW(show_meminfo);
// How much may be promised where that is counted strictly. sys_vm.cpp
u64 commit_limit_pages();
TENON_PROC_SHOW(show_vmstat);
TENON_PROC_SHOW(show_slabinfo);
TENON_PROC_SHOW(show_buddyinfo);
TENON_PROC_SHOW(show_swaps);
TENON_PROC_SHOW(show_zoneinfo);
// cpu.cpp
TENON_PROC_SHOW(show_cpuinfo);
TENON_PROC_SHOW(show_stat);
TENON_PROC_SHOW(show_interrupts);
TENON_PROC_SHOW(show_softirqs);
TENON_PROC_SHOW(show_cpu_schedstat);
// system.cpp
TENON_PROC_SHOW(show_uptime);
TENON_PROC_SHOW(show_loadavg);
TENON_PROC_SHOW(show_version);
TENON_PROC_SHOW(show_cmdline);
TENON_PROC_SHOW(show_filesystems);
TENON_PROC_SHOW(show_modules);
TENON_PROC_SHOW(show_devices);
TENON_PROC_SHOW(show_misc);
TENON_PROC_SHOW(show_locks);
TENON_PROC_SHOW(show_partitions);
TENON_PROC_SHOW(show_diskstats);
TENON_PROC_SHOW(show_net_devices);
TENON_PROC_SHOW(show_unix_sockets);
TENON_PROC_SHOW(show_netlink_sockets);
TENON_PROC_SHOW(show_arp);
TENON_PROC_SHOW(show_routes);
TENON_PROC_SHOW(show_tcp);
TENON_PROC_SHOW(show_tcp6);
TENON_PROC_SHOW(show_udp);
TENON_PROC_SHOW(show_udp6);
TENON_PROC_SHOW(show_consoles);
TENON_PROC_SHOW(show_iomem);
TENON_PROC_SHOW(show_cgroups);
TENON_PROC_SHOW(show_metrics);
TENON_PROC_SHOW(show_exec_domains);
TENON_PROC_SHOW(show_tty_drivers);
TENON_PROC_SHOW(show_line_disciplines);
// mounts.cpp
TENON_PROC_SHOW(show_mounts);
TENON_PROC_SHOW(show_mountinfo);
TENON_PROC_SHOW(show_mountstats);
// task_stat.cpp
TENON_PROC_SHOW(show_task_stat);
TENON_PROC_SHOW(show_process_stat);
TENON_PROC_SHOW(show_statm);
TENON_PROC_SHOW(show_schedstat);
TENON_PROC_SHOW(show_io);
// task_status.cpp
TENON_PROC_SHOW(show_status);
// task_misc.cpp
TENON_PROC_SHOW(show_arguments);
TENON_PROC_SHOW(show_environment);
TENON_PROC_SHOW(show_comm);
TENON_PROC_SHOW(show_limits);
TENON_PROC_SHOW(show_auxv);
TENON_PROC_SHOW(show_oom_score);
TENON_PROC_SHOW(show_oom_score_adjust);
TENON_PROC_SHOW(show_oom_adj);
TENON_PROC_SHOW(show_wchan);
TENON_PROC_SHOW(show_id_map);
TENON_PROC_SHOW(show_setgroups);
TENON_PROC_SHOW(show_login_id);
TENON_PROC_SHOW(show_session_id);
TENON_PROC_SHOW(show_personality);
TENON_PROC_SHOW(show_timer_slack);
TENON_PROC_SHOW(show_coredump_filter);
Result<void> store_coredump_filter(const Subject& about, std::string_view text);
// Error::acces unless the caller may trace the task.
Result<void> may_look(const Subject& about);
TENON_PROC_SHOW(show_nothing);
Result<void> store_comm(const Subject& about, std::string_view text);
Result<void> store_oom_score_adjust(const Subject& about, std::string_view text);
Result<void> store_timer_slack(const Subject& about, std::string_view text);
Result<void> store_ignored(const Subject& about, std::string_view text);
// task_more.cpp
TENON_PROC_SHOW(show_syscall);
TENON_PROC_SHOW(show_sched);
TENON_PROC_SHOW(show_children);
TENON_PROC_SHOW(show_cpuset);
TENON_PROC_SHOW(show_time_offsets);
TENON_PROC_SHOW(show_timers);
Result<void> store_oom_adj(const Subject& about, std::string_view text);
Result<void> store_refused(const Subject& about, std::string_view text);
// maps.cpp
Result<void> show_maps(Text& out, const Subject& about, u64& cursor, usize wanted);
Result<void> show_smaps(Text& out, const Subject& about, u64& cursor, usize wanted);
TENON_PROC_SHOW(show_smaps_rollup);
Result<void> show_numa_maps(Text& out, const Subject& about, u64& cursor, usize wanted);
// sysrq.cpp
Result<void> store_sysrq(const Subject& about, std::string_view text);
// kmsg.cpp
Result<std::unique_ptr<vfs::FileOps>> open_kernel_log(const Node& node, const Subject& about);
// task_memory.cpp
Result<std::unique_ptr<vfs::FileOps>> open_memory(const Node& node, const Subject& about);
Result<std::unique_ptr<vfs::FileOps>> open_page_map(const Node& node, const Subject& about);
// task_pages.cpp
TENON_PROC_SHOW(show_io_error);    // Error::io
TENON_PROC_SHOW(show_unreadable);  // Error::inval
Result<void> store_clear_refs(const Subject& about, std::string_view text);
// map_files.cpp
Result<UserRange> parse_range(std::string_view name);
// The mode of the link to the file that is mapped just there. Error::noent.
Result<vfs::Mode> mapped_mode(const Subject& about);
// Directory entries from the address `position` on.
Result<void> read_mappings(const Subject& about, vfs::DirSink& sink, u64& position);
// task_links.cpp
Result<usize> link_exe(const Subject& about, std::span<char> out);
Result<usize> link_cwd(const Subject& about, std::span<char> out);
Result<usize> link_root(const Subject& about, std::span<char> out);
Result<vfs::Path> follow_exe(const Subject& about);
Result<vfs::Path> follow_cwd(const Subject& about);
Result<vfs::Path> follow_root(const Subject& about);
Result<usize> path_link(const vfs::Path& path, std::span<char> out);
Result<usize> link_text(std::string_view text, std::span<char> out);
#undef TENON_PROC_SHOW

// The state letter and word of a task, as ps shows them.
struct StateName {
    char letter;
    std::string_view word;
};
StateName state_of(const Task& task);
// Spaces, tabs, newlines, backslashes and '#' as octal escapes, as in /proc/mounts.
void write_escaped(Text& out, std::string_view text, std::string_view special);

}  // namespace tenon::procfs
