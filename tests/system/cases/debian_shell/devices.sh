#include shell.inc
commands <<'END'
stat -c '%n %F %a %t:%T %U:%G' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/console /dev/ptmx /dev/kmsg /dev/mem /dev/port
readlink /dev/fd /dev/stdin /dev/stdout /dev/stderr
ls -d /dev/pts /dev/shm
stat -c '%a %F' /dev/pts /dev/shm /dev
cat /dev/null
echo x >/dev/null
head -c 4 /dev/zero | od -An -tx1
echo x >/dev/zero
echo x >/dev/full
head -c 4 /dev/full | od -An -tx1
head -c 16 /dev/urandom | wc -c
head -c 16 /dev/random | wc -c
echo seed >/dev/urandom
cmp <(head -c 16 /dev/urandom) <(head -c 16 /dev/urandom) >/dev/null
: >/dev/tty
cat /dev/tty
cat /dev/ptmx </dev/null & sleep 0.1; kill $!
dd if=/dev/null bs=1 count=1 2>&1 | head -1
dd if=/dev/zero of=/dev/null bs=1M count=10 2>&1 | head -2
truncate -s 10 /dev/null
cat </dev/stdin
echo out >/dev/stdout
echo err >/dev/stderr
echo a | cat /dev/stdin
echo a | cat /dev/fd/0
cat /dev/fd/99
ls /dev/fd/ | head -3
test -c /dev/null -a ! -s /dev/null
test -t 0
cp /dev/null n; stat -c '%F %s' n
cp -a /dev/null n2; stat -c '%F %t %T' n2
cat n2
mv n2 n3; rm n3
mknod k c 1 11; timeout 1 dd if=k bs=8192 count=1 iflag=nonblock status=none | grep -c .
mknod q c 99 99; cat q
mknod r b 99 99; cat r
timeout 2 dd if=/dev/kmsg bs=8192 count=1 iflag=nonblock status=none | awk -F'[,;]' 'NR == 1 {print NF >= 4}'
timeout 2 dd if=/dev/kmsg bs=1 count=1 iflag=nonblock status=none
timeout 5 cat /dev/kmsg >/tmp/kmsg.out & sleep 0.5; kill $! 2>/dev/null; wait $!; grep -c . /tmp/kmsg.out | grep -c .; rm /tmp/kmsg.out
timeout 5 dd if=/dev/kmsg of=/dev/null bs=8192 iflag=nonblock status=none
echo '<5>tenon shell test' >/dev/kmsg; dmesg | tail -3 | grep -c 'tenon shell test'
echo 'plain message' >/dev/kmsg; dmesg -r | grep 'plain message' | tail -1 | cut -c1-4
printf '<11>user line\nsecond' >/dev/kmsg; dmesg -x | grep 'user line' | tail -1 | cut -c1-14
printf '%02000d' 0 >/dev/kmsg
printf '' >/dev/kmsg
exec 7</dev/kmsg; timeout 1 head -c 1 <&7; exec 7<&-
exec 7<>/dev/kmsg; echo rw >&7; exec 7>&-
setpriv --reuid 1000 --clear-groups head -c 1 /dev/kmsg
setpriv --reuid 1000 --clear-groups cat /dev/mem
dmesg | tail -1 | wc -l
dmesg -S | tail -1 | wc -l
dmesg -c | wc -l | grep -c .; dmesg | wc -l
dmesg -C
stty -F /dev/null
stty -F /dev/nosuch
blockdev --getsize64 /dev/null
mkfifo p; timeout 0.2 cat p
(echo through >p) & cat p; wait
timeout 0.2 sh -c 'echo x >p'
dd if=p iflag=nonblock status=none
dd of=p oflag=nonblock status=none </dev/null
exec 7<>p; echo both >&7; read -t 1 x <&7; echo $x; exec 7>&-
END
cd /; rm -rf $work
