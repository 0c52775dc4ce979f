# timeout 900
#include packages.inc
get redis-server
redis-server --version | cut -d' ' -f1-3; redis-cli --version; printf 'port 0\nunixsocket /run/redis/redis.sock\n' >>/etc/redis/redis.conf
policy 0; invoke-rc.d redis-server start; echo "started $?"; policy 101
r() { redis-cli -s /run/redis/redis.sock "$@"; }; for i in $(seq 300); do r ping 2>/dev/null && break; sleep 0.1; done
stat -c '%U %G %a' /run/redis /run/redis/redis.sock; r set key value; r get key; r incrby n 41; r incr n; r lpush l a b c; r lrange l 0 -1; r eval 'return #redis.call("keys", "*")' 0; r save
seq 2000 | sed 's/.*/set k& &/' | r --pipe | tail -n 1; r get k1999; r bgsave; /etc/init.d/redis-server status | sed 's/[0-9]\+/PID/'; /etc/init.d/redis-server restart; for i in $(seq 300); do r ping 2>/dev/null && break; sleep 0.1; done; r get k1999; /etc/init.d/redis-server stop; echo "stopped $?"; /etc/init.d/redis-server status; echo "status $?"
