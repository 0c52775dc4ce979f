# hostile.sh SEED COUNT: damaged modules by the thousand; the kernel goes on and has lost nothing.
dmesg -n 1
counts() {
    awk -v name="$1" '/^Mem(Total|Free):/ { k[$1] = $2 } END { printf "%s pages=%d", name, (k["MemTotal:"] - k["MemFree:"]) / 4 }' /proc/meminfo
    awk 'NR > 2 { n += $2 } END { printf " objects=%d", n }' /proc/slabinfo
    echo " modules=$(wc -l </proc/modules)"
}
counts first >/dev/null
/tests/hostile /tests/victim.ko 1 100 >/dev/null
counts before
/tests/hostile /tests/victim.ko "$1" "$2"
echo "status $?"
counts after
insmod /tests/victim.ko && echo "the whole file loads" && rmmod ktest_victim
modprobe symbols_user && rmmod symbols_user && echo "others load"
