# util-linux's view of System V IPC, and Python's use of shared memory and semaphores
export LC_ALL=C TZ=UTC
times='s/[A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]\{5,8\}/DATE/g; s/[A-Z][a-z][a-z][0-9][0-9]/DATE/g; s/[0-9][0-9]:[0-9][0-9]\(:[0-9][0-9]\)\?/TIME/g'
ipcs
ipcs -l
ipcs -u
ipcmk -M 10000
ipcmk -S 3 -p 640
ipcmk -Q
keys='s/0x[0-9a-f]\{8\}/KEY/g'
ipcs | sed "$keys"
ipcs -u
ipcs -c | sed "$keys"
ipcs -t | sed "$keys;$times"
ipcs -p | sed "$keys" | awk 'NF == 4 && $3 ~ /^[0-9]+$/ {$3 = ($3 != 0); $4 = ($4 != 0)} {print}'
ipcs -m -i 0 | sed "$times;$keys;s/pid=[0-9]*/pid=N/g"
ipcs -s -i 0 | sed "$times;$keys"
ipcs -q -i 0 | sed "$times;$keys;s/pid=[0-9]*/pid=N/g"
ipcs -b -m | sed "$keys"
lsipc
lsipc -m -o ID,PERMS,CUID,CGID,SIZE,NATTCH,STATUS,OWNER
lsipc -s -o ID,PERMS,NSEMS,OWNER
lsipc -q -o ID,PERMS,USEDBYTES,MSGS,OWNER
lsipc -g
ipcrm -m 0
ipcrm -m 0; echo $?
ipcrm -s 99; echo $?
ipcrm -S 0x12345; echo $?
ipcrm -a
ipcs
cat /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg
mount() { python3 -c 'import ctypes, sys; print(ctypes.CDLL(None).mount(*[a.encode() for a in sys.argv[1:4]], 0, None))' "$@"; }
umount() { python3 -c 'import ctypes, sys; print(ctypes.CDLL(None).umount2(sys.argv[1].encode(), 0))' "$1"; }
mkdir -p /tmp/mq && mount none /tmp/mq mqueue && grep mqueue /proc/mounts /proc/filesystems && touch /tmp/mq/x && cat /tmp/mq/x && ls -l --time-style=+T /tmp/mq && rm /tmp/mq/x && ls /tmp/mq | wc -l && umount /tmp/mq
python3 - <<'PY'
import ctypes, multiprocessing as mp, os
from multiprocessing import shared_memory
m = shared_memory.SharedMemory(create=True, size=5000)
m.buf[:5] = b"hello"
def child(name, lock, value):
    s = shared_memory.SharedMemory(name=name)
    with lock:
        value.value += len(bytes(s.buf[:5]))
    s.close()
lock, value = mp.Lock(), mp.Value("i", 0)
ps = [mp.Process(target=child, args=(m.name, lock, value)) for _ in range(4)]
[p.start() for p in ps]; [p.join() for p in ps]
print(value.value, [p.exitcode for p in ps])
m.close(); m.unlink()
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
i = libc.shmget(0, 4096, 0o1600)
a = libc.shmat(i, None, 0)
ctypes.memmove(a, b"abc\0", 4)
if os.fork() == 0:
    ctypes.memmove(a, b"xyz\0", 4); os._exit(0)
os.wait()
print(ctypes.string_at(a), [l.split()[1:] for l in open("/proc/self/maps") if "SYSV" in l][0][0], libc.shmctl(i, 0, None), libc.shmdt(ctypes.c_void_p(a)))
PY
