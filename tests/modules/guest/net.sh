# net.sh: an interface of null_net as programs see it, then its driver going and coming under load.
# /tests/frames is programs/frames.c.
. /tests/common.sh
net=/sys/class/net/null0
up() {
    echo 0x1003 >$net/flags || fail "up"
}
# The program works in the background, until it is told to end.
sent() { [ "$(cat $net/statistics/tx_packets)" -gt 0 ]; }
start() {
    /tests/frames null0 600 2>/tmp/why &
    wait_for sent
}
end() {
    kill -TERM $!
    wait $! || fail "the program saw it: $(cat /tmp/why)"
}
report() {
    echo "$1 holds=$(hold_value $net/hold holds) lost=$(hold_value $net/hold lost)" \
         "refused=$(hold_value $net/hold refused) longest_us=$(hold_value $net/hold longest_us)" \
         "packets=$(cat $net/statistics/tx_packets) dropped=$(cat $net/statistics/tx_dropped)"
}
used() {
    modprobe null_net loopback=1 queues=2 completion="$1" || fail "load $1"
    [ "$(cat $net/operstate)" = down ] || fail "operstate"
    cat $net/carrier 2>/dev/null && fail "a carrier while down"
    echo 60 >$net/mtu && echo 1500 >$net/mtu || fail "mtu"
    echo 70000 >$net/mtu 2>/dev/null && fail "a large mtu"
    up
    [ "$(cat $net/carrier)" = 1 ] || fail "carrier"
    [ "$(cat $net/flags)" = 0x1003 ] || fail "flags"
    grep -q '^\([0-9a-f][0-9a-f]:\)\{5\}[0-9a-f][0-9a-f]$' $net/address || fail "address"
    /tests/frames null0 2 || fail "frames $1"
    awk '$1 == "null0:" { good = $3 > 100 && $3 == $11 && $2 == $10 } END { exit !good }' /proc/net/dev ||
        fail "$(cat /proc/net/dev)"
    report "used_$1"
    echo 0 >$net/flags
    up
    /tests/frames null0 1 || fail "frames $1 again"
    rmmod null_net || fail "unload"
    test -e $net && fail "the interface stays"
}
# Goes while a program uses it, for good: the program is told.
gone() {
    modprobe null_net loopback=1
    up
    start
    rmmod null_net || fail "unload"
    wait_for test -s /tmp/why
    kill -TERM $!
    wait $! && fail "the program saw nothing"
    cat /tmp/why
}
cycles() {
    i=0
    while [ $i -lt "$1" ]; do
        modprobe null_net loopback=1 queues=2 && echo 3 >$net/flags && /tests/frames null0 0 >/dev/null &&
            rmmod null_net || fail "cycle $i"
        i=$((i + 1))
    done
}
# The driver goes by force and comes again, COUNT times, while a program works.
gone_and_back() {
    modprobe null_net loopback=1 completion="$1" completion_ns=200000
    up
    index=$(cat $net/ifindex) address=$(cat $net/address)
    start
    i=0
    while [ $i -lt "$2" ]; do
        sleep 0.3
        rmmod -f null_net 2>/dev/null || fail "rmmod -f $i"
        [ "$(cut -d' ' -f1 $net/hold)" = held ] || fail "not held"
        # A larger one: what the program sends must always fit.
        echo 1600 >$net/mtu || fail "a setting while held"
        echo 1500 >$net/mtu
        sleep 0.2
        modprobe null_net loopback=1 completion="$1" completion_ns=200000 || fail "again $i"
        i=$((i + 1))
    done
    end
    [ "$index $address" = "$(cat $net/ifindex) $(cat $net/address)" ] || fail "another interface"
    report "held_$1"
    echo 0 >/sys/module/net_core/parameters/hold_always
    rmmod null_net || fail "unload"
    echo 1 >/sys/module/net_core/parameters/hold_always
}
# ordered MODE COUNT ORDER: while a program works.
ordered() {
    modprobe null_net loopback=1 completion="$1" completion_ns=200000
    up
    start
    restarted_under_load null_net "$2" "$3"
    end
    report "${3%% *}_$1"
    rmmod null_net || fail "unload"
}
modprobe net_packet
case $1 in
again)
    new=/usr/lib/modules/$(uname -r)/kernel/null_net.ko
    ordered timer 5 "update $new"
    ordered worker 5 "update $new"
    ordered inline 5 "update $new"
    ordered timer 3 "restart null_net"
    ordered inline 3 "restart null_net"
    ;;
use)
    used inline
    used timer
    used worker
    # What is only dropped is counted.
    modprobe null_net
    up
    /tests/frames null0 1 >/tmp/frames || fail "frames"
    sed 's/^frames/thrown/' /tmp/frames
    report thrown_away
    /tests/tap null0 || fail "tap"
    rmmod null_net
    gone
    cycles 10
    snapshot first >/dev/null
    snapshot before
    cycles "$2"
    snapshot after
    ;;
hold)
    echo 1 >/sys/module/net_core/parameters/hold_always
    gone_and_back inline 5
    gone_and_back timer 5
    gone_and_back worker 5
    # Nobody comes: the interface goes.
    echo 300 >/sys/module/net_core/parameters/hold_ms
    modprobe null_net
    rmmod -f null_net
    wait_for absent $net
    # Another shape is another device.
    echo 5000 >/sys/module/net_core/parameters/hold_ms
    modprobe null_net
    index=$(cat $net/ifindex)
    rmmod -f null_net
    modprobe null_net queues=4
    [ "$(cat $net/ifindex)" = $((index + 1)) ] || fail "index of the new one"
    echo 0 >/sys/module/net_core/parameters/hold_always
    rmmod null_net
    ;;
esac
rmmod net_packet || fail "unload of net_packet"
echo done
