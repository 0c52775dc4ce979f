# Debian's hello by pkg, seen by dpkg; then by dpkg, seen by pkg.
pkg install /hello.deb && hello && pkg files hello | tail -3 && pkg remove hello; echo "status $?"
pkg install /hello.deb; echo "status $?"
diff <(pkg files hello | sort) <(dpkg -L hello | sort) && echo "the same files"
dpkg -l hello; dpkg -s hello; dpkg-query -W hello; diff <(pkg info hello) <(dpkg -s hello) && echo "the same record"
dpkg -V hello; echo "verified $?"
echo x >>/usr/share/doc/hello/copyright; dpkg -V hello; echo "changed $?"
dpkg -S /usr/bin/hello; dpkg --audit; echo "audit $?"
pkg list | grep -c . ; dpkg -l | grep -c ^ii
pkg remove hello; echo "removed $?"
dpkg -l hello; dpkg -L hello; ls /usr/bin/hello /usr/share/doc/hello /var/lib/dpkg/info/hello.list
dpkg -i /hello.deb; echo "dpkg $?"; hello -g again
pkg files hello | wc -l; pkg info hello | head -3
dpkg -P hello; echo "purged $?"
pkg info hello; echo "unknown $?"; pkg remove hello; echo "not there $?"
