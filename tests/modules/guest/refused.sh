# refused.sh NAME: a module that must be refused, by insmod and by modprobe, and leaves nothing.
before=$(wc -l </proc/modules)
insmod /tests/$1.ko && exit 1
cp /tests/$1.ko /lib/modules/$(uname -r)/kernel/
depmod
modprobe $1 && exit 1
test "$(wc -l </proc/modules)" = "$before" || exit 1
! test -e /dev/$1 || exit 1
echo refused
