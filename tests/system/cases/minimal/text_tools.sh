printf 'b 2\na 1\nc 3\n' > /tmp/t; sort /tmp/t; sort -k2n -r /tmp/t
awk '{print $2 * 2, toupper($1)}' /tmp/t; sed -n '2,3p;s/a/X/p' /tmp/t
grep -n '[ab]' /tmp/t; grep -c . /tmp/t; grep -v a /tmp/t; grep zzz /tmp/t; echo $?
cut -d' ' -f2 /tmp/t; paste /tmp/t /tmp/t; tac /tmp/t; nl /tmp/t; uniq -c /tmp/t
tr -d '\n' < /tmp/t; echo; fold -w 3 /tmp/t; expr 3 + 4; echo abc | od -x
diff /tmp/t /dev/null; cmp /tmp/t /dev/null; md5sum /tmp/t; sha256sum /tmp/t; cksum /tmp/t
gzip -c /tmp/t | gunzip; tar cf - /tmp/t 2>/dev/null | tar tf -; echo hi | base64; printf '%05.1f\n' 3.14159
basename /a/b.c .c; dirname /a/b.c; seq -s, 5; date -u -d @86400; cal 1 2000; bc -l <<X
scale=5; 22/7
X
ls -la /dev/null /dev/zero /dev/full | awk '{print $1,$5,$6,$10}'
echo x > /dev/full; head -c 4 /dev/zero | od -c; head -c 8 /dev/urandom | wc -c
rm /tmp/t
