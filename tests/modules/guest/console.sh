# Reads what is typed on tty1 and on tty2; the host types when it sees a line "TYPE". Standard input tells that it has.
exec 3<&0 </dev/tty1
stty -F /dev/tty1 -echo
told() { echo "$1"; read -r _ <&3; }
line() { echo "TYPE $1"; read -r typed; echo "GOT $1 $typed"; }
line first
line shifted
for driver in "$@"; do
    told "HOLD shift"
    rmmod "$driver" || echo "rmmod $driver failed"
    told "GONE $driver"
    modprobe "$driver" || echo "modprobe $driver failed"
    # Shift was let go with its keyboard.
    line "again-$driver"
done
case "$*" in
*virtio_input*) # repeats nothing by itself
    stty -F /dev/tty1 -icanon min 1
    echo "TYPE held"
    echo "GOT held $(head -c 4)"
    told "RELEASE x"
    stty -F /dev/tty1 icanon
    ;;
esac
told "SWITCH 2"
for wait in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(cat /sys/class/tty/tty0/active)" = tty2 ] && break
    sleep 0.2
done
echo "ACTIVE $(cat /sys/class/tty/tty0/active)"
exec </dev/tty2
stty -F /dev/tty2 -echo
line second
printf '\033[2J\033[H\033[3;5HThis is \033[32mtty2\033[0m of Tenon' >/dev/tty2
printf '\033[5;1H\342\224\214\342\224\200\342\224\220' >/dev/tty2
told "LOOK"
# Ctrl-Alt-Del is a signal to whom one chose, or the end.
echo 0 >/proc/sys/kernel/ctrl-alt-del
echo $$ >/proc/sys/kernel/cad_pid
trap 'echo "GOT interrupt"' INT
told "CAD told"
for wait in 1 2 3 4 5; do sleep 0.1; done
trap '' INT
dmesg | grep -i -E 'panic|assert|fault|bug' | head -n 5
echo DONE
echo 1 >/proc/sys/kernel/ctrl-alt-del
echo "CAD last"
sleep 60
