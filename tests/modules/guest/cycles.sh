# cycles.sh COUNT: loads, uses and unloads edu; prints what the kernel holds before and after.
# The machine has one edu device, which loaded the module at boot.
. /tests/common.sh
cycles() {
    i=0
    while [ $i -lt "$1" ]; do
        modprobe edu && echo 5 >/dev/edu && read -r n </dev/edu && [ "$n" = 120 ] &&
            dd if=/dev/edu of=/dev/null bs=4 skip=1024 count=1 2>/dev/null && rmmod edu || exit 1
        i=$((i + 1))
    done
}
rmmod edu
cycles 40
snapshot first >/dev/null
snapshot before
cycles "$1"
snapshot after
