# file_system.sh: Debian's own tools on a disk of null_block. In full, for the shell has some of the names.
set -e
disk=/dev/nullb0
modprobe null_block size_mb=32
/sbin/mke2fs -q -t ext4 -F $disk
/sbin/e2fsck -f -n $disk >/dev/null
echo "what the file holds" >/tmp/file
/sbin/debugfs -w -R "write /tmp/file file" $disk >/dev/null 2>&1
# From the device, not from what is cached of it.
/sbin/blockdev --flushbufs $disk
/sbin/debugfs -R "cat file" $disk 2>/dev/null
/sbin/e2fsck -f -n $disk >/dev/null
echo checked
/sbin/blockdev --report $disk
/sbin/blockdev --setro $disk
(echo refused >$disk) 2>&1 || true
/sbin/blockdev --setrw $disk
/sbin/blkdiscard $disk
cmp -n 4000000 $disk /dev/zero
head -c 65536 /dev/urandom >$disk
/sbin/blkdiscard -z -o 4096 -l 8192 $disk
cmp -n 8192 -s $disk /dev/zero && exit 1
dd if=$disk bs=4096 skip=1 count=2 2>/dev/null | cmp -n 8192 - /dev/zero
/bin/lsblk $disk
rmmod null_block
