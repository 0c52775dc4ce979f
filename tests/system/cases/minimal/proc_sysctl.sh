# How /proc/sys reads numbers, where it is read and written from, and who may.
cd /proc/sys/vm
old=$(cat page-cluster)
t() { printf "$1" >page-cluster; echo "$1: $? $(cat page-cluster)"; }
t 4; t ' 5\n'; t '6 more'; t 0x7; t 010; t 0xg; t 09; t '\n'; t x; t -1; t 32; t +3; t 3,4; t '3\t'; t 99999999999; t 999999999999999999999
(echo 5; echo 6; echo x) >page-cluster; echo "one file: $? $(cat page-cluster)"
dd if=page-cluster bs=1 count=1 2>/dev/null; dd if=page-cluster bs=1 skip=1 2>/dev/null; echo "|"
dd if=../kernel/ostype bs=2 count=1 skip=1 2>/dev/null; echo "|"
echo $old >page-cluster
cd ../kernel
old=$(cat printk_ratelimit)
for v in 7 -1 ''; do echo "$v" >printk_ratelimit; echo "$? $(cat printk_ratelimit)"; done
echo $old >printk_ratelimit
for f in ostype cap_last_cap ngroups_max ../fs/aio-nr ../fs/file-nr; do
    [ -w $f ] && echo "$f writable"
    echo 1 >$f
    echo "$f $?"
done
touch nosuch; echo $?
mkdir nosuch; echo $?
rm panic; echo $?
chmod 600 panic; echo $?
[ -w panic ] && [ -r panic ] && echo panic
# Settings that are heeded.
echo 30 >../fs/nr_open; echo $?
echo 2000 >../fs/nr_open; (ulimit -Hn 2001; ulimit -Hn 2000; ulimit -Hn); echo 1048576 >../fs/nr_open
ls -d /proc/self/ns/*
for n in cgroup ipc mnt net pid time user uts; do
    [ "$(readlink /proc/self/ns/$n)" = "$(readlink /proc/1/ns/$n)" ] && echo "$n same"
    [ "$(stat -L -c %i /proc/self/ns/$n)" = "$(readlink /proc/self/ns/$n | tr -cd 0-9)" ] && echo "$n numbered"
    stat -L -c '%F %a %h %s %u' /proc/self/ns/$n
done
cat /proc/self/ns/net; echo $?
echo x >/proc/self/ns/net; echo $?
sleep 5 & p=$!
sleep 0.2
cut -d' ' -f1 /proc/$p/syscall; wc -w </proc/$p/syscall
set -- $(cat /proc/$$/task/$$/children); echo $#
kill $p; wait $p 2>/dev/null
cut -d' ' -f1 /proc/self/syscall
cat /proc/self/timens_offsets /proc/self/projid_map
echo '0 0 1' >/proc/self/uid_map; echo $?
for v in 8 15 16 x; do echo $v >/proc/self/oom_adj; echo "$? $(cat /proc/$$/oom_adj)"; done
cd /proc/sys/kernel
ls -l ctrl-alt-del cad_pid | cut -c1-10; cat ctrl-alt-del cad_pid
for v in 5 0 -7 x 1; do echo $v >ctrl-alt-del; echo "$v: $? $(cat ctrl-alt-del)"; done
for v in 99999 0 -1 x $$ 1; do
    echo $v >cad_pid; status=$?
    [ "$(cat cad_pid)" = $$ ] && echo "self $status" || echo "$v: $status $(cat cad_pid)"
done
