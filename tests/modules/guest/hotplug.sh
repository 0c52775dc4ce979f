# hotplug.sh: does what each line of its input says, and answers "ok ..." or what went wrong. The
# machine has an edu of its own (/dev/edu); the one that comes and goes is /dev/edu1.
. /tests/common.sh
port=/sys/bus/pci/drivers/pcie_hotplug
slot=$(echo $port/0000:*)
byte() { od -An -tu1 -j "$1" -N 1 "$slot/config" | tr -d ' '; }
# capability NUMBER: where it lies in the slot's configuration space.
capability() {
    at=$(byte 52)
    while [ "$(byte "$at")" != "$1" ]; do at=$(byte $((at + 1))); done
    echo "$at"
}
express=$(capability 16)
interrupts() { awk '$NF == "virtio_rng" { for (i = 2; i < NF - 1; i++) n += $i } END { print n + 0 }' /proc/interrupts; }
# Slot Control: its interrupts stay, 7 above is power off, indicator off. Nobody asks the driver.
low=$(printf '\\%o' "$(byte $((express + 0x18)))")
surprise() {
    printf "$low\\007" | dd of="$slot/config" bs=2 seek=$(((express + 0x18) / 2)) conv=notrunc 2>/dev/null
}
while read -r order; do
    case $order in
        bound) wait_for test -c /dev/edu1 ;;
        work)
            exec 3<>/dev/edu1
            for n in 5 6 7; do
                echo $n >&3 || fail write
            done
            [ "$(cat /dev/edu1)" = 5040 ] || fail factorial
            # Somebody is inside the driver when the device goes. By DMA: QEMU 7.2 stops for good
            # when its edu goes in the middle of a factorial.
            (while dd if=/dev/edu1 of=/dev/null bs=1024 skip=4 count=1; do :; done) </dev/null >/dev/null 2>&1 &
            ;;
        gone) wait_for absent /dev/edu1 ;;
        surprise)
            surprise
            wait_for absent /dev/edu1
            ;;
        dead)
            # The descriptor outlived its device.
            echo 5 2>/tmp/why >&3 && fail "a dead descriptor took a write"
            grep -q 'No such device' /tmp/why || fail "$(cat /tmp/why)"
            exec 3>&-
            wait
            ;;
        unload)
            rmmod edu || fail rmmod
            absent /dev/edu || fail "a node without a driver"
            ;;
        loaded) # by the modalias of what came, with the device that had no driver
            wait_for test -c /dev/edu1
            grep -q '^edu ' /proc/modules && [ -c /dev/edu ] || fail "not loaded"
            ;;
        msix)
            slot=$(echo /sys/bus/pci/drivers/virtio_rng/0000:*)
            [ $(($(byte $(($(capability 17) + 3))) & 0xc0)) = 128 ] || fail "MSI-X is not on, or masked"
            before=$(interrupts)
            [ "$(dd if=/dev/hwrng bs=64 count=4 2>/dev/null | wc -c)" = 256 ] || fail "no bytes"
            [ "$(interrupts)" -gt "$before" ] || fail "no interrupt"
            slot=$(echo $port/0000:*)
            ;;
        count)
            snapshot ok
            continue
            ;;
    esac
    echo ok
done
