# pkg install ./foo.apk in Debian's root: Alpine's openssl and busybox beside what Debian has; Alpine's own apk agrees.
mkdir -p /etc/apk && ln -s /apk-keys /etc/apk/keys
before=$(find /bin /lib /etc /usr /var/lib/dpkg -xdev ! -path '/usr/lib/pkg*' ! -path '/usr/local/*' ! -path '/etc/apk*' ! -path '*lock*' | sort | md5sum)
cd /apk; pkg --from /apk install ./openssl-3.1.4-r5.apk ./busybox-1.36.1-r15.apk ./apk-tools-2.14.0-r5.apk >/tmp/out 2>&1; echo "status $?"; sort /tmp/out
after=$(find /bin /lib /etc /usr /var/lib/dpkg -xdev ! -path '/usr/lib/pkg*' ! -path '/usr/local/*' ! -path '/etc/apk*' ! -path '*lock*' | sort | md5sum)
test "$before" = "$after" && echo "nothing else was touched"
ls -A /usr/local/bin /usr/local/sbin
# Debian's openssl, where it is there, keeps its name.
openssl=$(ls /usr/local/bin/openssl /usr/local/bin/openssl.alpine 2>/dev/null | head -1)
$openssl version
printf abc | $openssl dgst -sha256
$openssl genrsa -out /tmp/key.pem 1024 2>/dev/null; $openssl rsa -in /tmp/key.pem -check -noout
$openssl rand 1000 | busybox wc -c; busybox sh -c 'echo $((6*7)) "$@"' name 'two words'
apk --root /usr/lib/pkg/alpine --no-network info | sort
apk --root /usr/lib/pkg/alpine --no-network audit --system; echo "audit $?"
apk --root /usr/lib/pkg/alpine --no-network del apk-tools; echo "del $?"
pkg list | grep apk:; pkg verify apk:openssl; echo "whole $?"
dpkg --audit; echo "audit $?"
pkg remove libssl3; echo "Debian's, held $?"
pkg --purge remove apk:openssl apk:busybox apk:libssl3 apk:libcrypto3 apk:musl >/tmp/out 2>&1; echo "status $?"; cat /tmp/out
pkg list | grep apk:; ls -A /usr/local/bin /usr/local/sbin; ls -d /usr/lib/pkg
