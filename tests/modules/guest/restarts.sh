# restarts.sh ROUNDS MODULE...: each is restarted by order; what it serves goes on.
. /tests/common.sh
# With all that stand on it.
back() { [ "$(module_restarts "$1")" -gt "$2" ] && ! grep -qv '^[^ ]* live ' $health; } 2>/dev/null
order() {
    before=$(module_restarts "$1")
    # The call that orders the restart of sysfs goes with it.
    echo "restart $1" >/sys/kernel/tenon/module_control 2>/dev/null || [ "$1" = sysfs ] || fail "restart $1"
    wait_for back "$1" "$before"
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
    [ $i != 1 ] || { snapshot first >/dev/null; snapshot before; }
    for m in "$@"; do
        order "$m"
        well "$m"
    done
    i=$((i + 1))
done
# What was looked at before is forgotten with sysfs.
snapshot last >/dev/null
snapshot after
echo done
