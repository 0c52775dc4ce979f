#include shell.inc
t() { touch -d "$1" f && stat -c '%x|%y|%X %Y' f; }
: >f
commands <<'END'
t '2001-02-03 04:05:06.789 UTC'
t @0
t @1
t @-1
t @-0.5
t @-1.25
t '1969-12-31 23:59:59'
t '1901-12-13 20:45:52'
t '1900-01-01'
t '1800-01-01'
t '1677-09-21'
t '1600-02-29'
t '0001-01-01'
t @2147483647
t @2147483648
t '2038-01-19 03:14:08'
t '2106-02-07 06:28:16'
t @4294967295
t @4294967296
t @9223372036
t @9223372037
t '2262-04-11 23:47:16'
t '2262-04-12'
t '2300-01-01 00:00:00.123456789'
t '2446-05-10 22:38:56'
t '3000-06-15'
t '9999-12-31 23:59:59.999999999'
t '@99999999999.5'
t '@67767976233532799'
t @-9223372037
t @-99999999999.000000001
t 'nonsense'
touch -t 200102030405.06 f; stat -c %y f
touch -t 6912312359 f; stat -c %y f
touch -t 203801190314.08 f; stat -c %y f
touch -t 13 f
touch -a -d 2010-01-01 f; stat -c '%X %Y' f
touch -m -d 2011-01-01 f; stat -c '%X %Y' f
touch -r f g; stat -c '%X %Y' g
touch -d '2500-01-01' g; touch -r g f; stat -c '%X %Y' f
touch -h -d 1950-01-01 f; stat -c %Y f
ln -s f l; touch -h -d 2222-02-02 l; stat -c %Y l f
touch -d 2020-01-01 -c nosuch; ls nosuch
touch -d '2020-01-01' d1; touch -d '3020-01-01' d2; touch -d '1020-01-01' d3; ls -t d1 d2 d3
ls -tr d1 d2 d3
ls -l --time-style=full-iso d1 d2 d3
ls -l --time-style=+%s d1 d2 d3
ls -lu --time-style=long-iso d2
find . -newermt 2999-01-01
find . ! -newermt 1100-01-01 -name 'd*'
find . -name d2 -printf '%T@ %TY\n'
[[ d2 -nt d1 ]]
[[ d3 -ot d1 ]]
cp -p d2 d4; stat -c %Y d4
cp -a d3 d5; stat -c '%y' d5
mkdir dd; touch -d 2400-01-01 dd; stat -c %y dd
touch -d 1234-05-06 dd/x; cp -a dd de; stat -c %y de/x; stat -c %y dd de | uniq | wc -l
tar cf - d1 d2 d3 | tar tvf - | awk '{print $4, $6}'
mkfifo p; touch -d 2300-01-01 p; stat -c %y p
mknod n c 1 3; touch -d 2300-01-01 n; stat -c %y n
date -u -d @0
date -u -d @4294967296 +%F
date -r d2 +%F
date -u -d '2024-02-29 + 1 year' +%F
date -d 'last monday of' +%F
date +%Z
date -u +%s | grep -c .
date -s nonsense
date -d '1969-12-31' +%s
date --iso-8601=ns -d @0.5
date -R -d @0
test $(stat -c %W f) -gt 0
test $(stat -c %Z f) -le $(date +%s)
: >h; a=$(stat -c %X h); b=$(stat -c %Y h); c=$(stat -c %Z h); [ $a = $b ] && [ $b = $c ]
touch -d @5 h; [ $(stat -c %Z h) -gt 5 ]
touch -d @5 h; cat h; test $(stat -c %X h) -gt 5
touch -d @5 h; head -c 0 h; stat -c %X h
touch -d @5 h; : <h; stat -c %X h
echo data >h; touch -d @5 h; cat h; test $(stat -c %X h) -gt 5
touch -a -d @5 h; touch -m -d @4 h; cat h >/dev/null; test $(stat -c %X h) -gt 5
touch -d @5 h; dd if=h of=/dev/null count=0 status=none; stat -c %X h
touch -d @5 h; dd if=h of=/dev/null skip=5 status=none; test $(stat -c %X h) -gt 5
mkdir ad; touch -d @5 ad; ls ad; test $(stat -c %X ad) -gt 5
touch ad/x; touch -d @5 ad; ls ad; test $(stat -c %X ad) -gt 5
ln -s h sl; touch -h -d @5 sl; cat sl; test $(stat -c %X sl) -gt 5
touch -h -d @5 sl; readlink sl; test $(stat -c %X sl) -gt 5
touch -d @5 ad; touch ad/y; test $(stat -c %Y ad) -gt 5
touch -d @5 ad; rm ad/y; test $(stat -c %Y ad) -gt 5
touch -d @5 ad; mv ad/x ad/z; test $(stat -c %Y ad) -gt 5
touch -d @5 ad; chmod 700 ad; stat -c %Y ad
touch -d @5 h; echo >>h; test $(stat -c %Y h) -gt 5
touch -d @5 h; truncate -s 5 h; test $(stat -c %Y h) -gt 5
touch -d @5 h; truncate -s 5 h; test $(stat -c %Y h) -gt 5
touch -d @5 h; chmod 600 h; stat -c %Y h
touch -d @5 h; ln h h2; stat -c '%X %Y' h
touch -d @5 h; mv h h3; stat -c '%X %Y' h3
touch -d @5 h3; printf '' >>h3; stat -c %Y h3
touch -d @5 h3; : >h3; test $(stat -c %Y h3) -gt 5
touch -d @5 h3; : >h3; test $(stat -c %Y h3) -gt 5
echo x >h3; touch -a h3; sleep 0.02; a=$(stat -c %x h3); cat h3 >/dev/null; b=$(stat -c %x h3); [ "$a" = "$b" ]
touch -a -d '2 days ago' h3; a=$(stat -c %x h3); cat h3 >/dev/null; b=$(stat -c %x h3); [ "$a" != "$b" ]
touch -a -d '2 hours ago' h3; touch -m -d '3 hours ago' h3; cat h3 >/dev/null; find h3 -amin -60
END
cd /; rm -rf $work
