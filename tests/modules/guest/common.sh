# What the scripts of this folder share: `. /tests/common.sh`.
health=/sys/kernel/tenon/module_health
fail() {
    echo "failed: $*"
    exit 1
}
# wait_for COMMAND...: until it is true, at least ten seconds.
wait_for() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 1000 ] || fail "waited for $*"
        sleep 0.01
    done
}
absent() { ! test -e "$1"; }
# snapshot NAME: what the kernel holds, "NAME key=number ...". Its own look at /dev and /sys fills the dentry cache: the
# first is for nothing.
snapshot() {
    sleep 1 # what is given back by RCU and by work queues
    set -- "$1" /proc/[0-9]* # counted before anything is started for counting
    awk -v name="$1" -v tasks=$# '
        FILENAME == "/proc/meminfo" && /^Mem(Total|Free):/ { kib[$1] = $2 }
        FILENAME == "/proc/slabinfo" && FNR > 2 { n += $2 }
        END { printf "%s tasks=%d pages=%d objects=%d", name, tasks,
              (kib["MemTotal:"] - kib["MemFree:"]) / 4, n }' /proc/meminfo /proc/slabinfo
    echo " interrupts=$(wc -l </proc/interrupts) nodes=$(find /dev | wc -l)" \
         "sysfs=$(find /sys | wc -l) mappings=$(wc -l </proc/iomem)" \
         "devices=$(wc -l </proc/devices) modules=$(wc -l </proc/modules)"
}
# hold_value FILE KEY: of a disk's or an interface's hold.
hold_value() {
    awk -v key="$2" '{ for (i = 2; i <= NF; i++) if (split($i, kv, "=") && kv[1] == key) print kv[2] }' "$1"
}
# module_restarts NAME: how often it was restarted; nothing while it is not live.
module_restarts() {
    awk -v name="$1" '$1 == name { known = 1; if ($2 == "live") { sub("restarts=", "", $4); print $4 } }
        END { if (!known) print 0 }' $health
}
came_back() { [ "$(module_restarts "$1")" = "$2" ]; }
# restarted_under_load NAME COUNT ORDER: gives the order ("restart NAME", "update FILE") COUNT times, each to an instance
# that lives. An update is over when its order is.
restarted_under_load() {
    order=0
    while [ $order -lt "$2" ]; do
        sleep 0.5
        next=$(($(module_restarts "$1") + 1))
        echo "$3" >/sys/kernel/tenon/module_control || fail "$3"
        case $3 in restart*) wait_for came_back "$1" $next ;; esac
        order=$((order + 1))
    done
}
