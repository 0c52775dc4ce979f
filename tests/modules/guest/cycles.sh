# cycles.sh COUNT: loads, uses and unloads edu; prints what the kernel holds before and after.
# The machine has one edu device, which loaded the module at boot.
snapshot() {
    sleep 1  # what is given back by RCU and by work queues
    name=$1
    set -- /proc/[0-9]*  # counted before anything is started for counting
    tasks=$#
    awk -v name="$name" '
        /^Mem(Total|Free):/ { kib[$1] = $2 }
        END { printf "%s pages=%d", name, (kib["MemTotal:"] - kib["MemFree:"]) / 4 }' /proc/meminfo
    awk 'NR > 2 { n += $2 } END { printf " objects=%d", n }' /proc/slabinfo
    echo " interrupts=$(wc -l </proc/interrupts) nodes=$(find /dev | wc -l)" \
         "devices=$(wc -l </proc/devices) sysfs=$(find /sys | wc -l) modules=$(wc -l </proc/modules)" \
         "tasks=$tasks mappings=$(wc -l </proc/iomem)"
}
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
snapshot first >/dev/null  # its own look at /dev and /sys fills the dentry cache
snapshot before
cycles "$1"
snapshot after
