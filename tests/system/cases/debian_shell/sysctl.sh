#include shell.inc
# Keys with their values; those that depend on the size of the memory or on the machine with their shape.
v() { local k; for k; do printf '%s ' $k; stat -c %a /proc/sys/${k//.//}; cat /proc/sys/${k//.//}; done; }
s() { local k; for k; do printf '%s ' $k; stat -c %a /proc/sys/${k//.//}; sed 's/[0-9]\+/N/g' /proc/sys/${k//.//}; done; }
w() { local f=/proc/sys/${1//.//} old; old=$(cat $f); shift; for n; do echo "$n" >$f; echo "$? $(cat $f)"; done; echo "$old" >$f; cat $f; }
commands <<'END'
ls /proc/sys
v kernel.ostype kernel.domainname kernel.cap_last_cap kernel.ngroups_max kernel.overflowuid kernel.overflowgid
v kernel.core_pattern kernel.core_uses_pid kernel.core_pipe_limit
v kernel.randomize_va_space kernel.kptr_restrict kernel.dmesg_restrict kernel.sysrq kernel.ctrl-alt-del
v kernel.panic kernel.panic_on_oops kernel.panic_on_warn kernel.panic_print kernel.panic_on_io_nmi kernel.panic_on_unrecovered_nmi kernel.unknown_nmi_panic kernel.panic_on_rcu_stall kernel.max_rcu_stall_to_panic kernel.io_delay_type
v kernel.printk kernel.printk_delay kernel.printk_devkmsg kernel.printk_ratelimit kernel.printk_ratelimit_burst
v kernel.sched_child_runs_first kernel.sched_rr_timeslice_ms kernel.sched_rt_period_us kernel.sched_rt_runtime_us kernel.sched_deadline_period_max_us kernel.sched_deadline_period_min_us kernel.sched_cfs_bandwidth_slice_us kernel.sched_autogroup_enabled kernel.sched_schedstats kernel.sched_energy_aware
v kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem_next_id kernel.shm_next_id kernel.msg_next_id kernel.auto_msgmni
v kernel.hotplug kernel.modprobe kernel.modules_disabled kernel.poweroff_cmd kernel.print-fatal-signals kernel.tainted kernel.kexec_load_disabled
v kernel.acct kernel.acpi_video_flags kernel.bootloader_type kernel.bootloader_version kernel.real-root-dev kernel.seccomp.actions_avail kernel.seccomp.actions_logged kernel.yama.ptrace_scope
v kernel.perf_event_paranoid kernel.perf_event_max_sample_rate kernel.perf_event_mlock_kb kernel.perf_cpu_time_max_percent kernel.perf_event_max_contexts_per_stack kernel.perf_event_max_stack
v kernel.unprivileged_bpf_disabled kernel.unprivileged_userns_clone kernel.bpf_stats_enabled kernel.timer_migration kernel.numa_balancing kernel.ftrace_enabled kernel.stack_tracer_enabled kernel.traceoff_on_warning kernel.tracepoint_printk
v kernel.nmi_watchdog kernel.soft_watchdog kernel.watchdog kernel.watchdog_thresh kernel.softlockup_panic kernel.hardlockup_panic kernel.softlockup_all_cpu_backtrace kernel.oops_all_cpu_backtrace kernel.hung_task_check_count kernel.hung_task_panic kernel.hung_task_timeout_secs kernel.hung_task_warnings kernel.hung_task_check_interval_secs kernel.hung_task_all_cpu_backtrace
v kernel.keys.gc_delay kernel.keys.maxbytes kernel.keys.maxkeys kernel.keys.persistent_keyring_expiry kernel.keys.root_maxbytes kernel.keys.root_maxkeys kernel.pty.max kernel.pty.nr kernel.pty.reserve
v kernel.usermodehelper.bset kernel.usermodehelper.inheritable kernel.random.poolsize kernel.random.urandom_min_reseed_secs kernel.random.write_wakeup_threshold kernel.random.entropy_avail kernel.firmware_config.force_sysfs_fallback kernel.firmware_config.ignore_sysfs_fallback
s kernel.pid_max kernel.threads-max kernel.ns_last_pid kernel.random.boot_id kernel.random.uuid kernel.osrelease kernel.hostname
v fs.aio-nr fs.aio-max-nr fs.dir-notify-enable fs.lease-break-time fs.leases-enable fs.mount-max fs.nr_open fs.overflowuid fs.overflowgid fs.pipe-max-size fs.pipe-user-pages-hard fs.pipe-user-pages-soft fs.suid_dumpable
v fs.protected_fifos fs.protected_hardlinks fs.protected_regular fs.protected_symlinks
v fs.inotify.max_queued_events fs.inotify.max_user_instances fs.fanotify.max_queued_events fs.fanotify.max_user_groups
v fs.mqueue.msg_default fs.mqueue.msg_max fs.mqueue.msgsize_default fs.mqueue.msgsize_max fs.mqueue.queues_max fs.binfmt_misc fs.quota.warnings
s fs.file-max fs.file-nr fs.inode-nr fs.inode-state fs.dentry-state fs.epoll.max_user_watches fs.inotify.max_user_watches
v vm.admin_reserve_kbytes vm.compact_unevictable_allowed vm.compaction_proactiveness vm.dirty_background_bytes vm.dirty_background_ratio vm.dirty_bytes vm.dirty_expire_centisecs vm.dirty_ratio vm.dirty_writeback_centisecs vm.dirtytime_expire_seconds vm.extfrag_threshold vm.hugetlb_shm_group vm.laptop_mode vm.legacy_va_layout
v vm.max_map_count vm.memory_failure_early_kill vm.memory_failure_recovery vm.min_slab_ratio vm.min_unmapped_ratio vm.mmap_min_addr vm.mmap_rnd_bits vm.mmap_rnd_compat_bits vm.nr_hugepages vm.nr_hugepages_mempolicy vm.nr_overcommit_hugepages vm.numa_stat vm.numa_zonelist_order
v vm.oom_dump_tasks vm.oom_kill_allocating_task vm.overcommit_kbytes vm.overcommit_memory vm.overcommit_ratio vm.page-cluster vm.page_lock_unfairness vm.panic_on_oom vm.percpu_pagelist_high_fraction vm.stat_interval vm.swappiness vm.unprivileged_userfaultfd vm.vfs_cache_pressure vm.watermark_boost_factor vm.watermark_scale_factor vm.zone_reclaim_mode
s vm.min_free_kbytes vm.user_reserve_kbytes vm.lowmem_reserve_ratio
stat -c %a /proc/sys/vm/drop_caches /proc/sys/vm/compact_memory /proc/sys/vm/stat_refresh
v debug.exception-trace debug.kprobes-optimization
v net.core.somaxconn net.core.rmem_default net.core.rmem_max net.core.wmem_default net.core.wmem_max net.core.optmem_max net.unix.max_dgram_qlen
v user.max_user_namespaces user.max_inotify_instances
ls /proc/sys/user
w kernel.panic 5 -1 x '' 99999999999
w kernel.sysrq 1 0
w kernel.printk '4 4 1 7' '3'
w kernel.printk_ratelimit 3
w kernel.randomize_va_space 0 1 2 3 -1
w kernel.kptr_restrict 1 2 3
w kernel.dmesg_restrict 1 2
w kernel.core_pattern core.%p '|/x' "$(printf 'a%.0s' {1..200})"
w kernel.overflowuid 1 65535 65536 -1
w kernel.hostname a.b "$(printf 'h%.0s' {1..70})"
w kernel.domainname example.org
w kernel.pid_max 40000 300 99999999
w kernel.sem '1 2 3 4' 5 x
w kernel.shmmni 100 -1
w kernel.sched_rt_runtime_us 900000 -1 2000000
w kernel.sched_rr_timeslice_ms 50 0
w kernel.watchdog_thresh 20 61
w kernel.hung_task_timeout_secs 10
w kernel.modprobe /bin/true
w kernel.ngroups_max 1
w kernel.cap_last_cap 1
w kernel.unprivileged_userns_clone 0 1
w kernel.perf_event_paranoid 2
w kernel.pty.max 100 -1
w fs.nr_open 2000 1 2000000000000
w fs.file-max 100000
w fs.pipe-max-size 5000 4095 2000000
w fs.lease-break-time 5
w fs.suid_dumpable 1 2 3
w fs.protected_symlinks 0 1 2
w fs.protected_regular 0 2 3
w fs.inotify.max_user_instances 5 -1
w fs.mqueue.msg_max 5 65537
w fs.aio-max-nr 100
w fs.mount-max 5 0
w vm.swappiness 0 100 200 201
w vm.overcommit_memory 1 2 3
w vm.dirty_ratio 50 101
w vm.dirty_bytes 8192 1
w vm.max_map_count 1000 -1
w vm.drop_caches 1 2>&1
echo 3 >/proc/sys/vm/drop_caches
echo 9 >/proc/sys/vm/drop_caches
echo 1 >/proc/sys/vm/compact_memory
w vm.vfs_cache_pressure 50
w vm.laptop_mode 5
w vm.legacy_va_layout 1
w vm.mmap_min_addr 4096
w vm.page-cluster 5
w vm.panic_on_oom 1 3
w vm.watermark_scale_factor 20 3001
(echo 5; echo 6) >/proc/sys/vm/page-cluster; cat /proc/sys/vm/page-cluster; echo 3 >/proc/sys/vm/page-cluster
printf 4 >/proc/sys/vm/page-cluster; cat /proc/sys/vm/page-cluster; echo 3 >/proc/sys/vm/page-cluster
printf '4 garbage\n' >/proc/sys/vm/page-cluster; cat /proc/sys/vm/page-cluster; echo 3 >/proc/sys/vm/page-cluster
printf ' 4' >/proc/sys/vm/page-cluster; cat /proc/sys/vm/page-cluster; echo 3 >/proc/sys/vm/page-cluster
printf 0x4 >/proc/sys/vm/page-cluster; cat /proc/sys/vm/page-cluster; echo 3 >/proc/sys/vm/page-cluster
printf 010 >/proc/sys/vm/page-cluster; cat /proc/sys/vm/page-cluster; echo 3 >/proc/sys/vm/page-cluster
echo x >/proc/sys/kernel/nosuch
touch /proc/sys/kernel/nosuch
mkdir /proc/sys/x
rm /proc/sys/kernel/panic
setpriv --reuid 1000 --clear-groups sh -c 'echo 1 >/proc/sys/kernel/panic'
setpriv --reuid 1000 --clear-groups cat /proc/sys/kernel/panic
test -w /proc/sys/kernel/panic
test -w /proc/sys/kernel/ostype
dd if=/proc/sys/kernel/ostype bs=2 count=1 skip=1 status=none; echo
END
cd /; rm -rf $work
