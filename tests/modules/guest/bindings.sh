# bindings.sh COUNT: takes edu from its driver and gives it back, with a descriptor held open.
. /tests/common.sh
driver=/sys/bus/pci/drivers/edu
name=$(basename $driver/0000:*)
device=/sys/bus/pci/devices/$name
dead() {
    cat <&3 >/dev/null 2>/tmp/why && fail "read of a dead descriptor"
    grep -q 'No such device' /tmp/why || fail "$(cat /tmp/why)"
    echo 5 2>/tmp/why >&3 && fail "write to a dead descriptor"
    grep -q 'No such device' /tmp/why || fail "$(cat /tmp/why)"
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
wait_for test -c /dev/edu
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
