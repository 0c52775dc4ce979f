#include shell.inc
mkdir -p t/a/b t/c t/empty; printf x >t/one; printf '%2000s' >t/a/two; : >t/zero; ln -s one t/link; ln -s nowhere t/dangling
ln t/one t/c/hard; mkfifo t/pipe; mknod t/null c 1 3; mknod t/blk b 7 1; chmod 4755 t/a/two; chmod 000 t/zero; chown 5:6 t/c/hard
touch -d '2020-01-01' t/a/b/old; touch -d '2021-06-01 12:00' t/a/b/new; chmod 1777 t/empty; chmod 0640 t/a/b/old
commands <<'END'
find t | sort
find t -name 'o*' | sort
find t -iname 'O*' | sort
find t -path '*/b/*' | sort
find t -ipath '*/B/*' | sort
find t -regex '.*/[no][a-z]*' | sort
find t -regextype posix-extended -regex '.*/(one|two)' | sort
find t -lname 'o*'
find t -type f | sort
find t -type d | sort
find t -type l | sort
find t -type p
find t -type c
find t -type b
find t -type s
find t -type f,l | sort
find t -type z
find t -xtype l
find t -xtype f | sort
find -L t -type f | sort
find -L t -type l
find -P t/link
find -H t/link -type f
find t -size 0 | sort
find t -size 1c
find t -size +1k | sort
find t -size -2b -type f | sort
find t -size 4b
find t -empty | sort
find t -perm 4755
find t -perm -4000
find t -perm /6000 | sort
find t -perm -o=w -type d
find t -perm 000 -type f
find t -perm /u=r,g=r -type f | sort
find t -perm u=rw
find t -user 5 -o -group 6 | sort
find t -user root -type d | sort
find t -user nosuch
find t -uid +4
find t -gid 6 | sort
find t -nouser | sort
find t -links 2 -type f | sort
find t -links +2 | sort
find t -samefile t/one | sort
find t -inum $(stat -c %i t/zero)
find t -newer t/a/b/old -name new
find t -newermt 2021-01-01 -name 'n*w'
find t ! -newermt 2020-06-01 | sort
find t -newermt '2021-06-01 11:59' ! -newermt '2021-06-01 12:01'
find t -neweraa t/a/b/old -name new
find t -newerXY x
find t -anewer t/a/b/old -name new
find t -cnewer t/a/b/new -name one
find t -mtime +1000 | sort
find t -mtime -1 -type d | sort
find t -mmin -60 -type f | sort
find t -amin -60 -name one | sort
find t -cmin -60 -type f | sort
find t -ctime 0 -name old
find t -atime +1000 | sort
find t -used -1 -name one
find t -daystart -mtime 0 -name zero
find t -readable -type f | sort
find t -writable -type f | sort
find t -executable -type f | sort
find t -maxdepth 1 | sort
find t -mindepth 2 -type f | sort
find t -mindepth 1 -maxdepth 1 -type d | sort
find t -depth -type d | tail -1
find t -prune
find t -name a -prune -o -print | sort
find t -path t/a -prune -o -type f -print | sort
find t -name one -o -name zero | sort
find t \( -name one -o -name zero \) -a -size 1c | sort
find t -not -type d -a ! -type f | sort
find t -name one , -name zero | sort
find t -true -name one
find t -false
find t -quit
find t -name one -print -quit
find t -fstype tmpfs -name one
find t -fstype rootfs -name one
find t -fstype proc
find t -xdev -name one
find t -mount -name one
find t -noleaf -name one
find t -ignore_readdir_race -name one
find t -printf '%p|%f|%h|%P|%H\n' | sort | head -4
find t -type f -printf '%s %m %M %n %p\n' | sort -k5
find t -printf '%y %Y %p\n' | sort -k3
find t -type l -printf '%p -> %l\n' | sort
find t -printf '%d %p\n' | sort
find t -printf '%u %g %U %G %p\n' | sort
find t -name old -printf '%t|%TY-%Tm-%Td %TH:%TM|%T@\n'
find t -name old -printf '%a|%A@|%AY\n'
find t -name two -printf '%k %b %S\n'
find t -printf '%F\n' | sort | uniq -c | wc -l
find t -printf '%D\n' | sort -u | wc -l
find t -printf 'a\tb\\c%%\n' | head -1
find t -name one -printf '%ZX\n'
find t -name one -ls | awk '{print $3,$4,$5,$6,$7,$11}'
find t -name one -fls out; wc -l <out
find t -name one -fprint out; cat out
find t -name 'o*' -fprint0 out; tr '\0' '\n' <out | sort
find t -name one -fprintf out '%s\n'; cat out
find t -print0 | tr -cd '\0' | wc -c
find t -name one -exec echo {} \;
find t -type f -exec echo {} + | wc -w
find t -name one -exec false \;
find t -type f -exec sh -c 'echo $# ' _ {} +
find t -name one -execdir pwd \; | sed "s,$PWD,W,"
find t -name hard -execdir echo {} \;
find t -name one -exec grep -q x {} \; -print
find t -name one -ok echo {} \;
find t -name one -exec nosuchcmd {} \;
find nosuch
find t nosuch -maxdepth 0
find t -name
find t -nosuch
find t -maxdepth x
find t -files0-from <(printf 't/one\0')
find -files0-from <(printf 't/one\0t/zero\0')
find t -name zero -delete; ls t/zero
find t/a -delete -name nothing; ls t
find t -type f -delete; find t | sort
find t -type d -empty -delete; find t | sort
find /proc/self -maxdepth 1 -name 's*' -type f -printf '%f\n' | sort
find /proc/self/fd -type l -printf '%f\n' | sort -n | head -3
find /dev -maxdepth 1 -type c -name '[nzf]*' -printf '%f %m\n' | sort
find /sys -maxdepth 1 -printf '%f %y\n' | sort
find /etc -maxdepth 1 -name 'pass*' -printf '%f %s %m\n'
find / -maxdepth 1 -type l -printf '%f %l\n' | sort
find /proc -maxdepth 1 -name '[0-9]*' -prune -o -type d -printf '%f\n' | sort
find /dev/pts /dev/shm -maxdepth 0 -printf '%p %m %F\n'
END
mkdir x; cd x; touch a b c 'd e' "f'g" 'h"i'
commands <<'END'
echo a b c | xargs
echo a b c | xargs -n 1
printf '%s\n' a b c | xargs -n 2 echo :
printf 'a b\nc\n' | xargs -L 1 echo :
printf 'a b\nc\n' | xargs -I{} echo '<{}>'
printf 'a\0b c\0' | xargs -0 -n 1 echo :
printf "'a b' \"c d\" e\\\\ f" | xargs -n 1
printf "'unmatched" | xargs
echo a:b:c | xargs -d : -n 1
xargs -r echo none </dev/null
xargs echo none </dev/null
echo x | xargs -t echo
echo 1 2 3 4 | xargs -P 2 -n 1 sh -c 'exit 0'
echo 1 | xargs sh -c 'exit 3'
echo 1 2 | xargs -n 1 sh -c 'exit 255'
echo 1 | xargs nosuchcmd
echo 1 | xargs /etc/passwd
echo 1 | xargs sh -c 'kill -9 $$'
echo a b EOF c | xargs -E EOF
seq 10000 | xargs | wc -l
seq 100000 | xargs -n 5000 echo | wc -l
seq 100 | xargs -s 100 echo | sed -n 1,2p
echo a | xargs -s 5 echo
xargs -a <(echo from file) echo
seq 3 | xargs --process-slot-var=S sh -c 'echo $S'
find . -print0 | xargs -0 ls -d | sort
find . -type f -print0 | sort -z | xargs -0 -n 1 basename
find . -name 'd*' | xargs ls
seq 5 | xargs -x -n 2 -s 20 echo
xargs --show-limits </dev/null 2>&1 | grep -c .
END
cd /; rm -rf $work
