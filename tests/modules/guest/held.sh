# A module that others need, and one whose device is open, stay; what they do goes on.
set -e
modprobe symbols_user
! rmmod symbols_provider 2>/tmp/why || exit 1
cat /tmp/why
lsmod | grep symbols_provider
rmmod symbols_user
rmmod symbols_provider
! grep -q symbols /proc/modules
exec 3<>/dev/edu
! rmmod edu 2>/tmp/why || exit 1
cat /tmp/why
echo 6 >&3
cat /dev/edu
exec 3>&-
rmmod edu
! test -e /dev/edu
