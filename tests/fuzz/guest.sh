# guest.sh SEED CALLS CHILDREN [ARGUMENTS...]: the fuzzer, and what is left behind. common.sh is tests/modules/guest's.
. /tests/common.sh

# What a call would load by itself counts as before, too.
for module in net_unix net_netlink net_rtnetlink net_packet net_loopback; do modprobe $module || fail "modprobe $module"; done

# What the same calls leave in caches is there before it counts.
/tests/syscall-fuzz --seed "$1" --calls $(($2 / 5)) --children "$3" >/dev/null || fail warm-up
seed=$1 calls=$2 children=$3
shift 3
echo 3 >/proc/sys/vm/drop_caches
snapshot warm >/dev/null
snapshot before
cp /proc/slabinfo /tests/before
/tests/syscall-fuzz --seed $((seed + 1)) --calls $calls --children $children "$@" || fail fuzzer
echo 3 >/proc/sys/vm/drop_caches
snapshot after
cp /proc/slabinfo /tests/after
# Which objects became more.
awk 'FNR <= 2 { next } NR == FNR { was[$1] = $2; next } $2 - was[$1] > 8 { print "slab", $1, was[$1], $2 }' \
    /tests/before /tests/after
rm /tests/before /tests/after
# The machine serves on.
test "$(echo alive | sed s/alive/well/)" = well || fail "a pipe of the shell"
test "$(seq 200 | sort -n | tail -n 1)" = 200 || fail sort
mount | grep /tmp/fuzz && fail "a mount is left"
test -z "$(ls /tmp)" || ls -lR /tmp
