// What /proc/sys shows of settings that only the personality heeds: the service "linux-settings".
#pragma once

#include <tenon/module/service.h>

namespace tenon::linux_settings {

// Files below /proc/sys that hold one int.
enum class Setting : u8 {
    dir_notify_enable,          // fs: whether fcntl(F_NOTIFY) serves
    leases_enable,              // fs: whether fcntl(F_SETLEASE) serves
    lease_break_time,           // fs: seconds that a holder has to give its lease back
    nr_open,                    // fs: the highest limit of descriptors
    aio_max_nr,                 // fs: requests of all contexts of io_setup(2)
    aio_nr,                     // fs: those there are; read only
    inotify_max_user_watches,   // fs/inotify: of one user
    inotify_max_queued_events,  // fs/inotify: of one instance
    mmap_min_addr,              // vm: the lowest address without CAP_SYS_RAWIO
    dmesg_restrict,             // kernel: whether the log is for CAP_SYSLOG alone
    ptrace_scope,               // kernel/yama: 0 classic, 1 ancestors and who was named, 2 CAP_SYS_PTRACE alone, 3 nobody
    suid_dumpable,              // fs: what PR_GET_DUMPABLE says of who gained by exec or set-id
    core_pipe_limit,            // kernel: dumps to a program at once; 0: any number
    protected_hardlinks,        // fs: whether files of others are linked by those alone who may write them
    protected_symlinks,         // fs: whether links of others in sticky directories are not followed
    protected_fifos,            // fs: 1, 2: where FIFOs of others are not opened by O_CREAT
    protected_regular,          // fs: the same of regular files
    inotify_max_user_instances,  // fs/inotify: of one user
    modules_disabled,            // kernel: whether modules neither come nor go any more; for good
    threads_max,                 // kernel: tasks of the system
    panic_on_oom,                // vm: whether the kernel ends when memory does
    oom_kill_allocating_task,    // vm: whether it is who asks, and not who has the most
    randomize_va_space,          // kernel: whether programs lie elsewhere each time; 2: the heap, too
    mmap_rnd_bits,               // vm: bits of entropy in where mappings begin, in pages
    sched_deadline_period_max_us,  // kernel: the longest period of SCHED_DEADLINE, microseconds
    sched_deadline_period_min_us,  // kernel: the shortest
    ctrl_alt_del,  // kernel: whether Ctrl-Alt-Del restarts; 0: it is a signal to cad_pid
};

// Thread context; does not sleep.
class Settings : public module::Service {
  public:
    static constexpr u32 kInterfaceVersion = 7;      // of this class and the enum above
    virtual i32 get(Setting which) = 0;              // what it is now
    virtual void set(Setting which, i32 value) = 0;  // from now on; any value is taken
};

// The name that the service is found by (tenon/module/service.h).
inline constexpr std::string_view kService = "linux-settings";

}  // namespace tenon::linux_settings
