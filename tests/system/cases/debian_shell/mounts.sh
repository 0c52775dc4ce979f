#include shell.inc
# What findmnt and /proc show of one mount, without numbers; the root file system's size is that of the memory.
show() { findmnt -n -o TARGET,SOURCE,FSTYPE,OPTIONS,FSROOT,PROPAGATION "${1:-.}" | sed "s,$PWD,W,g;s,\[[^]]*$work,[W," | sed 's/rootfs rw[^ ]*/rootfs rw/' | tr -s ' '; }
info() { awk -v w="$PWD" 'index($5, w) == 1 {sub(w, "W", $4); sub(w, "W", $5); $1 = $2 = $3 = "N"; sub(/rootfs rootfs rw[^ ]*/, "rootfs rootfs rw"); print}' /proc/self/mountinfo | sed 's/shared:[0-9]*/shared:N/;s/master:[0-9]*/master:N/' | sort; }
tab() { awk -v w="$PWD" 'index($2, w) == 1 {sub(w, "W", $2); if ($3 == "rootfs") sub(/,.*/, "", $4); print}' /proc/mounts | sort; }
mkdir m n o; touch file; echo host >m/below
commands <<'END'
mount -t tmpfs none m
mountpoint m
mountpoint n
mountpoint -q nosuch
info
tab
show m
ls m
echo in >m/in; ls m
mount -t tmpfs src m
umount m
ls m
umount m
umount m
ls m
mount -t nosuchfs none m
mount -t tmpfs none nosuch
mount -t tmpfs none file
mount -t tmpfs -o size=1m,mode=700,uid=1,gid=2 sized m
stat -c '%a %u %g' m
df --output=size m | tail -1
tab
dd if=/dev/zero of=m/big bs=64k count=32 status=noxfer
stat -c %s m/big
rm m/big
mount -o remount,size=2m m; df --output=size m | tail -1
tab
mount -o remount,nosuchopt m
umount m
mount -t tmpfs -o size=x none m
mount -t tmpfs -o nr_inodes=3 none m; touch m/a m/b m/c; ls m; umount m
mount -t tmpfs -o size=50% none m; umount m
mount -t tmpfs -o nosuchoption none m
mount -t tmpfs -o mode=9 none m
mount -t tmpfs -o ro none m; touch m/x; info; umount m
mount -t tmpfs -o nosuid,nodev,noexec,noatime none m; info; tab
mknod m/null c 1 3; echo x >m/null
cp /bin/true m; m/true
umount m
mount -t tmpfs -o nodiratime,relatime none m; info; umount m
mount -t tmpfs -o strictatime none m; info; umount m
mount -t tmpfs -o nosymfollow none m; ln -s /etc/passwd m/l; readlink m/l; cat m/l; info; umount m
mount -t tmpfs -o sync none m; info; tab; mount -o remount,async m; info; umount m
mount -t tmpfs -o dirsync none m; info; umount m
mount -t tmpfs -o lazytime none m; info; umount m
mount -t tmpfs -o nosuid none m; cp /bin/id m/id; chmod 4755 m/id; setpriv --reuid 1000 --clear-groups m/id -u; umount m
mount -t tmpfs none m; cp /bin/id m/id; chmod 4755 m/id; setpriv --reuid 1000 --clear-groups m/id -u; umount m
mount -t ramfs none m; touch m/x; stat -f -c %T m; umount m
mount -t proc proc m; ls m/self/stat; umount m
mount -t proc -o ro proc m; echo x >m/sys/kernel/hostname; touch /proc/self/comm; umount m
mount -t sysfs sysfs m; ls m; umount m
mount -t devpts devpts m; ls m; umount m
mount -t devtmpfs dev m; ls m/null; umount m
mount -t mqueue mqueue m; ls m; umount m
mount -t tmpfs 'a b' m; tab; umount m
mkdir 'sp ace' $'ta\tb'; mount -t tmpfs none 'sp ace'; mount -t tmpfs none $'ta\tb'; tab; info; umount 'sp ace' $'ta\tb'
mount --bind m n; ls n; info; show n; umount n
mount --bind nosuch n
mount --bind m nosuch
mount --bind m file
mount --bind file m
touch other; echo content >file; mount --bind file other; cat other; info; umount other
mkdir -p deep/er/est; touch deep/er/est/x; mount --bind deep/er n; ls n; info; umount n
mount --bind deep n; rmdir n/er/est; rm n/er/est/x; find deep; umount n
mount -t tmpfs inner deep; mkdir deep/sub; mount -t tmpfs inner2 deep/sub; mount --bind deep n; info; ls n/sub; umount n
mount --rbind deep n; info; umount n
umount -R n; info
mount --bind n n; info; umount n
mount --move deep o; info; ls deep
mount --move o o/sub
mount --move n o
mount --move o file
mount --move o deep; info
touch deep/sub/busy; exec 5<deep/sub/busy; umount deep/sub
umount deep
umount -l deep/sub; info; cat <&5; exec 5<&-
(cd deep; umount ../deep)
umount deep; info
mount -t tmpfs none m; (cd m; umount -l ../m; pwd -P | sed "s,$OLDPWD,W,"; ls -a; touch x; /bin/pwd); info
mount --bind m n; mount -o remount,bind,ro n; info; touch n/x; touch m/x; tab
mount -o remount,bind,rw n; touch n/y; info
mount -o remount,bind,nosuid,nodev,noexec n; info
mount -o remount,bind,noatime n; info
mount -o remount,bind n; info
mount -o remount,bind,strictatime n; info
mount -o remount,bind,relatime,nodiratime n; info
mount -o remount,bind,ro m
mount -o remount,ro .
exec 6>n/open; mount -o remount,bind,ro n; exec 6>&-
exec 6<n/open; mount -o remount,bind,ro n; exec 6<&-; info; umount n
mount -t tmpfs fs m; mount --bind m n; mount -o remount,ro m; info; touch m/x n/x; tab
mount -o remount,rw n; info; touch n/x m/x
mount -o remount,rw m; info; touch m/x
exec 6>m/w; mount -o remount,ro m; mount -o remount,ro n; exec 6>&-
mount -o remount,ro n; info; rm m/x; mkdir n/d; chmod 1 m/x; chown 1 m/x; touch -d @0 m/x; ln m/x m/y; mv m/x m/z; ln -s a m/l; truncate -s 5 m/x; setfattr -n trusted.a -v b m/x; mknod m/p p; mkfifo m/f; rmdir m/d; : >m/x; : >>m/new; cat m/x
test -w m/x
cp m/x n2; [ -r m/x ]
mount -o remount,rw,nosuid m; info; umount n m
mount -r --bind m n; info; umount n
mount -o bind,ro m n; touch n/x; info; umount n
mount -t tmpfs -o X-mount.mkdir none made; info; umount made
mount -t tmpfs a m; mount -t tmpfs b m; mount -t tmpfs c m; info; umount m; tab; umount m m; info
mount -t tmpfs a m; mkdir m/1; mount -t tmpfs b m/1; mkdir m/1/2; mount -t tmpfs c m/1/2; info; umount -R m; info
mount -t tmpfs a m; mkdir m/1; mount -t tmpfs b m/1; umount -l m; info; mountpoint m
mount -t tmpfs a m; rmdir m; mv m m2; umount m; mv m m2; mv m2 m
mount -t tmpfs a m; mount --bind m/ n; rmdir n; mv n x; umount n m
mount -t tmpfs a m; touch m/a file2; ln m/a file3; mv m/a file3; cat file3; mount --bind . n; ln file file4; ln n/file file5; mv n/file file5; rename.ul x y n/file; umount n m
mount -t tmpfs a m; find . -xdev | sort | head -3; du -x . | wc -l; stat -c %m m; df --output=target m | sed "s,$PWD,W,;1d"; umount m
findmnt -n -o TARGET,FSTYPE /proc
findmnt -n -o FSTYPE,OPTIONS /sys
findmnt -n -o FSTYPE /dev
findmnt -n -o FSTYPE -T /proc/self
findmnt nosuch
findmnt -t nosuchtype -o TARGET,SOURCE,FSTYPE
findmnt -n -o PROPAGATION /
mount | grep -c proc
mount -t proc | head -1
cat /proc/self/mounts | wc -w | grep -c .
cmp /proc/mounts /proc/self/mounts
awk '{print NF}' /proc/self/mountstats | sort -u | head -1
setpriv --reuid 1000 --clear-groups mount -t tmpfs none m
setpriv --reuid 1000 --clear-groups umount /proc
umount /nosuch
umount file
umount n
umount -l n
umount -f n
mount --bind /proc/self/fd n; ls n | head -2; umount n
mount --bind /proc/self/ns n; umount n
mount --bind /dev/null file; cat file; echo x >file; info; umount file; cat file
mount --bind $PWD/m $PWD/n; (exec 7<n; umount n); umount n
chroot . /bin/true
mkdir -p root; mount --bind / root; chroot root /bin/sh -c 'grep -c . /proc/self/mountinfo >/dev/null; ls -d /etc'; umount root
mkdir -p r/proc r/bin r/lib r/lib64; for d in bin lib lib64; do mount --bind /$d r/$d; done; mount -t proc proc r/proc; chroot r /bin/bash -c "while read -r a b c d e f; do echo \$d \$e; done </proc/self/mountinfo"; umount -R r/proc; umount r/bin r/lib r/lib64; rm -r r
info
END
cd /; umount -R $work 2>/dev/null; rm -rf --one-file-system $work
