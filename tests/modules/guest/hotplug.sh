# hotplug.sh: does what each line of its input says, and answers "ok ..." or what went wrong. The
# machine has an edu of its own (/dev/edu); the one that comes and goes is /dev/edu1.
port=/sys/bus/pci/drivers/pcie_hotplug
wait_for() {
    n=0
    until eval "$1"; do
        n=$((n + 1))
        [ $n -lt 1000 ] || { echo "no: $1"; exit 1; }
        sleep 0.01
    done
}
slot=$(echo $port/0000:*)
byte() { od -An -tu1 -j "$1" -N 1 "$slot/config" | tr -d ' '; }
express=$(byte 52)
while [ "$(byte "$express")" != 16 ]; do express=$(byte $((express + 1))); done
# Slot Control: its interrupts stay, 7 above is power off, indicator off. Nobody asks the driver.
low=$(printf '\\%o' "$(byte $((express + 0x18)))")
surprise() {
    printf "$low\\007" | dd of="$slot/config" bs=2 seek=$(((express + 0x18) / 2)) conv=notrunc 2>/dev/null
}
while read -r order; do
    case $order in
        bound) wait_for 'test -c /dev/edu1' ;;
        work)
            exec 3<>/dev/edu1
            for n in 5 6 7; do
                echo $n >&3 || { echo "no: write"; exit 1; }
            done
            [ "$(cat /dev/edu1)" = 5040 ] || { echo "no: factorial"; exit 1; }
            # Somebody is inside the driver when the device goes. By DMA: QEMU 7.2 stops for good
            # when its edu goes in the middle of a factorial.
            (while dd if=/dev/edu1 of=/dev/null bs=1024 skip=4 count=1; do :; done) </dev/null >/dev/null 2>&1 &
            ;;
        gone) wait_for '! test -e /dev/edu1' ;;
        surprise)
            surprise
            wait_for '! test -e /dev/edu1'
            ;;
        dead)
            # The descriptor outlived its device.
            if echo 5 >&3; then
                echo "no: a dead descriptor took a write"
                exit 1
            fi 2>/tmp/why
            grep -q 'No such device' /tmp/why || { echo "no: $(cat /tmp/why)"; exit 1; }
            exec 3>&-
            wait
            ;;
        count)
            sleep 1
            set -- /proc/[0-9]*
            awk -v tasks=$# '
                FILENAME == "/proc/meminfo" && /^Mem(Total|Free):/ { kib[$1] = $2 }
                FILENAME == "/proc/slabinfo" && FNR > 2 { n += $2 }
                END { printf "ok tasks=%d pages=%d objects=%d", tasks,
                      (kib["MemTotal:"] - kib["MemFree:"]) / 4, n }' /proc/meminfo /proc/slabinfo
            echo " interrupts=$(wc -l </proc/interrupts) nodes=$(find /dev | wc -l)" \
                 "sysfs=$(find /sys | wc -l) mappings=$(wc -l </proc/iomem)" \
                 "devices=$(wc -l </proc/devices)"
            continue
            ;;
    esac
    echo ok
done
