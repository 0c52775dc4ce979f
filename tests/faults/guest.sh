# guest.sh FIRST [PARAMETERS]: commits the faults of /tests/pairs from line FIRST on, and looks after each what became of
# the machine. Two lines each: "N KIND CONTEXT begin" and "N KIND CONTEXT detected=0|1 served=0|1 others=0|1 cpus=0|1".
control=/sys/kernel/tenon/module_control
health=/sys/kernel/tenon/module_health
module=/tests/fault_lab.ko
cpus=$(nproc)

faults() {
    f=$(sed -n 's/^fault_lab .* faults=\([0-9]*\) .*/\1/p' $health)
    echo "${f:-0}"
}
state() { sed -n 's/^fault_lab \([a-z]*\) .*/\1/p' $health; }
# The service: it tells its kinds. Opened for reading only, for the shell would make a file where no node is.
served() {
    test "$(state)" = quarantined && echo release fault_lab >$control
    test -c /dev/fault_lab && test "$(timeout 3 head -n 1 /dev/fault_lab)" = "null_read any"
}
# soon TIMES COMMAND...: polls it every 10 ms. By times and not by the clock: a busy host makes each of them longer.
# A line now and then says that the machine is not silent.
soon() {
    left=$1
    shift
    until "$@"; do
        left=$((left - 1))
        test $left -le 0 && return 1
        test $((left % 100)) != 0 || echo waiting >&3
        usleep 10000
    done
}
noticed() { test "$(faults)" -gt "$1"; }
said() { "$@" >/dev/null 2>&1 && echo 1 || echo 0; }
others() { modprobe symbols_user && rmmod symbols_user symbols_provider; }
every_cpu() {
    c=0
    while test $c -lt $cpus; do
        timeout 2 taskset $(printf %x $((1 << c))) true || return 1
        c=$((c + 1))
    done
}

exec 3>&1
insmod $module $2 || exit 1
line=0
while read kind context; do
    line=$((line + 1))
    test $line -lt "$1" && continue
    echo "$line $kind $context begin"
    before=$(faults)
    case $context in
        create) insmod $module 2>/dev/null; rmmod fault_lab; insmod $module in_create=1 2>/dev/null ;;
        exit) timeout 5 sh -c "echo $kind exit >/dev/fault_lab"; timeout 20 rmmod fault_lab ;;
        *) (echo $kind $context >/dev/fault_lab) 2>/dev/null & ;;
    esac
    # What merely sleeps is nobody's fault: the operator ends it. So is what does not happen.
    case $kind$2 in
        sleep_for_ever* | mutex_deadlock* | *armed=0*) times=200 ;;
        *) times=1000 ;;
    esac
    detected=$(said soon $times noticed $before)
    test $detected = 1 || test -n "$2" || echo restart fault_lab >$control
    case $context in create | exit) insmod $module $2 2>/dev/null ;; esac
    served=$(said soon 1000 served)
    echo "$line $kind $context detected=$detected served=$served others=$(said others) cpus=$(said every_cpu)"
    if test $served = 0; then
        ls -l /dev/fault_lab >&2
        cat $health >&2
        grep fault_lab /proc/modules >&2
        dmesg | tail -n 30 >&2
        exit 3
    fi
done </tests/pairs
rmmod fault_lab
echo end
