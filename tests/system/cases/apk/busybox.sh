# The wrapper of a name that is taken; applets; the prefix as a root of its own.
mkdir -p /etc/apk && ln -s /apk-keys /etc/apk/keys
pkg --from /apk install /apk/busybox-1.36.1-r15.apk /apk/busybox-binsh-1.36.1-r15.apk; echo "status $?"
ls -A /usr/local/bin; cat /usr/local/bin/busybox.alpine
busybox.alpine | head -1
busybox.alpine sh -c 'echo $((6*7)) "$0" "$@"' name 'two words'
printf 'b\na\n' | busybox.alpine sort; busybox.alpine seq 3 | busybox.alpine awk '{n+=$1} END{print n}'
busybox.alpine false; echo "status $?"
sh.alpine -c 'for i in 1 2; do echo $i; done; exit 7'; echo "status $?"
chroot /usr/lib/pkg/alpine /bin/sh -c 'echo inside; ls /bin | head -3; cat /etc/apk/world | cut -d">" -f1'
ls -l /usr/lib/pkg/alpine/bin/ls | sed 's/.* -> /-> /'
pkg info apk:busybox | head -3
pkg --purge remove busybox busybox-binsh musl >/tmp/out 2>&1; echo "status $?"; pkg list; ls -A /usr/local/bin; ls /usr/lib/pkg
rm -r /etc/apk
