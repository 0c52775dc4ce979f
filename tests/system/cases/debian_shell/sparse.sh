#include shell.inc
commands <<'END'
truncate -s 1M s; stat -c '%s %b' s
du s; du --apparent-size s
printf x | dd of=s bs=1 seek=500000 conv=notrunc status=none; stat -c '%s %b' s
cksum s
cp --sparse=always s t; stat -c '%s %b' t; cmp s t
cp --sparse=never s u; stat -c '%s %b' u
cp --sparse=auto s v; stat -c '%s' v; cmp s v
fallocate -l 1M a; stat -c '%s %b' a
fallocate -p -o 4096 -l 8192 a; stat -c '%s %b' a
fallocate -n -l 2M a; stat -c '%s %b' a
fallocate -o 1M -l 4096 a; stat -c '%s' a
fallocate -z -o 0 -l 4096 a
fallocate -c -o 0 -l 4096 a
fallocate -i -o 0 -l 4096 a
fallocate -d s; stat -c '%s %b' s
fallocate -l 0 a
fallocate -l -1 a
fallocate -l 4096 /dev/null
fallocate -x -l 8192 px; stat -c '%s %b' px
dd if=/dev/zero of=d bs=1k count=10 status=none; stat -c '%s %b' d
dd if=/dev/zero of=d bs=1k count=5 seek=20 status=none; stat -c %s d
dd if=/dev/zero of=d bs=1k count=5 conv=notrunc status=none; stat -c %s d
dd if=/dev/zero of=d bs=4k seek=100 count=0 status=none; stat -c '%s %b' d
dd if=d of=/dev/null bs=1k 2>&1 | head -2
dd if=d bs=1 skip=20 count=3 status=none | od -An -tx1
printf 'hello world' | dd bs=3 count=2 status=none; echo
printf 'hello world' | dd ibs=1 obs=4 conv=ucase status=none; echo
printf 'ab\ncd\n' | dd cbs=4 conv=block status=none; echo
printf 'ab  cd  ' | dd cbs=4 conv=unblock status=none
printf abcd | dd conv=swab status=none; echo
printf abc | dd bs=10 conv=sync status=none | od -An -c
dd if=/dev/zero of=e bs=1 count=1 oflag=append conv=notrunc status=none; stat -c %s e
dd if=/dev/zero of=e bs=1 count=1 oflag=append conv=notrunc status=none; stat -c %s e
dd if=/dev/zero of=e bs=1 count=1 conv=excl status=none
dd if=/dev/zero of=new bs=1 count=1 conv=nocreat status=none
dd if=nosuch of=x status=noxfer
dd if=/dev/zero of=/nosuch/x count=1 status=noxfer
dd if=. of=x status=noxfer
dd bs=0 status=noxfer
dd if=/dev/zero of=sync bs=1k count=4 oflag=sync,dsync status=none conv=fsync; stat -c %s sync
dd if=/dev/zero of=dir bs=4k count=1 oflag=direct status=noxfer
dd if=d of=/dev/null iflag=nofollow,noatime,nonblock status=none
dd if=/dev/zero of=f bs=10 count=3 iflag=fullblock 2>&1 | head -2
dd if=d of=g skip=5B count=7B iflag=skip_bytes,count_bytes status=none; stat -c %s g
dd if=/dev/zero of=/dev/full count=1 status=noxfer
dd if=/dev/full of=h bs=10 count=1 status=none; od -An -tx1 h
dd if=/dev/null of=i status=noxfer; stat -c %s i
head -c 5 /dev/zero | od -An -tx1
head -c -5 <<<abcdefgh
tail -c 3 <<<abcdef
tail -c +3 <<<abcdef
tail -n +2 <<<$'a\nb\nc'
split -b 100 -d d part.; ls part.* | wc -l; cat part.* | cmp - d
split -n 3 d q.; wc -c q.* | tail -1
split -l 2 --filter='cat >$FILE.x' <(seq 5); cat x*.x | wc -l
truncate -s 5G big; stat -c '%s %b' big; tail -c 1 big | od -An -tx1
dd if=/dev/zero of=big bs=1 seek=8G count=1 conv=notrunc status=none; stat -c '%s %b' big
truncate -s 9223372036854775807 big; stat -c %s big
truncate -s 9223372036854775808 big
tail -c 1 big | wc -c
dd if=/dev/zero of=big bs=1 seek=9223372036854775807 count=1 conv=notrunc status=noxfer
rm big
(ulimit -f 1; dd if=/dev/zero of=lim bs=512 count=4 status=none; echo $?; stat -c %s lim) |& hide_pid
(trap '' XFSZ; ulimit -f 1; dd if=/dev/zero of=lim bs=512 count=4 status=none; echo $?)
(ulimit -f 0; trap '' XFSZ; echo x >lim)
yes | head -c 100000 | md5sum
head -c 100000 /dev/zero | gzip -n | gunzip | wc -c
od -An -tu4 -N 16 /dev/zero
od -A x -t x1z <<<'hello world'
od -t f4 -N 4 <<<aaaa
od -j 2 -N 3 -c <<<abcdef
hexdump -C <<<'some text to dump'
hexdump -e '4/1 "%02x " "\n"' <<<abcdefg
hd -n 4 /dev/zero
cmp -l <(echo abc) <(echo abd)
cmp -n 2 <(echo abc) <(echo abd)
cmp -i 1:2 <(echo xabc) <(echo yyabc)
cmp -s s t
cmp s nosuch
wc -c s
wc -lwc <<<'a b c'
wc -L <<<abcdef
sha1sum s | cut -c1-40
md5sum -c <(md5sum s)
cat s s | wc -c
cat <s >t2; cmp s t2
cat s >>s
cp s s2; cat s2 >>s2
exec 7<>rw; echo abc >&7; exec 7<&-; cat rw
exec 7<rw 8<rw; read -u 7 x; read -u 8 y; echo $x $y; exec 7<&- 8<&-
exec 7<rw; exec 8<&7; read -n 1 -u 7 a; read -n 1 -u 8 b; echo $a $b; exec 7<&- 8<&-
exec 7>>ap; exec 8>>ap; echo 1 >&7; echo 2 >&8; echo 3 >&7; exec 7>&- 8>&-; cat ap
exec 7>tr; echo 12345 >&7; : >tr; echo 6 >&7; exec 7>&-; od -An -c tr
rm -f gone; exec 7<>gone; rm gone; echo still >&7; cat /proc/self/fd/7; readlink /proc/self/fd/7 | sed 's,.*/,,'; stat -L -c '%h %s' /proc/self/fd/7; exec 7>&-
END
cd /; rm -rf $work
