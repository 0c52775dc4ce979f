# Parameters in /sys: what is written is checked, and after an error the old value stands.
insmod /tests/victim.ko label=here level=-2 || exit 1
cd /sys/module/ktest_victim/parameters
put() {
    echo "$2" 2>/tmp/why >$1
    status=$?
    echo "$1='$2' $status $(sed 's/.*: //' /tmp/why) -> $(cat $1)"
}
grep . * | sort
for value in -5 5 -6 6 0x3 010 "" x 3x 2147483648 9223372036854775808; do put level "$value"; done
for value in 4294967295 4294967296 -1 0; do put width "$value"; done
for value in Y 0 on maybe; do put quiet "$value"; done
stat -c '%a %n' label fail_at level
