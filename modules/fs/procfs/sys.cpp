// /proc/sys: what programs read to learn about the system, and the few things that can be set.
//
// A knob without effect here keeps what was written, so that sysctl(8) finds what it set.
#include "sys.h"

#include <tenon/vfs/pipe.h>

#include <algorithm>
#include <bit>

#include "ipc.h"

namespace tenon::procfs {

namespace {

using linux_ipc::Setting;
using Heeded = linux_settings::Setting;

// --- fs -----------------------------------------------------------------------------------------

constinit Knob file_max{{0x7fffffff}, 0, 0x7fffffffffff};
constinit Knob pipe_soft{{16384}, 0, 1 << 30};
constinit Knob pipe_hard{{0}, 0, 1 << 30};
constinit Knob mount_max{{100000}, 1, kIntMax};
constinit Knob epoll_watches{{100000}, 0, i64{1} << 58};

Result<void> show_file_nr(Text& out, const Subject&) {
    out.print("{}\t0\t{}\n", 0, file_max.value.load(std::memory_order_relaxed));
    return {};
}
Result<void> show_pipe_max(Text& out, const Subject&) {
    out.print("{}\n", vfs::pipe_limit_bytes());
    return {};
}
Result<void> store_pipe_max(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 bytes, take_number(text));
    if (bytes < 0 || bytes > INT32_MAX) return Err(Error::inval);
    vfs::set_pipe_limit_bytes(
        static_cast<u32>(std::bit_ceil(std::max(static_cast<u64>(bytes), u64{kPageSize}))));
    return {};
}

Result<void> show_inode_nr(Text& out, const Subject&) {
    out.write("0\t0\n");
    return {};
}

constexpr Entry kInotify[] = {
    setting<Heeded::inotify_max_user_watches, 0>("max_user_watches"),
    setting<Heeded::inotify_max_user_instances, 0>("max_user_instances"),
    setting<Heeded::inotify_max_queued_events, 0>("max_queued_events"),
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
    sysctl_text("file-nr", show_file_nr),
    sysctl_text("inode-nr", show_inode_nr),
    setting<Heeded::nr_open, 64, 2147483584>("nr_open"),
    sysctl_file("pipe-max-size", show_pipe_max, 0644, store_pipe_max),
    knob<&pipe_soft>("pipe-user-pages-soft"),
    knob<&pipe_hard>("pipe-user-pages-hard"),
    setting<Heeded::lease_break_time>("lease-break-time"),
    setting<Heeded::leases_enable>("leases-enable"),
    setting<Heeded::dir_notify_enable>("dir-notify-enable"),
    setting<Heeded::suid_dumpable, 0, 2>("suid_dumpable"),
    setting<Heeded::protected_hardlinks, 0, 1>("protected_hardlinks"),
    setting<Heeded::protected_symlinks, 0, 1>("protected_symlinks"),
    setting<Heeded::protected_fifos, 0, 2>("protected_fifos"),
    setting<Heeded::protected_regular, 0, 2>("protected_regular"),
    knob<&mount_max>("mount-max"),
    setting<Heeded::aio_max_nr, 0>("aio-max-nr"),
    sysctl_file("aio-nr", show_setting<Heeded::aio_nr>, 0444, nullptr),
    only<65534>("overflowuid"),
    only<65534>("overflowgid"),
    sysctl_directory("inotify", kInotify),
    sysctl_directory("epoll", kEpoll),
    sysctl_directory("mqueue", kMqueue),
};

// --- net, as far as programs look without a network ---------------------------------------------

constinit Knob somaxconn{{4096}, 1, 65535};
constexpr Entry kNetCore[] = {knob<&somaxconn>("somaxconn"), only<212992>("rmem_default"),
                              only<212992>("rmem_max"), only<212992>("wmem_default"),
                              only<212992>("wmem_max")};
constexpr Entry kNetUnix[] = {only<10>("max_dgram_qlen")};
constexpr Entry kNet[] = {sysctl_directory("core", kNetCore), sysctl_directory("unix", kNetUnix)};

constexpr Entry kDebug[] = {only<1>("exception-trace")};
constexpr Entry kSys[] = {
    sysctl_directory("debug", kDebug),
    sysctl_directory("fs", kFs),
    {.name = "kernel", .mode = vfs::kDirectory | 0555, .alias = &kSysKernel},
    sysctl_directory("net", kNet),
    {.name = "vm", .mode = vfs::kDirectory | 0555, .alias = &kSysVm},
};

}  // namespace

constinit const Entry kSysDir = sysctl_directory("sys", kSys);

}  // namespace tenon::procfs
