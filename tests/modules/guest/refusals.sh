# Each load or unload that must be refused, its name in the kernel's log before it.
try() {
    echo "== $1" >/dev/kmsg
    shift
    "$@" 2>/dev/null && echo "not refused: $*"
}
m=/tests/m
echo "== end of boot" >/dev/kmsg
try "needs what is not loaded" insmod $m/plain.ko
insmod $m/provider.ko
insmod $m/plain.ko
try "busy: held by another module" rmmod symbols_provider
rmmod symbols_user
exec 3<>/dev/edu
try "busy: open" rmmod edu
exec 3>&-
for name in version checksum missing missing_in_core namespace importer vermagic headers unsigned altered \
    foreign_key exports_twice; do
    try $name insmod $m/$name.ko
done
try "parameter out of range" insmod $m/plain.ko count=0
try "parameter beyond its type" insmod $m/plain.ko count=4294967296
try "parameter of another type" insmod $m/plain.ko count=many
try "parameters with an open quote" insmod $m/plain.ko 'count="3'
echo "== end" >/dev/kmsg
grep -c symbols_user /proc/modules || true
