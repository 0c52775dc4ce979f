# disk.sh: a disk of null_block as programs see it, then its driver going and coming under load.
# /tests/stamps is programs/stamps.c.
. /tests/common.sh
hold=/sys/block/nullb0/hold
# The program works in the background, until it is told to end.
start() {
    /tests/stamps /dev/nullb0 600 4 "$1" &
    wait_for grep -q '259 *0 nullb0 [1-9]' /proc/diskstats
}
end() {
    kill -TERM $!
    wait $! || fail "the program saw it"
}
report() {
    echo "$1 holds=$(hold_value $hold holds) replayed=$(hold_value $hold replayed)" \
         "refused=$(hold_value $hold refused) longest_us=$(hold_value $hold longest_us)"
}
used() {
    modprobe null_block size_mb=16 queues=2 completion="$1" || fail "load $1"
    ls -l /dev/nullb0 | grep -q '^brw-rw---- .* 259, ' || fail "node"
    [ "$(cat /sys/block/nullb0/size)" = 32768 ] || fail "size"
    [ "$(cat /sys/block/nullb0/queue/logical_block_size)" = 512 ] || fail "queue"
    grep -q '259 *0 *16384 nullb0' /proc/partitions || fail "partitions"
    echo "hello, disk" >/tmp/text
    dd if=/tmp/text of=/dev/nullb0 bs=12 seek=1000 conv=fsync 2>/dev/null || fail "write"
    [ "$(dd if=/dev/nullb0 bs=12 skip=1000 count=1 2>/dev/null)" = "hello, disk" ] || fail "read"
    dd if=/dev/zero of=/dev/nullb0 bs=1M 2>/tmp/why && fail "wrote past the end"
    grep -q 'No space left' /tmp/why || fail "$(cat /tmp/why)"
    [ "$(wc -c </dev/nullb0)" = 16777216 ] || fail "length"
    exec 3</dev/nullb0
    rmmod null_block 2>/dev/null && fail "unloaded while open"
    exec 3<&-
    /tests/stamps /dev/nullb0 2 4 "$2" || fail "stamps $1"
    grep -q '259 *0 nullb0 [1-9]' /proc/diskstats || fail "diskstats"
    rmmod null_block || fail "unload"
    test -e /dev/nullb0 && fail "the node stays"
}
cycles() {
    i=0
    while [ $i -lt "$1" ]; do
        modprobe null_block size_mb=4 && dd if=/dev/zero of=/dev/nullb0 bs=64k count=4 conv=fsync 2>/dev/null &&
            rmmod null_block || fail "cycle $i"
        i=$((i + 1))
    done
}
# The driver goes by force and comes again, COUNT times, while a program works.
gone_and_back() {
    modprobe null_block size_mb=16 queues=2 completion="$1" completion_ns=200000
    start 7
    i=0
    while [ $i -lt "$2" ]; do
        sleep 0.3
        rmmod -f null_block 2>/dev/null || fail "rmmod -f $i"
        [ "$(cut -d' ' -f1 $hold)" = held ] || fail "not held"
        sleep 0.2
        modprobe null_block size_mb=16 queues=2 completion="$1" completion_ns=200000 || fail "again $i"
        i=$((i + 1))
    done
    end
    report "held_$1"
    echo 0 >/sys/module/block_core/parameters/hold_always
    rmmod null_block || fail "unload"
    echo 1 >/sys/module/block_core/parameters/hold_always
}
# ordered MODE COUNT ORDER: while a program works, which sees only delay.
ordered() {
    modprobe null_block size_mb=16 queues=2 completion="$1" completion_ns=200000
    start 11
    restarted_under_load null_block "$2" "$3"
    end
    report "${3%% *}_$1"
    rmmod null_block || fail "unload"
}
modprobe block_core
case $1 in
again)
    new=/usr/lib/modules/$(uname -r)/kernel/null_block.ko
    ordered timer 5 "update $new"
    ordered worker 5 "update $new"
    ordered inline 5 "update $new"
    ordered timer 3 "restart null_block"
    # What was written before an update is there after it.
    modprobe null_block size_mb=16
    exec 3<>/dev/nullb0
    echo "kept" >&3
    exec 3<&-
    exec 3<>/dev/nullb0
    echo "update /nonexistent.ko" >/sys/kernel/tenon/module_control 2>/dev/null && fail "updated"
    echo "update $new" >/sys/kernel/tenon/module_control || fail "update"
    read -r word <&3
    [ "$word" = kept ] || fail "read $word"
    exec 3<&-
    rmmod null_block
    ;;
use)
    used inline 1
    used timer 2
    used worker 3
    cycles 20
    snapshot first >/dev/null
    snapshot before
    cycles "$2"
    snapshot after
    ;;
hold)
    echo 1 >/sys/module/block_core/parameters/hold_always
    gone_and_back inline 5
    gone_and_back timer 5
    gone_and_back worker 5
    # Nobody comes: the program's calls end, and the disk goes.
    echo 300 >/sys/module/block_core/parameters/hold_ms
    modprobe null_block size_mb=16
    exec 3<>/dev/nullb0
    echo "kept" >&3
    rmmod -f null_block
    dd if=/dev/nullb0 of=/dev/null bs=4k count=1 iflag=direct 2>/tmp/why && fail "a read of nothing"
    grep -q 'Input/output error' /tmp/why || fail "$(cat /tmp/why)"
    test -e /dev/nullb0 && fail "the node stays"
    exec 3>&-
    # A disk of another size is another disk.
    echo 5000 >/sys/module/block_core/parameters/hold_ms
    modprobe null_block size_mb=16
    rmmod -f null_block
    modprobe null_block size_mb=8
    [ "$(cat /sys/block/nullb0/size)" = 16384 ] || fail "size of the new one"
    echo 0 >/sys/module/block_core/parameters/hold_always
    rmmod null_block
    ;;
esac
rmmod block_core || fail "unload of block_core"
echo done
