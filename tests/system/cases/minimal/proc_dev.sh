uname -s; uname -m; test -d /proc/$$ && echo yes; readlink /proc/self/cwd; cd /tmp; readlink /proc/self/cwd; cd /
cat /proc/self/comm; tr '\0' ' ' < /proc/self/cmdline; echo; grep -c . /proc/self/maps | grep -c .
grep -E '^(Name|State|Tgid|Threads|SigBlk)' /proc/self/status | sed 's/[0-9][0-9]*$/N/'
ls -l /proc/self/fd | wc -l; readlink /proc/self/exe; cat /proc/self/limits | head -5
test -c /dev/null && test -c /dev/tty && test -c /dev/random; echo $?
cat /proc/sys/kernel/ostype; head -1 /proc/meminfo | awk '{print $1,$3}'; grep -c ^processor /proc/cpuinfo
awk '{print NF}' /proc/loadavg; awk '{print NF}' /proc/uptime; awk '{print NF}' /proc/self/stat; awk '{print NF}' /proc/self/statm
awk '$2=="/proc"{print $3}' /proc/mounts; awk '$2=="/dev/pts"{print $3}' /proc/mounts
ls /dev/fd/; echo via > /dev/stdout; cat /proc/self/oom_score_adj; ls /proc/self/task | wc -l
cat /proc/self/mountinfo | awk '{print NF>=10}' | sort -u; tty; test -t 0; echo $?
(echo 300 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj; echo 0x7f >/proc/self/coredump_filter; cat /proc/self/coredump_filter)
