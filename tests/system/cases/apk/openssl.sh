# Alpine's openssl and busybox in a root without any family: a prefix, wrappers, real work, and away again.
pkg install /apk/openssl-3.1.4-r5.apk; echo "not trusted $?"; ls /usr/lib/pkg /etc/apk
mkdir -p /etc/apk && ln -s /apk-keys /etc/apk/keys
pkg install /apk/openssl-3.1.4-r5.apk; echo "incomplete $?"; ls /usr/lib/pkg
head -c 200000 /apk/musl-1.2.4_git20230717-r4.apk >/tmp/cut.apk; pkg install /tmp/cut.apk; echo "damaged $?"
pkg --from /apk install /apk/openssl-3.1.4-r5.apk /apk/busybox-1.36.1-r15.apk >/tmp/out 2>&1; echo "status $?"; sort /tmp/out
pkg list; pkg verify; echo "whole $?"; cat /usr/local/bin/openssl
which openssl && openssl version
printf abc | openssl dgst -sha256
printf 'a secret' | openssl enc -aes-256-cbc -pbkdf2 -k word -a -S 0011223344556677; echo "enc $?"
printf 'a secret' | openssl enc -aes-256-cbc -pbkdf2 -k word | openssl enc -d -aes-256-cbc -pbkdf2 -k word; echo
openssl genpkey -algorithm ed25519 -out /tmp/key.pem && openssl pkey -in /tmp/key.pem -pubout -out /tmp/pub.pem
echo message >/tmp/m; openssl pkeyutl -sign -inkey /tmp/key.pem -rawin -in /tmp/m -out /tmp/sig && openssl pkeyutl -verify -pubin -inkey /tmp/pub.pem -rawin -in /tmp/m -sigfile /tmp/sig
ls /usr/local/bin
pkg remove openssl; echo "status $?"; openssl version; echo "gone $?"
pkg remove musl; echo "held $?"
pkg remove libssl3 libcrypto3 busybox musl >/tmp/out 2>&1; echo "status $?"; ls -A /usr/local/bin; pkg list; find /usr/lib/pkg ! -type l ! -type d
