# A module from `./tenon module new`, loaded by insmod: a line is kept, a parameter cuts it, and unloading ends it.
set -e
insmod /tests/sample.ko limit=4
echo abcdefgh >/dev/sample
test "$(cat /dev/sample)" = abcd
test "$(cat /sys/module/sample/parameters/limit)" = 4
rmmod sample
! test -e /dev/sample
# By name, from where depmod finds it.
cp /tests/sample.ko /lib/modules/$(uname -r)/kernel/
depmod
modprobe sample
test "$(modinfo -F version sample)" = 0.1
echo second >/dev/sample
test "$(cat /dev/sample)" = second
modprobe -r sample
! grep -q ^sample /proc/modules
echo done
