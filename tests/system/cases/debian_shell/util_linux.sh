#include shell.inc
commands <<'END'
flock l echo locked
flock -n l flock -n l true
flock -s l flock -n -s l echo both
flock -s l flock -n l true
flock -w 0.1 l flock -w 0.1 l true
flock -n -E 7 l flock -n -E 7 l true
flock -x l -c 'echo c'
flock -o l true
flock nosuchdir/x true
flock . echo directory
exec 7>l; flock -n 7; flock -n l true; flock -u 7; flock -n l echo free; exec 7>&-
exec 7<l; flock -x -n 7; exec 7<&-
(flock -n 9 && sleep 0.3) 9>l & sleep 0.1; flock -n l true; wait; flock -n l echo now
flock 99
exec 7>l; flock 7; grep -c FLOCK /proc/locks; exec 7>&-
setpriv -d | sed 's/^Securebits: //' | head -5
setpriv --reuid 1000 --regid 1000 --clear-groups id
setpriv --reuid 1000 --regid 1000 --groups 5,6 id
setpriv --reuid nosuch id
setpriv --ruid 1 --euid 2 --regid 3 --keep-groups id
setpriv --no-new-privs sh -c 'grep NoNewPrivs /proc/self/status'
setpriv --bounding-set -sys_admin sh -c 'grep CapBnd /proc/self/status'
setpriv --inh-caps -all sh -c 'grep CapInh /proc/self/status'
setpriv --inh-caps +chown --ambient-caps +chown sh -c 'grep Cap[IA] /proc/self/status'
setpriv --reuid 1000 --clear-groups sh -c 'grep Cap[PE] /proc/self/status'
setpriv --reuid 1000 --clear-groups --inh-caps +net_raw --ambient-caps +net_raw grep Cap[PEA] /proc/self/status
setpriv --securebits +noroot,+keep_caps sh -c true
setpriv --pdeathsig TERM sh -c 'sleep 0.01; echo $?'
setpriv --list-caps | wc -l
setpriv --reset-env env | sort
setpriv --reuid 1000 --clear-groups cat /etc/shadow
setpriv --reuid 1000 --clear-groups touch /root/x
setpriv --reuid 1000 --clear-groups kill -0 1
setpriv --reuid 1000 --clear-groups ls /proc/1/fd
setpriv --reuid 1000 --clear-groups readlink /proc/1/exe
setpriv --reuid 1000 --clear-groups chown 1000 l
setpriv --reuid 1000 --clear-groups mknod n c 1 3
setpriv --reuid 1000 --clear-groups chroot / true
setpriv --reuid 1000 --clear-groups hostname x
setpriv --reuid 1000 --clear-groups date -s @0 | tail -1 | wc -l
setpriv --reuid 1000 --clear-groups dmesg | wc -l | grep -c .
setpriv --reuid 1000 --clear-groups sh -c 'ulimit -Hn 100; ulimit -Hn 200'
mkdir st; chmod 1777 st; setpriv --reuid 1 --clear-groups touch st/f; setpriv --reuid 2 --clear-groups rm -f st/f; setpriv --reuid 2 --clear-groups mv st/f st/g; setpriv --reuid 1 --clear-groups rm st/f
mkdir g; chmod 2777 g; chgrp 7 g; setpriv --reuid 1 --regid 1 --clear-groups sh -c 'touch g/f; mkdir g/d; stat -c "%a %g" g/f g/d'
chmod 700 st; setpriv --reuid 1 --clear-groups ls st
chmod 711 st; : >st/x; setpriv --reuid 1 --clear-groups cat st/x
chmod 4755 st; cp /usr/bin/id sid; chmod 4755 sid; setpriv --reuid 5 --regid 5 --clear-groups ./sid
chown 3:4 sid; chmod 6755 sid; setpriv --reuid 5 --regid 5 --clear-groups ./sid
setpriv --no-new-privs --reuid 5 --regid 5 --clear-groups ./sid
chroot / id -u
chroot nosuch
chroot st /bin/true
chroot --userspec=5:6 --groups=7 / id
script -qc 'echo in script' out </dev/null; grep -c 'in script' out
script -qec 'exit 3' /dev/null </dev/null
script -qc 'tty | sed "s/[0-9]\+/N/"' /dev/null </dev/null
script -qc 'stty -a | head -1' /dev/null </dev/null | tr -d '\r' | cut -d';' -f1
script -qc 'test -t 0 && echo terminal' /dev/null </dev/null | tr -d '\r'
script -qc 'ps -o tty=,stat= -p $$ | sed "s/[0-9]\+/N/"' /dev/null </dev/null | tr -d '\r'
script -qc 'kill -INT $$' /dev/null </dev/null
script -q -c 'echo timed' --log-timing tm --log-out lo </dev/null; head -c 5 lo | wc -c; wc -l <tm | grep -c .
scriptreplay --version | wc -l
column -t <<<$'a bb c\nddd e f'
column -c 40 <<<$'a\nb\nc\nd'
column -t -s : -o '|' <<<$'a:b\ncc:dd'
column -J -N x,y -n t <<<$'1 2\n3 4'
col -b <<<$'a\bb'
colrm 2 3 <<<abcdef
rev <<<abc
look nosuchword /etc/passwd
hexdump -C <<<abc
hexdump -x <<<abcd
hexdump -d <<<abcd
hexdump -s 2 -n 2 -C <<<abcdef
ul <<<plain
line <<<one
mcookie | wc -c
getopt -o ab: -l long -- -a -b x --long rest
getopt -o a -- -z
namei /etc/../etc/passwd
namei -l /etc/passwd | awk '{print $1, $2, $3, $4}'
namei -m /tmp
namei nosuch
whereis -b ls | wc -w
lscpu | cut -d: -f1 | grep -v BIOS | sort | head -12
lscpu -p=CPU | tail -2
lscpu -J | head -2
lscpu -e=CPU,ONLINE | tail -2 | tr -s ' '
lsmem 2>&1 | grep -c . | grep -c .
lsipc | awk '{print $1}'
ipcs -l | sed 's/[0-9]\+/N/g'
ipcmk -M 4096 | sed 's/[0-9]\+/N/'
ipcmk -S 2 | sed 's/[0-9]\+/N/'
ipcmk -Q | sed 's/[0-9]\+/N/'
ipcs -m | awk '{print NF}' | sort | uniq -c | tr -s ' '
ipcs -u | sed 's/[0-9]\+/N/g'
ipcrm -a
ipcs | wc -l
ipcrm -m 999999
lslocks -n -o TYPE,MODE | wc -l | grep -c .
lslogins -u -o USER,UID | head -3 | tr -s ' '
last -f /nosuch
mesg
wdctl 2>&1 | wc -l | grep -c .
rtcwake -m show 2>&1 | wc -l
logger -s --no-act msg 2>&1 | sed 's/^<[0-9]*>//' | awk '{print $NF}'
wall --version | wc -l
echo '<5>spoken' >/dev/kmsg; dmesg | tail -1 | wc -l
dmesg -n 3; dmesg -n 7
dmesg -T | tail -1 | wc -l
dmesg -l emerg -t | wc -l | grep -c .
dmesg -J | head -1
findmnt --version | wc -l
blkid -V | wc -l
losetup -a
lsblk -n 2>&1 | wc -l | grep -c .
blockdev --getsz /dev/null
swapon --show
swapon nosuch
swapoff nosuch
fsfreeze -f /tmp
fstrim /tmp
mkswap -V | wc -l
pivot_root . .
switch_root . /bin/true
uuidgen -n @dns -N x --md5 2>/dev/null | wc -c | grep -c .
cal 2 2024 2>/dev/null | wc -l | grep -c .
isosize nosuch
fincore l 2>&1 | wc -l
zramctl 2>&1 | wc -l
choom -p $$
choom -n 500 -- choom -p 0 2>&1 | sed 's/[0-9]\{3,\}/N/g' | head -1
choom -n 300 -- cat /proc/self/oom_score_adj
runuser -u nobody -- id
runuser -u nosuch -- id
su nobody -s /bin/sh -c id
su nosuch
getent passwd root
getent passwd nosuch
getent group 0
arch
uname -s
uname -m
uname -o
hostid | wc -c
hostname >/dev/null
tty
stty -a
logname
users
who
who -b | wc -l | grep -c .
groups
id
id -Gn
id nosuch
whoami
env -i A=1 env
env -u HOME sh -c 'echo ${HOME-none}'
env nosuch
env -C / pwd
env -S 'echo a b'
env --default-signal=PIPE true
env --ignore-signal=TERM sh -c 'kill $$; echo alive'
printenv HOME
printenv nosuch
stdbuf -oL echo x
sleep 0.01
sleep x
sleep 0.001 0.001
true
false
yes no | head -1
seq 1 2 7
seq -w 8 10
seq -s , 3
seq 3 -1 1
seq 0.1 0.1 0.3
factor 97 100
expr 5 + 3
expr abc : 'a\(.\)'
expr 1 / 0
numfmt --to=iec 1048576
date -u -d '2020-01-01' +%j
chcon x y
runcon x
pinky -l root | head -1
dircolors -b | head -1 | cut -c1-10
nl <<<a
fmt -w 10 <<<'a b c d e f g h'
END
cd /; rm -rf $work
