cd /tmp; rm -rf ft; mkdir ft; cd ft
echo one > a; cat a; echo two >> a; cat a; wc -c a
ln a b; ln -s a c; ls -l a b c | awk '{print $1,$2,$5,$9,$10,$11}'
readlink c; stat -c '%F %h %s %a' a b c
mv b d; ls; rm d; ls; cp a e; cmp a e && echo same
mkdir -p x/y/z; find . | sort; rmdir x; echo $?; rm -r x; ls
chmod 640 a; stat -c %a a; chmod u+s,g-r a; stat -c %a a
touch -d '2001-02-03 04:05:06' t; stat -c %Y t; date -u -r t
truncate -s 100000 big; stat -c '%s %b' big; dd if=big bs=1 skip=99999 2>/dev/null | od -c
cat nosuch; cat x/y; ls nosuch
mkdir dd; mkdir dd; rm dd; rmdir nosuch; cd a; mv a dd/q/r; ln a dd/a; ln a dd/a
> empty; test -s empty; echo $?; test -e empty; echo $?
umask 077; echo x > priv; stat -c %a priv; umask 022
ls -a / | head -3
pwd; cd ..; pwd; cd -; cd /tmp/ft/../ft; pwd
echo data > 'name with spaces'; cat name*
ln -s loop1 loop2; ln -s loop2 loop1; cat loop1
ln -s /tmp/ft/none dangling; cat dangling; echo made > dangling; cat none
head -c 300 /dev/zero | tr '\0' x > $(printf 'n%.0s' $(seq 1 255)); ls | wc -l
touch $(printf 'n%.0s' $(seq 1 256)); echo $?
cd /; rm -rf /tmp/ft; ls -d /tmp/ft
