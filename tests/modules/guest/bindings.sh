# bindings.sh COUNT: takes edu from its driver and gives it back, with a descriptor held open.
driver=/sys/bus/pci/drivers/edu
name=$(basename $driver/0000:*)
device=/sys/bus/pci/devices/$name
fail() {
    echo "no: $*"
    exit 1
}
dead() {
    cat <&3 >/dev/null 2>/tmp/why && fail "read of a dead descriptor"
    grep -q 'No such device' /tmp/why || fail "$(cat /tmp/why)"
    echo 5 2>/tmp/why >&3 && fail "write to a dead descriptor"
    grep -q 'No such device' /tmp/why || true
}
snapshot() {
    sleep 1
    set -- "$1" /proc/[0-9]*
    awk -v name="$1" -v tasks=$# '
        FILENAME == "/proc/meminfo" && /^Mem(Total|Free):/ { kib[$1] = $2 }
        FILENAME == "/proc/slabinfo" && FNR > 2 { n += $2 }
        END { printf "%s tasks=%d pages=%d objects=%d", name, tasks,
              (kib["MemTotal:"] - kib["MemFree:"]) / 4, n }' /proc/meminfo /proc/slabinfo
    echo " interrupts=$(wc -l </proc/interrupts) nodes=$(find /dev | wc -l)" \
         "sysfs=$(find /sys | wc -l) mappings=$(wc -l </proc/iomem) devices=$(wc -l </proc/devices)"
}
cycle() {
    echo $name >$driver/unbind || fail unbind
    dead
    test -e /dev/edu && fail "a node without a device"
    echo $name >$driver/bind || fail bind
    echo 6 >/dev/edu || fail write
    read -r n </dev/edu
    [ "$n" = 720 ] || fail "factorial: $n"
}
exec 3<>/dev/edu
cycle
dead  # it does not come back to life with a new device
# Everything else answers for itself.
exec 3>&-
exec 3<>/dev/edu
echo $name >$driver/unbind
echo $name 2>/dev/null >$driver/unbind && fail "unbound twice"
echo virtio_rng >$device/driver_override
echo $name 2>/dev/null >$driver/bind && fail "bound against the override"
echo >$device/driver_override
grep -q '^driver: -$' $device/bind_log || fail "$(cat $device/bind_log)"
grep -q '^matching: edu$' $device/bind_log || fail "$(cat $device/bind_log)"
echo $name >$driver/bind
grep -q '^driver: edu$' $device/bind_log || fail "$(cat $device/bind_log)"
# A device taken off the bus comes back with the next look at it.
echo 1 >$device/remove
test -e $device && fail "still there"
dead
echo 1 >/sys/bus/pci/rescan
test -e $device || fail "not found again"
i=0
until test -c /dev/edu; do
    i=$((i + 1))
    [ $i -lt 500 ] || fail "not bound again"
    sleep 0.01
done
exec 3>&-
exec 3<>/dev/edu
i=0
while [ $i -lt 20 ]; do cycle; i=$((i + 1)); done
snapshot first >/dev/null
snapshot before
i=0
while [ $i -lt "$1" ]; do cycle; i=$((i + 1)); done
snapshot after
cat $device/bind_log
