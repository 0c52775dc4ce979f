# timeout 900
# A server and what it needs from a signed repository, by pkg and by apt-get; debian_packages (--long) does many more.
#include packages.inc
cd /tmp; sed -i s/test/nosuch/ /etc/apt/sources.list.d/test.list; pkg update; echo "unknown $?"; cp /repository/test.list /etc/apt/sources.list.d/; pkg update >/dev/null; echo "known $?"
get redis-server; redis-server --version | cut -d' ' -f1-3; redis-cli --version; dpkg -V redis-server redis-tools liblzf1; echo "verified $?"; pkg why liblzf1
printf 'port 0\nunixsocket /run/redis/redis.sock\n' >>/etc/redis/redis.conf; pkg verify redis-server; echo "changed $?"
policy 0; invoke-rc.d redis-server start; echo "started $?"; r() { redis-cli -s /run/redis/redis.sock "$@"; }; for i in $(seq 300); do r ping 2>/dev/null && break; sleep 0.1; done
stat -c '%U %G %a' /run/redis /run/redis/redis.sock; r set key value; r get key; r save; invoke-rc.d redis-server stop; echo "stopped $?"
pkg remove --yes --purge redis-server; echo "removed $?"; dpkg --audit; getent passwd redis; ls -d /etc/redis /var/lib/redis; pkg autoremove --yes; echo "status $?"
apt-get update 2>&1 | grep -v '^Get:\|^Fetched'; apt-get install -y --no-install-recommends redis-tools </dev/null 2>&1 | sed 's/after this operation.*//'; redis-cli --version; pkg info redis-tools | head -n 3; pkg remove --yes redis-tools; apt-get -y autoremove --purge </dev/null | tail -n 4
rm /etc/apt/sources.list.d/test.list /usr/sbin/policy-rc.d; rm -rf /tmp/home; dpkg -l | grep -cE 'redis|liblzf|jemalloc'
