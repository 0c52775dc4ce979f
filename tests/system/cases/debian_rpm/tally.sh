# pkg install ./foo.rpm in Debian's root: a program of rpmbuild's, with a library of its own and Debian's glibc.
cd /rpm
snapshot() { find /bin /lib /etc /usr /var/lib/dpkg -xdev ! -path '/usr/lib/pkg*' ! -path '/usr/local/*' ! -path '*lock*' | sort | md5sum; }
before=$(snapshot)
pkg install ./needy-1-1.noarch.rpm; echo "needs more $?"
head -c 5000 tally-1-1.x86_64.rpm >/tmp/cut.rpm; pkg install /tmp/cut.rpm; echo "damaged $?"
ls -d /usr/lib/pkg/rpm
pkg --dry-run install ./tally-1-1.x86_64.rpm; echo "dry run $?"; ls -d /usr/lib/pkg/rpm
pkg install ./tally-1-1.x86_64.rpm; echo "status $?"
cat /usr/local/bin/tally; ls -A /usr/local/bin
tally --version; awk.rpm --version
printf 'the cat and the dog\nand the\n' | tally; tally /nowhere; echo "status $?"
tally /usr/lib/pkg/rpm/usr/share/tally/data | md5sum; tally-lines /usr/lib/pkg/rpm/usr/share/tally/data
bash -c 'exec tally --version'; env -i /usr/local/bin/tally --version
pkg list | grep rpm:; pkg info rpm:tally | head -4; pkg files tally; pkg verify tally; echo "whole $?"
# Damage is seen; an upgrade keeps what was configured, and takes away what only the old version had.
echo mine >/usr/lib/pkg/rpm/etc/tally.conf; chmod 700 /usr/lib/pkg/rpm/usr/bin/tally; rm /usr/lib/pkg/rpm/usr/share/tally/data
pkg verify tally; echo "damaged $?"
pkg install ./tally-2-1.x86_64.rpm; echo "upgrade $?"
tally --version; tally-count /usr/lib/pkg/rpm/usr/share/tally/data; ls -A /usr/lib/pkg/rpm/usr/share/tally /usr/lib/pkg/rpm/etc
cat /usr/lib/pkg/rpm/etc/tally.conf; pkg verify tally; echo "configured $?"
pkg install ./tally-1-1.x86_64.rpm; echo "older $?"; tally --version
dpkg --audit; echo "audit $?"
test "$before" = "$(snapshot)" && echo "nothing else was touched"
pkg --purge remove tally; echo "removed $?"; ls -A /usr/local/bin; ls -d /usr/lib/pkg; pkg list | grep rpm:
tally --version; echo "gone $?"
