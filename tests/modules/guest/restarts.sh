# restarts.sh ROUNDS MODULE...: each is restarted by order; what it serves goes on.
fail() {
    echo "failed: $*"
    cat /sys/kernel/tenon/module_health
    exit 1
}
restarts() {
    awk -v name="$1" '$1 == name { sub("restarts=", "", $4); print $4 }' /sys/kernel/tenon/module_health
}
order() {
    before=$(restarts "$1")
    # The call that orders the restart of sysfs goes with it.
    echo "restart $1" >/sys/kernel/tenon/module_control 2>/dev/null || [ "$1" = sysfs ] || fail "restart $1"
    n=0
    # With all that stand on it.
    until [ "$(restarts "$1")" != "$before" ] && ! grep -qv '^[^ ]* live ' /sys/kernel/tenon/module_health; do
        n=$((n + 1))
        [ $n -lt 200 ] || fail "$1 does not come back"
        sleep 0.05
    done
}
# A bit of everything that the modules serve.
well() {
    [ "$(cat /proc/self/comm)" = cat ] || fail "$1: /proc/self"
    [ -d /proc/$$/fd ] || fail "$1: /proc/PID"
    grep -q '^proc /proc proc ' /proc/mounts || fail "$1: mounts"
    echo x >/dev/null || fail "$1: /dev/null"
    [ "$(head -c 3 /dev/zero | wc -c)" = 3 ] || fail "$1: /dev/zero"
    [ -c /dev/ttyS0 ] || fail "$1: /dev/ttyS0"
    echo $$ >/dev/shm/probe && [ "$(cat /dev/shm/probe)" = $$ ] || fail "$1: /dev/shm"
    [ -c /dev/pts/ptmx ] || fail "$1: /dev/pts"
    [ -e /sys/class/tty/ttyS0 ] || fail "$1: /sys/class"
    [ "$(ls /sys/bus/pci/devices | wc -l)" = "$pci" ] || fail "$1: PCI devices"
    [ "$(ls /dev | wc -l)" = "$nodes" ] || fail "$1: nodes: $(ls /dev)"
    [ "$(wc -l </proc/modules)" = "$modules" ] || fail "$1: modules"
    dmesg -r >/dev/null 2>&1 || dmesg >/dev/null || fail "$1: dmesg"
    (exec 3<>/dev/ptmx) 2>/dev/null || fail "$1: ptmx"
    /tests/local || fail "$1: sockets"
}
snapshot() {
    sleep 1
    awk -v name="$1" '/^Mem(Total|Free):/ { kib[$1] = $2 }
        END { printf "%s pages=%d", name, (kib["MemTotal:"] - kib["MemFree:"]) / 4 }' /proc/meminfo
    awk 'NR > 2 { n += $2 } END { print " objects=" n }' /proc/slabinfo
}
rounds=$1
shift
for m in "$@"; do modprobe "$m" || fail "load $m"; done
/tests/local || fail sockets
sleep 0.2
pci=$(ls /sys/bus/pci/devices | wc -l)
nodes=$(ls /dev | wc -l)
modules=$(wc -l </proc/modules)
well first
i=0
while [ $i -lt "$rounds" ]; do
    [ $i != 1 ] || snapshot before
    for m in "$@"; do
        order "$m"
        well "$m"
    done
    i=$((i + 1))
done
snapshot after
echo done
