# Every file of the root as both kernels unpacked it, but for the kernel's own, which only Tenon brings. (First: nothing has changed it yet.)
kernel='^/boot/tenon.manifest|^/usr/lib/modules'
find / -xdev | grep -vE "$kernel" | LC_ALL=C sort | sha256sum
find / -xdev -not -path '/etc/tenon*' -printf '%p %y %m %U %G %n %l\n' | grep -vE "$kernel|^/(usr/lib|dev|proc|sys|tmp|run) " | LC_ALL=C sort | sha256sum
find /usr/bin /usr/sbin /etc/pam.d -xdev -printf '%s %T@ %p\n' | LC_ALL=C sort | sha256sum
cd /usr/lib/x86_64-linux-gnu && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum
stat -c '%n %a %F' / /dev /proc /sys /tmp /run /dev/pts /dev/shm
