# Runs inside the guest: brings every unpacked package to "installed". The order of the first few
# is debootstrap's: everything else takes /etc/passwd, the C library and awk for granted.
set -e
step() { echo "== $*"; }

printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
[ -e /usr/bin/awk ] || ln -s mawk /usr/bin/awk

# pkg unpacked without running any script: the preinst of each package is owed.
info=/var/lib/dpkg/info
owed() {
    name=${1%%:*}
    script=$info/$1.preinst
    [ -e "$script" ] || script=$info/$name.preinst
    [ -e "$script" ] || return 0
    step "preinst of $name"
    DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=$name DPKG_MAINTSCRIPT_ARCH=amd64 \
        DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ROOT= DPKG_ADMINDIR=/var/lib/dpkg \
        "$script" install
}
if [ -e /var/lib/pkg/owed-preinst ]; then
    for package in base-passwd base-files; do
        owed $package
    done
    while read -r package; do
        case ${package%%:*} in base-passwd | base-files) continue ;; esac
        owed "$package"
    done </var/lib/pkg/owed-preinst
    rm -f /var/lib/pkg/owed-preinst
fi

for package in base-passwd base-files libc6 perl-base mawk debconf; do
    step "configuring $package"
    dpkg --force-depends --configure $package
done
step "configuring the rest"
dpkg --configure -a --force-confold || dpkg --configure -a --force-confold
bad=$(dpkg --audit)
if [ -n "$bad" ]; then
    echo "$bad"
    exit 1
fi

# What only says when this ran would make every build different.
rm -f /usr/sbin/policy-rc.d /var/cache/ldconfig/aux-cache /var/log/dpkg.log \
    /var/log/alternatives.log /var/log/apt/* /var/lib/dpkg/*-old /var/cache/debconf/*-old \
    /etc/*- /etc/.pwd.lock /var/lib/dpkg/lock /var/lib/dpkg/lock-frontend
rm -rf /tmp/* /var/tmp/*
