# timeout 900
# strace decodes a pipeline, a process that it attaches to, calls that it answers itself, and signals.
export LC_ALL=C HOME=/root TERM=dumb DEBUGINFOD_URLS=
mkdir -p /tmp/tr; cd /tmp/tr
# What differs from run to run: numbers of processes and threads, addresses.
same() { sed -E 's/0x[0-9a-f]+/ADDR/g; s/(LWP|process|Process|pid) [0-9]+/\1 N/g; s/si_pid=[0-9]+/si_pid=N/; s/si_(u|s)time=[0-9]+/si_\1time=T/g'; }
echo "-- strace"
printf 'one\ntwo\nthree\n' >in
strace -f -o log -e trace=execve,pipe2,clone,vfork,openat,wait4,unlinkat,mkdir,rename,chdir,kill,socket \
    sh -c 'mkdir d; mv in d/in; cd d; sort in | head -n 1 >out; cat nothing 2>/dev/null; rm out; kill -0 $$; exit 3'; echo "status $?"
# A call that another task's line cut in two is put together again; each task by itself, in the order of their first words.
awk '{ p = $1; sub(/^[0-9]+ +/, ""); if (/ <unfinished \.\.\.>$/) { sub(/ <unfinished \.\.\.>$/, ""); half[p] = $0; next }
       if (sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "")) $0 = half[p] $0; out[p] = out[p] $0 "\n" }
     END { for (p in out) printf "%s\n", out[p] }' log |
    grep -vE '^(openat.*(/lib/|/etc/ld|locale|/proc/)|brk|--- SIGCHLD|.*ENOTTY|wait4\(-1, (0x[0-9a-f]+|\[.*\]), WNOHANG)' |
    sed -E 's/(clone|vfork|wait4|kill|pipe2)(\(.*\) += )[1-9][0-9]*$/\1\2N/; s/wait4\([0-9]+,/wait4(N,/; s/kill\([0-9]+/kill(N/; s/vars \*\//vars/; s/[0-9]+ vars/V vars/; s/ +=/ =/' | same | grep . | sort
strace -c -o counts -e trace=openat,read cat d/in >/dev/null; awk '$NF == "openat" || $NF == "total" { print $NF }' counts
strace -f -o log -y -e trace=write,read -P /tmp/tr/d/in cat d/in; same <log | sed -E 's/^[0-9]+ +//'
strace -o log -e inject=getcwd:error=EACCES:when=1 pwd -P; grep -o 'EACCES.*INJECTED.*' log
{ strace -o log -e trace=none -e signal=all sh -c 'kill -USR1 $$' ; } 2>/dev/null; echo "status $?"; same <log
sleep 100 & p=$!; until grep -q sleep /proc/$p/comm && grep -q '^State:.S' /proc/$p/status; do sleep 0.1; done; strace -q -o log -e trace=pause,exit_group -p $p & until grep -q '^TracerPid:.[1-9]' /proc/$p/status; do sleep 0.1; done
kill -TERM $p; wait $p 2>/dev/null; echo "status $?"; wait; same <log
cd /; rm -r /tmp/tr
