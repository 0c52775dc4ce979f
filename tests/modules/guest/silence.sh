# silence.sh: a driver that failed did not tell its device to stop; the bus does, before memory is given back.
name=$(basename /sys/bus/pci/drivers/edu/0000:*)
device=/sys/bus/pci/devices/$name
masters() { [ $(($(od -An -tu1 -j 4 -N 1 $device/config) & 4)) != 0 ]; }
fail() {
    echo "no: $*"
    exit 1
}
masters || fail "a bound edu reaches no memory"
echo nobody >$device/driver_override  # the next instance finds no device
tmod restart edu
i=0
while test -e $device/driver; do
    i=$((i + 1))
    [ $i -lt 500 ] || fail "still bound"
    sleep 0.01
done
masters && fail "nobody's device reaches memory"
echo >$device/driver_override
i=0
until test -c /dev/edu || echo $name 2>/dev/null >/sys/bus/pci/drivers/edu/bind; do
    i=$((i + 1))
    [ $i -lt 500 ] || fail "not bound again"
    sleep 0.01
done
i=0
until test -c /dev/edu; do
    i=$((i + 1))
    [ $i -lt 500 ] || fail "no node"
    sleep 0.01
done
masters || fail "a bound edu reaches no memory"
echo 6 >/dev/edu
[ "$(cat /dev/edu)" = 720 ] || fail factorial
echo done
