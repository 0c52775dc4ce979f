# Each template of ./tenon module new at work, then what tmod says of modules and devices. With -device edu.
set -e
for name in char pci block net fs; do test -s /tests/my_$name.ko; done
device=
for d in /sys/bus/pci/devices/*; do
    if [ "$(cat $d/vendor)" = 0x1234 ] && [ "$(cat $d/device)" = 0x11e8 ]; then device=${d##*/}; fi
done
test -n "$device"
# What a status is without ending the script.
status() { if "$@" >/tmp/out 2>&1; then echo 0; else echo $?; fi }

# char
insmod /tests/my_char.ko limit=4
echo abcdefgh >/dev/my_char
test "$(cat /dev/my_char)" = abcd

# pci: the kernel's own driver of that device leaves first
modprobe -r edu 2>/dev/null || true
tmod explain $device
tmod explain $device --json | grep -q 'not loaded: modprobe edu'

# the names of devices: the whole list, one device of it, a class where the device is not in it
[ $(zcat /usr/share/misc/pci.ids.gz | grep -c '^	[0-9a-f]') -gt 10000 ]
for known in /sys/bus/pci/devices/*; do
    [ $(cat $known/vendor) = 0x1af4 ] && tmod explain $(basename $known) | grep 'Red Hat, Inc. Virtio .*RNG'
    [ $(cat $known/class) = 0x060000 ] && tmod explain $(basename $known) | grep 'Intel Corporation .*DRAM Controller'
done
tmod explain $device | grep 'name .*Unclassified device'

insmod /tests/my_pci.ko
test "$(basename $(readlink /sys/bus/pci/devices/$device/driver))" = my_pci
exec 5<>/dev/my_pci
echo 6 >&5
test "$(cat <&5)" = 720
tmod explain $device | grep -q 'the driver my_pci has it'

# tmod: who holds it
tmod holders my_pci
tmod holders my_pci | grep -q "/dev/my_pci"
tmod ledger my_pci | grep -q 'my_pci'
tmod list | grep -q '^my_char .* live '
tmod list --json | grep -q '"name":"my_pci"'
tmod tree | grep -q '^  my_pci'
exec 5>&-
tmod holders my_pci | grep -q 'no open file'
rmmod my_pci

# block: what is written is there, also after another instance took over
modprobe block_core
insmod /tests/my_block.ko size_mb=4
dd if=/dev/urandom of=/tmp/random bs=64k count=16 2>/dev/null
dd if=/tmp/random of=/dev/my_block bs=64k conv=fsync 2>/dev/null
tmod update /tests/my_block.ko
dd if=/dev/my_block of=/tmp/again bs=64k count=16 2>/dev/null
cmp /tmp/random /tmp/again
test "$(cat /sys/block/my_block/size)" = 8192
rmmod my_block

# net: frames come back, also while another instance takes over
modprobe net_core
insmod /tests/my_net.ko
echo 0x1003 >/sys/class/net/my_net/flags
/tests/frames my_net 2 &
sleep 0.7
tmod update /tests/my_net.ko
wait $!
grep -q 'my_net:' /proc/net/dev
grep -q 'holds=1 ' /sys/class/net/my_net/hold
rmmod my_net

# fs
insmod /tests/my_fs.ko
mount -t my_fs none /mnt
test "$(cat /mnt/hello)" = "Hello from my_fs."
test "$(ls /mnt | tr '\n' ' ')" = "hello readme "
tmod holders my_fs | grep -q '/mnt'
test "$(status rmmod my_fs)" != 0
umount /mnt
rmmod my_fs

# Orders
test "$(status tmod status nothing)" = 2
test "$(status tmod frob)" = 64
test "$(status tmod release my_char)" = 2
test "$(status tmod restart linux)" = 1
tmod restart my_char
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    tmod status my_char >/tmp/status || true
    if grep -q '^restarts *1' /tmp/status && grep -q '^state *live' /tmp/status; then break; fi
    sleep 0.2
done
cat /tmp/status
grep -q '^restarts *1' /tmp/status
grep -q '^state *live' /tmp/status
echo again >/dev/my_char
tmod update /tests/my_char.ko
test "$(status tmod update /tests/nothing.ko)" = 2
echo done
