# timeout 3000
#include packages.inc
# All of them at once; then apt-get from the same repository beside pkg, and what each says of the other's packages; then the root.
mkdir -p /etc/postgresql-common; echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf  # as in postgresql.sh
get openssh-server nginx redis-server postgresql python3-numpy git vim build-essential default-jre-headless imagemagick
dpkg -V; echo "verified $?"; pkg verify; echo "verified $?"; dpkg -l | sha256sum; dpkg -l | grep -c ^ii; dpkg -l | tail -n +6 | grep -v ^ii
apt-get update 2>&1 | grep -v '^Get:\|^Fetched'; apt-get install -y --no-install-recommends tree </dev/null 2>&1 | grep -v '^After this\|^Get:\|^Need'; tree --version; pkg info tree | head -n 3; pkg list | grep '^tree'
apt-get check; apt-mark showmanual | tr '\n' ' '; pkg remove --yes tree; echo "removed $?"; pkg install --yes tree; apt-get remove -y tree </dev/null 2>&1 | tail -n 1; dpkg -l tree; dpkg --audit; echo "audit $?"
listing() { find "$@" -printf '%p %y %m %U %G %l\n' | LC_ALL=C sort; }
listing /etc -not -path '/etc/tenon*'; listing /var -not -path '/var/lib/pkg/*'; listing /usr -not -path '/usr/lib/modules*' | sha256sum; ldconfig -p | LC_ALL=C sort | sha256sum; cat /etc/passwd /etc/group
update-alternatives --get-selections | sha256sum; find /etc -type f -not -path '/etc/tenon*' -not -name 'ssh_host_*' -not -name 'shadow*' -not -name 'ssl-cert-*' -not -path '/etc/ssl/certs/*' -not -name ld.so.cache -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
