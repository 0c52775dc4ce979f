#include shell.inc
# The shape of a file: each number becomes N.
shape() { sed 's/0x[0-9a-f]\+/X/g;s/[0-9]\+/N/g' "$@" | tr -s ' '; }
commands <<'END'
cat /proc/sys/kernel/ostype
cat /proc/version | shape | cut -c1-14
cut -d' ' -f1-5 /proc/loadavg | shape
shape /proc/uptime
awk '{print $1, $3}' /proc/meminfo | head -12
awk '/^(MemTotal|MemFree|MemAvailable|Buffers|Cached|SwapTotal|SwapFree|Dirty|Writeback|AnonPages|Mapped|Shmem|Slab|SReclaimable|SUnreclaim|KernelStack|PageTables|CommitLimit|Committed_AS|VmallocTotal|VmallocUsed|Percpu|HugePages_Total|Hugepagesize|DirectMap4k)/ {print $1, $3}' /proc/meminfo
sed -n 's/ .*//p' /proc/stat | sort -u
awk '/^cpu / {print NF}' /proc/stat
awk '/^cpu[0-9]/ {print $1, NF}' /proc/stat
awk '/^(ctxt|btime|processes|procs_running|procs_blocked)/ {print $1, NF}' /proc/stat
grep -c ^processor /proc/cpuinfo
cut -d: -f1 /proc/cpuinfo | grep -v 'TLB\|microcode' | sort -u | head -30
grep -m1 'vendor_id' /proc/cpuinfo
grep -m1 'address sizes' /proc/cpuinfo
head -1 /proc/interrupts | shape | sed 's/ *$//'
awk 'NR > 1 {print $1}' /proc/softirqs
awk '{print $1}' /proc/filesystems | sort -u | head -1
grep -w tmpfs /proc/filesystems
grep -w proc /proc/filesystems
head -1 /proc/devices
grep -w mem /proc/devices
cat /proc/swaps
cat /proc/partitions
head -2 /proc/buddyinfo | awk '{print $1, $3, $4, NF}'
awk '{print NF}' /proc/vmstat | sort -u
grep -o '^nr_free_pages\|^pgfault\|^pgmajfault\|^pswpin\|^oom_kill\|^pgpgin' /proc/vmstat
head -1 /proc/slabinfo
head -2 /proc/slabinfo | tail -1
wc -w </proc/cmdline | grep -c .
head -1 /proc/zoneinfo
awk '/^Node/ {print $1, $3}' /proc/zoneinfo | sort -u
awk '/managed/ {print $1}' /proc/zoneinfo | sort -u
cat /proc/execdomains
cat /proc/fb
head -1 /proc/schedstat
stat -c '%a %F' /proc/kmsg /proc/sysrq-trigger /proc/zoneinfo /proc/keys /proc/key-users /proc/schedstat /proc/slabinfo /proc/iomem
ls -d /proc/driver /proc/fs /proc/bus /proc/tty
awk '/^(\/dev\/tty|\/dev\/console|serial|pty_slave)/ {print $1}' /proc/tty/drivers | sort
ls /proc/tty
head -1 /proc/tty/ldiscs | tr -s ' '
cat /proc/consoles | awk '{print $1, $2}'
stat -c '%a' /proc; expr $(stat -c %h /proc) \> 5
stat -c '%a %F' /proc/self/* 2>/dev/null | sort | uniq -c | wc -l | grep -c .
for f in auxv cgroup clear_refs cmdline comm coredump_filter cpuset cwd environ exe fd fdinfo gid_map io limits loginuid map_files maps mem mountinfo mounts mountstats net ns numa_maps oom_adj oom_score oom_score_adj pagemap personality projid_map root sched schedstat sessionid setgroups smaps smaps_rollup stat statm status syscall task timens_offsets timers timerslack_ns uid_map wchan; do stat -c '%n %a %F' /proc/self/$f; done
for f in children comm fd maps stat status syscall pagemap ns; do stat -c '%n %a %F' /proc/thread-self/$f; done
cat /proc/self/cgroup
cat /proc/self/cpuset
cat /proc/self/projid_map
cat /proc/self/uid_map
cat /proc/self/gid_map
cat /proc/self/setgroups
cat /proc/self/timers
cat /proc/self/timens_offsets
cat /proc/self/personality
cat /proc/self/oom_score_adj /proc/self/oom_adj
cat /proc/self/loginuid; echo
cat /proc/self/sessionid; echo
cat /proc/self/coredump_filter
cat /proc/self/timerslack_ns
cat /proc/self/wchan; echo
cat /proc/self/syscall | awk '{print $1, NF}'
sleep 1 & sleep 0.1; awk '{print $1, NF}' /proc/$!/syscall; kill $!
cat /proc/self/autogroup 2>&1 | wc -l | grep -c .
cat /proc/self/sched | head -1 | shape
cat /proc/self/numa_maps | head -1 | awk '{print $2}'
cat /proc/self/io | cut -d: -f1
cat /proc/self/schedstat | wc -w
cat /proc/self/statm | wc -w
cat /proc/self/stat | wc -w
cut -d: -f1 /proc/self/status
awk -F: '/^(Name|Umask|State|Ngid|TracerPid|Uid|Gid|FDSize|Groups|Threads|Sig[BIC]|ShdPnd|Cap|NoNewPrivs|Seccomp|Speculation|Cpus_allowed|Mems_allowed)/ {print}' /proc/self/status | tr -s '\t ' ' '
head -1 /proc/self/maps | awk '{print $2, $3, NF}'
grep -o '\[.*\]' /proc/self/maps | sort -u
sed -n 's/: .*//p' /proc/self/smaps | grep -v '^[0-9a-f]\|ProtectionKey' | sort -u
sed -n 's/^\([A-Z][A-Za-z_]*\):.*/\1/p' /proc/self/smaps_rollup | sort -u
cat /proc/self/limits | head -1
tr '\0' '\n' </proc/self/cmdline
echo renamed >/proc/self/comm
cat /proc/self/comm
bash -c 'echo renamed >/proc/self/comm; cat /proc/$$/comm; ps -o comm= -p $$'
bash -c 'echo averyveryverylongname >/proc/self/comm; cat /proc/$$/comm'
bash -c 'echo 100 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj'
bash -c 'echo 2000 >/proc/self/oom_score_adj'
bash -c 'echo x >/proc/self/oom_score_adj'
bash -c 'echo 8 >/proc/self/oom_adj; cat /proc/self/oom_adj /proc/self/oom_score_adj'
bash -c 'echo 0 >/proc/self/timerslack_ns; cat /proc/self/timerslack_ns; echo 1000 >/proc/self/timerslack_ns; cat /proc/$$/timerslack_ns'
bash -c 'echo 1 >/proc/self/clear_refs; echo 5 >/proc/self/clear_refs; echo 6 >/proc/self/clear_refs'
bash -c 'echo 0x7 >/proc/$$/coredump_filter; cat /proc/self/coredump_filter'
sh -c 'cat /proc/$$/task/$$/children' | wc -w
sleep 1 & cat /proc/$$/task/$$/children | wc -w; kill $!
ls /proc/self/task | wc -l
ls /proc/self/ns
readlink /proc/self/ns/* | sed 's/[0-9]\+/N/'
stat -L -c '%F %a %h' /proc/self/ns/mnt
readlink /proc/self/ns/mnt | cmp - <(readlink /proc/1/ns/mnt)
cat /proc/self/ns/mnt
ls /proc/self/map_files | grep -vc '^[0-9a-f]*-[0-9a-f]*$'
ls -l /proc/self/fd/0 | awk '{print $1, $NF}'
cat /proc/self/fdinfo/0 | cut -d: -f1
exec 7>/tmp/fdinfo; echo abc >&7; cat /proc/$$/fdinfo/7 | sed 's/\(mnt_id\|ino\):.*/\1/'; exec 7>&-; rm /tmp/fdinfo
exec 7<>/tmp/ff; flock 7; sed -n '/lock/s/[0-9a-f]*:[0-9a-f]*:[0-9]*/DEV/;/lock/p' /proc/$$/fdinfo/7 | shape; exec 7>&-; rm /tmp/ff
cd /proc/self/net; ls -d arp dev netlink route tcp tcp6 udp udp6 unix; cd $work
cat /proc/net/unix | head -1
head -2 /proc/net/dev
cat /proc/net/netlink | head -1
cat /proc/net/arp | tr -s ' '
cat /proc/net/route
cat /proc/net/tcp | head -1
ls /proc/sysvipc
cat /proc/sysvipc/shm
ls /proc/nosuch
ls /proc/999999
cat /proc/self/nosuch
touch /proc/x
mkdir /proc/x
rm /proc/version
echo x >/proc/version
mv /proc/version /proc/x
ln -s a /proc/self/x
chmod 600 /proc/version; stat -c %a /proc/version; chmod 444 /proc/version
cat /proc/1/comm | wc -l
stat -c '%U %G' /proc/self /proc/self/status
setpriv --reuid 1000 --clear-groups stat -c '%u %g' /proc/self/status
(cd /proc/self && pwd -P | shape; cat comm)
ls -ld /proc/self /proc/thread-self /proc/mounts /proc/net | awk '{print $1, $NF}' | shape
readlink /proc/self/exe
readlink /proc/self/root
readlink /proc/self/cwd | sed "s,$work,W,"
(cd /; readlink /proc/self/cwd)
dd if=/proc/version bs=5 count=1 skip=1 status=none; echo
dd if=/proc/self/status bs=1 count=4 status=none; echo
wc -c /proc/version | awk '{print $1 > 0}'
stat -c %s /proc/version /proc/self/maps /proc/self/fd
head -c 10 /proc/self/environ | wc -c
tail -1 /proc/self/status | cut -d: -f1
tac /proc/filesystems | grep -c tmpfs
END
cd /; rm -rf $work
