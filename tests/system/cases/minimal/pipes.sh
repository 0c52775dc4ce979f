echo abc | tr a-z A-Z | rev
seq 1 1000 | awk '{s+=$1} END {print s}'
yes | head -n 3
seq 1 100000 | tail -n 1
dd if=/dev/zero bs=1000 count=1000 2>/dev/null | wc -c
(echo one; sleep 0.1; echo two) | cat
mkfifo /tmp/f1; (echo through fifo > /tmp/f1 &) ; cat /tmp/f1; rm /tmp/f1
seq 20 | sort -rn | head -5
echo err >&2
{ echo out; echo err >&2; } 2>&1 | sort
cat < /dev/null; echo $?
yes | head -c 100000 | md5sum
