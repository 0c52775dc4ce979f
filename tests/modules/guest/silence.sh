# silence.sh: a driver that failed did not tell its device to stop; the bus does, before memory is given back.
. /tests/common.sh
name=$(basename /sys/bus/pci/drivers/edu/0000:*)
device=/sys/bus/pci/devices/$name
masters() { [ $(($(od -An -tu1 -j 4 -N 1 $device/config) & 4)) != 0 ]; }
masters || fail "a bound edu reaches no memory"
echo nobody >$device/driver_override  # the next instance finds no device
tmod restart edu
wait_for absent $device/driver
masters && fail "nobody's device reaches memory"
echo >$device/driver_override
bound() { test -c /dev/edu || echo $name 2>/dev/null >/sys/bus/pci/drivers/edu/bind; }
wait_for bound
wait_for test -c /dev/edu
masters || fail "a bound edu reaches no memory"
echo 6 >/dev/edu
[ "$(cat /dev/edu)" = 720 ] || fail factorial
echo done
