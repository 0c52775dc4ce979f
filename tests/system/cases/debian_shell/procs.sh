#include shell.inc
# Replaces what differs from run to run: numbers of three digits and more.
n() { sed 's/[0-9]\{3,\}/N/g'; }
sleep 100 & victim=$!
commands <<'END'
ps -o comm= -p $victim
ps -o stat=,ni=,cls=,policy=,rtprio=,pri=,nlwp=,tty= -p $victim
ps -o user=,group=,uid=,gid=,euser=,ruser=,suser=,fuser= -p $victim
ps -o args=,cmd=,ucmd= -p $victim
ps -o ppid= -p $victim | awk -v p=$$ '{print $1 == p}'
ps -o pgid=,sid=,pid= -p $victim | awk -v p=$$ '{print ($1 != $3)}'
ps -o time=,cputime= -p $victim
ps -o vsz=,rss= -p $victim | awk '{print ($1 > 1000), ($2 > 100)}'
ps -o wchan= -p $victim | grep -c .
ps -o psr=,c= -p $victim | awk '{print ($1 < 2), NF}'
ps -o sig=,sigmask=,ignored=,caught=,pending=,blocked= -p $victim
ps -o flags=,f= -p $victim
ps -o lstart= -p $victim | wc -w
ps -o tname=,tt=,tpgid= -p $victim
ps -o %cpu=,%mem=,cp= -p $victim | awk '{print ($1 < 50), ($2 < 50)}'
ps -o maj_flt=,min_flt= -p $victim | awk '{print NF}'
ps -o supgrp=,supgid= -p $victim
ps -o nosuch -p $victim
ps -p 999999
ps -p $victim -o pid= | wc -l
ps -q $victim -o comm=
ps --ppid $$ -o comm= | sort | head -1
ps -C sleep -o comm= | head -1
ps -u root -o comm= | grep -c sleep
ps -U 5
ps -t nosuch
ps -e -o pid= | awk '$1 == 1' | wc -l
ps -p 1 -o ppid=,pgid=,sid=,user=
ps -e -o comm= | grep -cx ps
ps aux | head -1
ps -ef | head -1
ps -ejH | head -1
ps axjf | head -1
ps -eLf | head -1
ps -l -p $victim | head -1
ps -ly -p $victim | head -1
ps u -p $victim | tail -1 | awk '{print $1, $7, $8, $11, $12}'
ps -F -p $victim | head -1
ps -o pid,comm --no-headers -p $victim | awk '{print $2}'
ps --sort=-pid -e -o comm= | head -1
ps --forest -e -o comm= | grep -c sleep
ps -o comm= --deselect -p $victim | grep -cx sleep
ps L | wc -l
ps m -o comm= -p $victim
ps -T -p $victim -o comm=
ps -o s=,state= -p $victim
pgrep -x sleep | wc -l
pgrep -P $$ -x sleep | wc -l
pgrep -l -P $$ sleep | awk '{print $2}'
pgrep -a -P $$ sleep | awk '{print $2, $3}'
pgrep -f 'sleep 100' -P $$ | wc -l
pgrep -c -P $$ sleep
pgrep -n -x sleep | grep -c .
pgrep -o -x sleep | grep -c .
pgrep -u root -x -c sleep
pgrep -u 5 .
pgrep -s 0 -c sleep
pgrep -g 0 -c . | grep -c .
pgrep -d , -P $$ sleep | grep -c .
pgrep -r S -P $$ -c sleep
pgrep nosuchprocess
pgrep
pidof sleep | wc -w
pidof nosuchprocess
pidof -s sleep | wc -w
pidwait nosuch
pkill -0 -P $$ -x sleep
pkill -STOP -P $$ -x sleep; sleep 0.1; ps -o stat= -p $victim
pkill -CONT -P $$ -x sleep; sleep 0.1; ps -o stat= -p $victim
pkill -e -WINCH -P $$ -x sleep | n
pkill nosuchprocess
skill -l | wc -w
renice 5 -p $victim | n; ps -o ni= -p $victim
renice -n 3 $victim | n; ps -o ni= -p $victim
renice -n 30 -p $victim | n; ps -o ni= -p $victim
renice -5 $victim | n; ps -o ni= -p $victim
renice 1 -p 999999
renice x -p $victim
renice 1 -u nosuchuser
setpriv --reuid 1000 --clear-groups renice -n 1 -p $victim |& n
nice
nice -n 5 nice
nice -n -5 nice
nice -n 100 nice
nice nosuch
setpriv --reuid 1000 --clear-groups nice -n -5 nice
ionice -p $victim
ionice -c 2 -n 3 -p $victim; ionice -p $victim
ionice -c 3 -p $victim; ionice -p $victim
ionice -c 1 -n 0 -p $victim; ionice -p $victim
ionice -c 0 -p $victim; ionice -p $victim
ionice -c 2 -n 1 ionice
ionice -c 9 true
ionice -p 999999
chrt -p $victim | n
chrt -f -p 10 $victim; chrt -p $victim | n; ps -o cls=,rtprio=,pri= -p $victim
chrt -r -p 20 $victim; chrt -p $victim | n
chrt -b -p 0 $victim; chrt -p $victim | n
chrt -i -p 0 $victim; chrt -p $victim | n; ps -o cls= -p $victim
chrt -o -p 0 $victim; chrt -p $victim | n
chrt -R -f -p 5 $victim; chrt -p $victim | n; chrt -o -p 0 $victim
chrt -m
chrt -f 200 true
chrt -f 10 chrt -p 0 | n
chrt -d --sched-runtime 1000000 --sched-deadline 10000000 --sched-period 10000000 0 true
chrt -p 999999
setpriv --reuid 1000 --clear-groups chrt -f 1 true
taskset -p $victim | n
taskset -cp $victim | n
taskset -p 1 $victim | n
taskset -cp 0 $victim | n; taskset -c 1 sh -c 'ps -o psr= -p $$; taskset -cp 0 $$ | n; ps -o psr= -p $$'
taskset -cp 0-1 $victim | n
taskset -cp 99 $victim |& n
taskset 1 nproc
taskset -c 1 sh -c 'awk "/Cpus_allowed_list/" /proc/self/status'
taskset -p 999999
taskset 0 true |& n
nproc
nproc --all
nproc --ignore=1
prlimit -p $victim --nofile
prlimit -p $victim --nofile=100:200; prlimit -p $victim -n -o SOFT,HARD --noheadings
prlimit -p $victim --core=unlimited:unlimited; prlimit -p $victim --core --noheadings --raw
prlimit --nofile=50 sh -c 'ulimit -n'
prlimit --cpu=1:2 sh -c 'ulimit -t; ulimit -Ht'
prlimit --stack=1000000: sh -c 'ulimit -s'
prlimit --nofile=300:100 true
prlimit --pid 999999 --nofile
prlimit --noheadings -o RESOURCE | sort
prlimit --noheadings -o RESOURCE,UNITS | awk '{print NF}' | sort | uniq -c | wc -l
setpriv --reuid 1000 --clear-groups prlimit -p $victim --nofile=10
cat /proc/$victim/limits | sed 's/[0-9]\{3,\}/N/g'
free | awk '{print $1, NF}'
free -h | awk '{print NF}'
free -b -t -w | awk '{print $1, NF}'
free -m | awk 'NR == 2 {print ($2 > 100), ($2 >= $3)}'
free -V | wc -l
free --kilo -s 0.01 -c 2 | wc -l
uptime | sed 's/[0-9]\+/N/g' | awk '{print $NF}'
uptime -p | grep -c up
uptime -s | wc -c
w -h | wc -l
w | wc -l
vmstat | awk '{print NF}'
vmstat 1 1 | wc -l
vmstat -s | sed 's/[0-9]\+/N/;s/^ *//' | sort
vmstat -f | sed 's/[0-9]\+/N/'
vmstat -D | wc -l | grep -c .
vmstat -a | head -2 | tail -1
vmstat -w | head -1 | wc -w
vmstat -m 2>&1 | head -1 | awk '{print $1, NF}'
slabtop -o 2>&1 | grep -c . | grep -c .
top -b -n 1 | sed -n '1,5p' | sed 's/[0-9.]\+/N/g;s/N users\?/N user/;s/ \+/ /g' | cut -d: -f1
top -b -n 1 -p $victim | tail -1 | awk '{print $2, $8, $12}'
top -b -n 1 -w 200 | sed -n 7p | tr -s ' '
top -b -n 1 -o PID -d 0.1 | wc -l | grep -c .
watch -V | wc -l
pmap $victim | head -1 | n
pmap $victim | tail -1 | awk '{print $1, NF}'
pmap -x $victim | sed -n 2p
pmap -d $victim | tail -1 | n
pmap -X $victim | sed -n 2p | sed 's/ProtectionKey//' | wc -w
pmap 999999
pwdx $victim | sed "s,$work,W,;s/[0-9]\+/N/"
pwdx 999999
pstree -A $victim
pstree -Aa $victim
pstree -Ap $victim | n
pstree -As $victim | tail -c 7
killall -0 sleep
killall nosuchprocess
killall -l | wc -w
fuser /nosuch 2>/dev/null
exec 7>f; fuser f 2>/dev/null | wc -w; exec 7>&-
fuser f 2>/dev/null
prtstat $victim | head -3 | n
sysctl kernel.ostype
sysctl -n kernel.pid_max | grep -c .
sysctl -n kernel.hostname | grep -c .
sysctl nosuch.key
sysctl -e nosuch.key
sysctl -N kernel.ostype
sysctl -b kernel.ostype; echo
sysctl kernel/ostype
sysctl -w kernel.domainname=example; sysctl kernel.domainname; sysctl -w kernel.domainname='(none)'
sysctl -w kernel.ostype=x
sysctl -w vm.swappiness=50; cat /proc/sys/vm/swappiness; sysctl -qw vm.swappiness=60
sysctl -w kernel.panic=x
sysctl -w kernel.panic=
sysctl -r 'kernel.(ostype|osrelease)' | cut -d= -f1
sysctl -a 2>/dev/null | grep -c '^kernel\.ostype'
setpriv --reuid 1000 --clear-groups sysctl -w vm.swappiness=1
kill $victim; wait $victim
ps -p $victim -o comm=
cat /proc/$victim/stat |& n
(sleep 0.3 & exec sh -c 'sleep 0.1; sleep 100') & z=$!; sleep 0.6; ps -o stat= --ppid $z | sort | tr -d '\n'; kill $z; pkill -f 'sleep 100'; wait
sh -c 'sh -c "sleep 0.2" & exec sleep 0.4' & sleep 0.3; ps -o stat=,comm= --ppid $!; wait
sh -c 'ps -o stat= -p $$'
setsid sh -c 'ps -o stat=,tt= -p $$'
END
cd /; rm -rf $work
