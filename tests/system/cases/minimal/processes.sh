sleep 0.05 & p=$!; wait $p; echo $?
sh -c 'sleep 10' & p=$!; kill $p; wait $p 2>/dev/null; echo $?  # ash says "Terminated" if it waited in time
(exit 5) & wait $!; echo $?
trap 'echo usr1' USR1; kill -USR1 $$; echo after
trap '' TERM; sh -c 'kill -TERM $$; echo immune'; trap - TERM
nice -n 5 nice; nice
sh -c 'echo $PPID' | grep -c .
env -i A=1 sh -c 'echo $A $PATH' | cut -c1-3
ulimit -n; ulimit -s; ulimit -c
timeout 0.2 sleep 5; echo $?
for i in 1 2 3 4 5 6 7 8; do (exit $i) & done; wait; echo all
xargs -n 2 echo < /dev/null; seq 6 | xargs -n 2 echo
time -f done true 2>&1 | tail -1
setsid sh -c 'echo new session'
nohup true; echo $?
printf '#!/bin/sh\necho script $0 $1\n' > /tmp/s.sh; chmod +x /tmp/s.sh; /tmp/s.sh arg
printf '#!/nosuch/interp\n' > /tmp/s2; chmod +x /tmp/s2; /tmp/s2; echo $?
printf '\177ELFgarbage' > /tmp/s3; chmod +x /tmp/s3; /tmp/s3; echo $?
touch /tmp/s4; chmod -x /tmp/s4; /tmp/s4; echo $?
rm /tmp/s.sh /tmp/s2 /tmp/s3 /tmp/s4
