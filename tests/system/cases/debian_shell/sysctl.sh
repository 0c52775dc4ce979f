#include shell.inc
# Keys with their values; those that depend on the size of the memory or on the machine with their shape.
v() { local k; for k; do printf '%s ' $k; stat -c %a /proc/sys/${k//.//}; cat /proc/sys/${k//.//}; done; }
s() { local k; for k; do printf '%s ' $k; stat -c %a /proc/sys/${k//.//}; sed 's/^[0-9a-f]\{8\}-[-0-9a-f]*$/UUID/;s/[0-9]\+/N/g' /proc/sys/${k//.//}; done; }
w() { local f=/proc/sys/${1//.//} old; old=$(cat $f); shift; for n; do echo "$n" >$f; echo "$? $(cat $f)"; done; echo "$old" >$f; cat $f; }
commands <<'END'
v kernel.ostype kernel.domainname kernel.cap_last_cap kernel.ngroups_max kernel.overflowuid kernel.overflowgid
v kernel.core_pattern kernel.core_uses_pid kernel.core_pipe_limit
v kernel.randomize_va_space kernel.kptr_restrict kernel.dmesg_restrict kernel.sysrq
v kernel.panic_on_warn kernel.panic_print kernel.panic_on_io_nmi kernel.panic_on_unrecovered_nmi kernel.unknown_nmi_panic kernel.panic_on_rcu_stall kernel.max_rcu_stall_to_panic
v kernel.printk_delay kernel.printk_ratelimit kernel.printk_ratelimit_burst
v kernel.sched_child_runs_first kernel.sched_rr_timeslice_ms kernel.sched_rt_period_us kernel.sched_rt_runtime_us kernel.sched_deadline_period_max_us kernel.sched_deadline_period_min_us kernel.sched_autogroup_enabled kernel.sched_schedstats
v kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem_next_id kernel.shm_next_id kernel.msg_next_id kernel.auto_msgmni
v kernel.hotplug kernel.modprobe kernel.modules_disabled kernel.poweroff_cmd kernel.print-fatal-signals kernel.tainted
v kernel.acpi_video_flags kernel.bootloader_version kernel.real-root-dev kernel.seccomp.actions_avail kernel.yama.ptrace_scope
v kernel.numa_balancing
v kernel.nmi_watchdog kernel.softlockup_panic kernel.hardlockup_panic kernel.softlockup_all_cpu_backtrace kernel.oops_all_cpu_backtrace kernel.hung_task_panic kernel.hung_task_all_cpu_backtrace
v kernel.keys.gc_delay kernel.keys.maxbytes kernel.keys.maxkeys kernel.keys.persistent_keyring_expiry kernel.keys.root_maxbytes kernel.keys.root_maxkeys kernel.pty.max kernel.pty.nr kernel.pty.reserve
v kernel.random.poolsize kernel.random.urandom_min_reseed_secs kernel.random.write_wakeup_threshold kernel.random.entropy_avail
s kernel.pid_max kernel.threads-max kernel.ns_last_pid kernel.random.boot_id kernel.random.uuid
v fs.aio-nr fs.aio-max-nr fs.dir-notify-enable fs.lease-break-time fs.leases-enable fs.mount-max fs.nr_open fs.overflowuid fs.overflowgid fs.pipe-max-size fs.pipe-user-pages-hard fs.pipe-user-pages-soft fs.suid_dumpable
v fs.protected_fifos fs.protected_hardlinks fs.protected_regular fs.protected_symlinks
v fs.inotify.max_queued_events fs.inotify.max_user_instances
v fs.mqueue.msg_default fs.mqueue.msg_max fs.mqueue.msgsize_default fs.mqueue.msgsize_max fs.mqueue.queues_max
s fs.file-max fs.file-nr fs.inode-nr fs.epoll.max_user_watches fs.inotify.max_user_watches
v vm.admin_reserve_kbytes vm.compaction_proactiveness vm.dirty_background_bytes vm.dirty_background_ratio vm.dirty_bytes vm.dirty_expire_centisecs vm.dirty_ratio vm.dirty_writeback_centisecs vm.dirtytime_expire_seconds vm.extfrag_threshold vm.hugetlb_shm_group vm.laptop_mode vm.legacy_va_layout
v vm.max_map_count vm.memory_failure_early_kill vm.memory_failure_recovery vm.mmap_min_addr vm.mmap_rnd_bits vm.nr_hugepages vm.nr_hugepages_mempolicy vm.nr_overcommit_hugepages vm.numa_stat
v vm.oom_dump_tasks vm.oom_kill_allocating_task vm.overcommit_kbytes vm.overcommit_memory vm.overcommit_ratio vm.page-cluster vm.page_lock_unfairness vm.panic_on_oom vm.percpu_pagelist_high_fraction vm.stat_interval vm.swappiness vm.vfs_cache_pressure vm.watermark_boost_factor vm.watermark_scale_factor vm.zone_reclaim_mode
s vm.min_free_kbytes
stat -c %a /proc/sys/vm/drop_caches /proc/sys/vm/compact_memory
v debug.exception-trace
v net.core.somaxconn net.core.rmem_default net.core.rmem_max net.core.wmem_default net.core.wmem_max net.unix.max_dgram_qlen
(echo 3 >/proc/sys/kernel/panic; w kernel.panic 5 -1 x '' 99999999999)
w kernel.sysrq 1 0
(echo '7 4 1 7' >/proc/sys/kernel/printk; w kernel.printk '4 4 1 7' '3')
w kernel.printk_ratelimit 3
w kernel.randomize_va_space 0 1 2 3 -1
w kernel.kptr_restrict 1 2 3
w kernel.dmesg_restrict 1 2
w kernel.core_pattern core.%p '|/x' "$(printf 'a%.0s' {1..200})"
w kernel.overflowuid 1 65535 65536 -1
w kernel.hostname a.b "$(printf 'h%.0s' {1..70})"
w kernel.domainname example.org
w kernel.pid_max 40000 300 99999999
(echo 100000 >/proc/sys/kernel/pid_max; echo 70000 >/proc/sys/kernel/ns_last_pid; sh -c 'expr $$ \> 70000; kill -0 $$; ls -d /proc/self/task/$$ | grep -c task/7'; echo 500 >/proc/sys/kernel/ns_last_pid; echo 32768 >/proc/sys/kernel/pid_max)
w kernel.sched_deadline_period_min_us 200 -1
w kernel.sched_deadline_period_max_us 1000000 -1
w vm.mmap_rnd_bits 32 33 27
w kernel.sem '1 2 3 4' 5 x
w kernel.shmmni 100 -1
w kernel.sched_rt_runtime_us 900000 -1 2000000
w kernel.sched_rr_timeslice_ms 50 0
w kernel.modprobe /bin/true
w kernel.ngroups_max 1
w kernel.cap_last_cap 1
w kernel.pty.max 100 -1
(cd /proc/sys/kernel/pty; echo 1 >max; : <>/dev/ptmx; echo $?; echo 4096 >max; exec 8<>/dev/ptmx; echo $? $(cat nr); exec 8>&-; cat nr)
w fs.nr_open 2000 1 2000000000000
w fs.file-max 100000 | head -1
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
setpriv --reuid 1000 --clear-groups cat /proc/sys/kernel/panic_on_warn
test -w /proc/sys/kernel/panic
test -w /proc/sys/kernel/ostype
dd if=/proc/sys/kernel/ostype bs=2 count=1 skip=1 status=none; echo
END
cd /; rm -rf $work
