#include shell.inc
commands <<'END'
mkdir a
mkdir a
mkdir -p a/b/c/d
mkdir a/x/y
mkdir -m 700 private; stat -c '%a %F' private
mkdir -m u=rwx,go= other; stat -c %A other
mkdir -pv p/q/r
rmdir a
rmdir a/b/c/d
rmdir -p p/q/r
ls -A p
touch f1 f2 .hidden
ls
ls -A
ls -a | wc -l
ls -1r
ls -m
ls -x -w 20
ls -p
ls -F
ls -d */
ls nosuch
ls -ld --time-style=+ a
ls -l --time-style=+ f1 f2
ls -n --time-style=+ f1
ls -s f1
ls -R a
ls -Q
ls -b
ls -t f1 f2 >/dev/null
ls --group-directories-first -p
ls -I 'f*'
ls --hide=f1
ls --color=always -d a f1 | cat -v
printf 'hello\n' >f1
cat f1
cat f1 f1
cat nosuch
cat a
cat -n f1
cat -A <<<$'a\tb'
cp f1 f3
cmp f1 f3
cp f1 nosuchdir/
cp f1 nosuchdir/x
cp a b
cp -r a b && ls -R b
cp -a a/. c && ls c
cp -n f2 f1; cat f1
cp -u f2 f3; cat f3
cp -l f1 f1.hard; stat -c %h f1
cp -s $PWD/f1 f1.sym; readlink f1.sym | sed "s,$PWD,W,"
cp --backup=numbered f2 f3; ls f3*
cp -b f1 f3; ls f3*
cp -t a f1 f2; ls a
cp -v f1 f4
cp --parents a/f1 other; ls -R other
cp f1 f1
cp -p f1 f5; stat -c %a f5
cp --preserve=mode f1 f6; stat -c %a f6
cp --attributes-only f1 f7; stat -c %s f7
cp --remove-destination f1 f2; cat f2
cp --no-target-directory f1 a
mv f4 f40; ls f4*
mv nosuch x
mv f40 a; ls a
mv a/f40 .
mv -n f40 f1; ls f40
mv -v f40 f41
mv a b; ls b
mv b/a .
mv a a/b
mv f41 private/; ls private
mv -t . private/f41
mv -b f41 f3; ls f3*
mv f1 f1
ln f1 l1; stat -c '%h' l1
ln f1 l1
ln -f f1 l1
ln nosuch l2
ln a l2
ln -s nosuch dangling
ln -s f1 s1
ln -s s1 s2
ln -s s2 s3
readlink s3
readlink -f s3 | sed "s,$PWD,W,"
readlink -e dangling
readlink -m dangling/x/../y | sed "s,$PWD,W,"
readlink f1
readlink nosuch
realpath s3 | sed "s,$PWD,W,"
realpath --relative-to=a f1
realpath -s s3 | sed "s,$PWD,W,"
ln -s loop1 loop2; ln -s loop2 loop1; cat loop1
stat loop1 -c %F
stat -L loop1
test -e loop1
test -L loop1
ln -sf f2 s1; cat s1
ln -sfn a sd; ln -sfn b sd; readlink sd
ln -sr f1 a/rel; readlink a/rel
ln -L s1 hard.of.target; stat -c '%F %h' hard.of.target
ln -P s1 hard.of.link; stat -c '%F %h' hard.of.link
link f1 l9; unlink l9; ls l9
unlink a
unlink nosuch
rm nosuch
rm -f nosuch
rm a
rm -d a
rm -r private; ls private
rm -v l1
rm -rf other
rm -i f5
touch -- -dash; ls -- -dash; rm -- -dash
touch 'a b' $'new\nline' 'quo"te' "back\\slash"
ls -Q
ls --quoting-style=shell-escape
ls -q
rm -f 'a b' $'new\nline' 'quo"te' "back\\slash"
chmod 600 f1; stat -c %a f1
chmod u+x f1; stat -c %A f1
chmod a+r,g-w f1; stat -c %A f1
chmod g=u f1; stat -c %A f1
chmod +s f1; stat -c '%a %A' f1
chmod 0755 f1; stat -c %a f1
chmod 00755 f1; stat -c %a f1
chmod u-s,g-s f1; stat -c %a f1
chmod +t a; stat -c %A a
chmod 2755 a; mkdir a/sub; stat -c %A a/sub
chmod --reference=f2 f1; stat -c %a f1
chmod -v 640 f1
chmod -c 640 f1
chmod nosuch f1
chmod 640 nosuch
chmod -R go-rwx a; find a -printf '%m %p\n' | sort
chmod 644 s1; stat -c %a f2
chmod X f1
chmod a-x,a+X f1; stat -c %a f1
chown 1 f1; stat -c '%u %g' f1
chown 1:2 f1; stat -c '%u %g' f1
chown :3 f1; stat -c '%u %g' f1
chown daemon:bin f1; stat -c '%U %G' f1
chown -h 5 s1; stat -c %u s1
chown nosuchuser f1
chgrp 7 f1; stat -c %g f1
chown --from=1:7 0:0 f1; stat -c '%u %g' f1
chown --reference=f2 f1; stat -c '%u %g' f1
chmod 6755 f1; chown 1 f1; stat -c %a f1
chown -R 1:1 a; find a -printf '%U %G %p\n' | sort
chown 0:0 f1
touch -c nosuch; ls nosuch
mkfifo ff; stat -c '%F %a' ff
mkfifo ff
mkfifo -m 600 fg; stat -c %a fg
mknod n1 c 1 3; stat -c '%F %t %T' n1
mknod n2 b 7 0; stat -c '%F %t %T' n2
mknod n3 p; stat -c %F n3
mknod n4 c 259 70000; stat -c '%t %T' n4
echo x >n1
cat n1
install -d -m 711 i1/i2; stat -c %a i1 i1/i2
install -m 640 -o 1 -g 2 f1 i1/f; stat -c '%a %u %g' i1/f
install -D f1 deep/er/f; ls -R deep
install -s nosuch x
tree 2>/dev/null || find . -maxdepth 2 | sort
pwd -P | sed "s,$PWD,W,"
(cd a && pwd | sed "s,$OLDPWD,W,")
(cd nosuch)
(cd f1)
(mkdir gone; cd gone; rmdir ../gone; pwd -P; ls; touch x; ls ..; mkdir y)
(mkdir gone2; cd gone2; mv ../gone2 ../gone3; /bin/pwd | sed "s,.*/,,")
rename.ul f3 g3 f3*; ls g3*
stat -c '%s %b %B %o' f1
stat -c '%N' s1
stat -f -c '%T %S %l' .
stat -c '%i' f2 l9 2>&1 | wc -l
stat nosuch
stat -t f1 | wc -w
file=f2; [[ $file -ef s1 ]]
[[ f2 -nt f1 ]] || [[ f1 -nt f2 ]] || echo same
test -f f1 -a ! -d f1
test -p ff
test -S ff
test -c n1
test -b n2
test -u f1
test -k a
test -g a
test -s ff
test -O f1
test -G f1
test -r f1 -a -w f1
test -x f1
test -h s1
test -N f1
du -s --apparent-size a
du -a a | sort -k2
du -sh f2
du -c f1 f2 | tail -1
du --inodes -s a
df --output=fstype . | tail -1
df nosuch
df -P . | head -1
sync
sync f1
sync nosuch
tac <<<$'1\n2\n3'
mktemp -u XXXX | wc -c
mktemp -p . t.XXXXXX | wc -c; rm t.*
mktemp -d -p . d.XXXXXX | wc -c; rmdir d.*
mktemp bad
pathchk f1
pathchk -p 'a*b'
pathchk $(printf 'a%.0s' {1..300})
touch $(printf 'a%.0s' {1..255}) && ls -d aaa* | wc -c
touch $(printf 'a%.0s' {1..256})
p=$(printf 'd/%.0s' {1..100}); mkdir -p $p; find d | wc -l; rm -r d
(d=$(printf 'b%.0s' {1..200}); for i in {1..30}; do mkdir $d; cd $d; done; pwd | wc -c; touch ok; ls)
rm -rf bbbb*; ls -d bbbb*
basename $PWD/f1
dirname f1 a/b /x
shred -u f7; ls f7
truncate -s 10 f1; stat -c %s f1
truncate -s +5 f1; stat -c %s f1
truncate -s '<8' f1; stat -c %s f1
truncate -s %100 f1; stat -c %s f1
truncate -s -200 f1; stat -c %s f1
truncate -r f2 f1; stat -c %s f1
truncate -s 1 a
truncate -c -s 1 nosuch; ls nosuch
cat >f1 <f1
: >f1; stat -c %s f1
>>f1 echo more; cat f1
tee -a f1 <<<again; cat f1
tee /nosuch/x f9 <<<t; cat f9
dir
vdir --time-style=+ | head -3
rm -rf *; ls -A
END
cd /; rm -rf $work
