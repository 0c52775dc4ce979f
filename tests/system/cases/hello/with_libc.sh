# The minimal root has no C library: it comes as a package of its own and stays.
pkg list
pkg install /hello.deb >/tmp/out; echo "status $?"; sort /tmp/out
pkg list; hello -t; ls -l /usr/bin/hello
pkg info hello; cat /var/lib/dpkg/status | grep -c ^Package
pkg remove libc6; echo "held $?"; hello
pkg remove hello; echo "status $?"; hello; echo "gone $?"
pkg install /nosuch.deb; echo "status $?"
head -c 20000 /hello.deb >/tmp/cut.deb; pkg install /tmp/cut.deb; echo "status $?"; pkg list
