# restart_tty.sh: the terminals' modules are restarted under the console itself. What is found goes to the kernel's log,
# for the line that brought us here is cut.
. /tests/common.sh
say() {
    echo "restart_tty: $*" >/dev/kmsg
}
work() {
    exec </dev/null >/dev/null 2>&1
    for m in pty serial tty serial tty; do
        before=$(module_restarts $m)
        echo "restart $m" >/sys/kernel/tenon/module_control || say "no order for $m"
        n=0
        until [ "$(module_restarts $m)" != "$before" ] && ! grep -qv '^[^ ]* live ' $health; do
            n=$((n + 1))
            [ $n -lt 100 ] || say "$m does not come back"
            [ $n -lt 100 ] || poweroff -f
            sleep 0.05
        done
        stty -F /dev/ttyS0 -echo && echo "text" >/dev/ttyS0 || say "$m: no line"
        (exec 3<>/dev/ptmx) || say "$m: no ptmx"
        say "$m came back"
    done
    say "all well"
}
# In a session of its own, which no terminal hangs up; the agent's line is quiet meanwhile.
if [ "$1" = work ]; then
    work
else
    setsid sh "$0" work
    echo done
fi
