# busybox asks a socket of IPv4 for the queue's length.
ip() { busybox ip "$@" 2>&1 | sed 's/ qlen .*//; s/ *$//'; }
ip link; ip addr; ip route; ip route show table all; ip rule; ip neigh
ip -4 addr show dev lo; ip -6 addr show dev lo; ip addr show dev nonesuch
ip route get 127.0.0.5 | sed 's/ *uid.*//; s/ *cache.*//'; ip route get 192.0.2.1
ip addr add 10.9.8.7/24 dev lo; ip addr add 10.9.8.7/24 dev lo; ip addr show lo | grep 10.9
ip route add 192.0.2.0/24 dev lo; ip route; ip route add 192.0.2.0/24 dev lo
ip route del 192.0.2.0/24; ip route del 192.0.2.0/24
ip addr del 10.9.8.7/24 dev lo; ip addr del 10.9.8.7/24 dev lo
ip link set lo mtu 1400; ip link show lo; ip link set lo mtu 65536; ip link set lo txqueuelen 10; ip link set lo txqueuelen 1000
ip link set lo down; ip addr show lo; ip route show table all; ip link set lo up; ip addr show lo; ip route show table all
ip link set nonesuch up; ip link set lo name other
cut -d: -f1 /proc/net/dev; ls /sys/class/net; cat /sys/class/net/lo/mtu /sys/class/net/lo/operstate /sys/class/net/lo/ifindex
