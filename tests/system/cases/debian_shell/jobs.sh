#include shell.inc
commands <<'END'
sleep 30 & p=$!; jobs %1; kill $p; wait $p
jobs
{ sleep 30 & kill -KILL $!; wait $!; } 2>&1 | hide_pid; echo ${PIPESTATUS[0]}
sleep 30 & kill -STOP $!; sleep 0.1; ps -o stat= -p $! | cut -c1; kill -CONT $!; kill $!; wait $!
(exit 5) & wait $!
(exit 5) & (exit 6) & wait; echo $?
(exit 7) & wait -n
{ sleep 0.05; exit 3; } & wait -n $!
true & wait $!; wait $!
wait 99999
wait %9
kill %9
kill -0 $$
kill -0 999999
kill -l 9
kill -l TERM
kill -l 130
kill -L | wc -l
kill -s nosuch $$
kill -99 $$
kill
/bin/kill -l | wc -w
/bin/kill -0 $$
/bin/kill -s 0 $$
/bin/kill -TERM 999999
/bin/kill -L | head -2
sh -c 'kill -TERM $$'
{ sh -c 'kill -9 $$'; } 2>&1 | hide_pid; echo ${PIPESTATUS[0]}
{ sh -c 'kill -SEGV $$' 2>/dev/null; } 2>&1 | hide_pid; echo ${PIPESTATUS[0]}
sh -c 'kill -PIPE $$'
{ sh -c 'kill -USR1 $$'; } 2>&1 | hide_pid; echo ${PIPESTATUS[0]}
sh -c 'kill -CHLD $$; kill -URG $$; kill -WINCH $$; kill -CONT $$; echo alive'
sh -c 'trap "echo got" USR1; kill -USR1 $$; echo after'
sh -c 'trap "" TERM; kill $$; echo alive'
sh -c 'trap "exit 9" TERM; kill $$; echo no'
bash -c 'trap "echo E" EXIT; exit 4'
bash -c 'trap "echo E" EXIT; kill -TERM $$'
bash -c 'trap "echo err" ERR; false; true; false'
bash -c 'trap "echo dbg" DEBUG; :; :'
bash -c 'trap "echo ret" RETURN; f() { :; }; declare -ft f; f'
bash -c 'trap "echo chld" CHLD; sleep 0.01 & wait; true'
bash -c 'trap - INT; trap; trap "x" INT; trap -p INT'
bash -c 'trap "echo w" USR1; (sleep 0.1; kill -USR1 $$) & wait; echo $?; wait'
bash -c 'trap "echo rt" RTMIN+3; kill -RTMIN+3 $$'
bash -c 'trap nosuch NOSUCH'
bash -c 'set -m; sleep 30 & kill -STOP %1; sleep 0.1; jobs; kill -CONT %1; sleep 0.1; jobs; kill %1; wait; jobs' 2>&1 | sed 's/[0-9]\{2,\}/N/g'
bash -c 'set -m; sleep 30 & fg %1 & sleep 0.1; kill %%; wait' >/dev/null 2>&1
bash -c 'set -m; (sleep 30; echo no) & kill -- -$!; wait $!; echo $?'
bash -c 'set -m; sleep 30 & sleep 31 & jobs -p | wc -l; jobs -r | wc -l; jobs -s | wc -l; kill %1 %2; wait' 2>/dev/null
bash -c 'sleep 30 & disown; jobs; kill $!'
bash -c 'sleep 0 & wait -f $!; echo $?'
bash -c 'sleep 5 & wait -p x -n; ' & sleep 0.1; kill $!; pkill -x sleep; wait $!
timeout 0.1 sleep 5
timeout -s INT 0.1 sleep 5
{ timeout -k 0.5 1 sh -c 'trap "" TERM; sleep 3; sleep 3'; } 2>&1 | hide_pid; echo ${PIPESTATUS[0]}
timeout --preserve-status 0.1 sleep 5
timeout 5 true
timeout 5 false
timeout 5 nosuchcmd
timeout 5 /etc/passwd
timeout --foreground 0.1 sleep 5
timeout 0 echo unlimited
timeout -v 0.1 sleep 5
timeout x true
nohup true
nohup sh -c 'kill -HUP $$; echo alive'
setsid true
setsid -w sh -c 'exit 6'
setsid -f true
setsid -w sh -c 'ps -o pid=,pgid=,sid= -p $$ | awk "{print (\$1 == \$2), (\$2 == \$3)}"'
coproc C { read x; echo "got $x"; }; echo hi >&${C[1]}; read y <&${C[0]}; echo $y; wait $C_PID
coproc cat; echo one >&${COPROC[1]}; read l <&${COPROC[0]}; echo $l; eval "exec ${COPROC[1]}>&-"; wait
cat <(echo a) <(echo b)
diff <(seq 3) <(seq 4)
tee >(wc -l) <<<x >/dev/null; sleep 0.1
paste <(seq 3) <(seq 4 6)
readlink <(:) | sed 's/[0-9]\+/N/g'
echo <(:) | sed 's/[0-9]\+/N/g'
read -t 0.1 x < <(sleep 0.5)
read -t 0 x <<<data
read -t 0 x < <(sleep 0.3)
read -t 1 x <<<data; echo $x
read -n 3 x <<<abcdef; echo $x
read -N 3 x <<<$'a\nb'; echo "$x"
read -d : x <<<a:b; echo $x
read -r x <<<'a\b'; echo $x
read x y z <<<'1 2 3 4'; echo $z
read -a arr <<<'1 2 3'; echo ${#arr[@]}
read -u 77 x
read x </dev/null
read x <&-
mapfile -t m < <(seq 5); echo ${m[4]}
mapfile -n 2 -s 1 m < <(seq 5); echo ${m[@]}
: | true | (exit 3) | true; echo ${PIPESTATUS[@]}
set -o pipefail; false | true; echo $?; set +o pipefail
yes | head -1; echo ${PIPESTATUS[@]}
sh -c 'exit 3' | cat; echo ${PIPESTATUS[0]}
(exit 256)
(exit -1)
bash -c 'exit 300'
nosuchcommand
./nosuchcommand
/etc
/etc/passwd
/etc/passwd/x
echo '#!/bin/sh' >s1; ./s1
chmod +x s1; ./s1
printf '#!/nosuch\n' >s2; chmod +x s2; ./s2
printf '#!/bin/echo a b\n' >s3; chmod +x s3; ./s3 c
printf '#!/bin/sh -e\nfalse\necho no\n' >s4; chmod +x s4; ./s4
printf 'echo plain $0\n' >s5; chmod +x s5; ./s5
printf '\x7fELF' >s6; chmod +x s6; ./s6
: >s7; chmod +x s7; ./s7
printf '#!%s/s3\n' "$PWD" >s8; chmod +x s8; ./s8 z | sed "s,$PWD,W,g"
printf '#!%s/s9\n' "$PWD" >s9; chmod +x s9; ./s9 2>&1 | sed "s,$PWD,W,g"
cp /bin/true t; chmod -x t; ./t
cp /bin/true t2; exec 7>>t2; ./t2; exec 7>&-; ./t2
bash -c 'exec -a name sh -c "echo \$0"'
(exec nosuch)
(exec true; echo no)
exec 77>&1; echo via >&77; exec 77>&-; echo gone >&77
(exec >/dev/null; echo hidden)
{ echo out; echo err >&2; } 2>&1 >/dev/null
echo x 3>&1 1>&3-
echo a >&2 2>/dev/null
echo to 1>file 2>&1; cat file
set -C; echo y >file; echo z >|file; set +C; cat file
ulimit -a | awk '{print $1, $2}' | head -3
ulimit -n
ulimit -Hn
ulimit -s
ulimit -c
ulimit -u | grep -c .
ulimit -v
ulimit -t
ulimit -f
ulimit -l
ulimit -q
ulimit -e
ulimit -r
ulimit -x
ulimit -p
ulimit -i | grep -c .
(ulimit -n 20; ulimit -n; ulimit -Hn)
(ulimit -Sn 30; ulimit -n; ulimit -Hn)
(ulimit -n 5; exec 9>x; echo $?) 2>&1
(ulimit -u 1; true; echo $?)
(ulimit -t 1; bash -c 'while :; do :; done'; echo $?) 2>/dev/null
(ulimit -v 10000; bash -c 'true'; echo $?) 2>/dev/null
(ulimit -s 64; bash -c 'echo small') 2>&1 | tail -1
(ulimit -c 0; bash -c 'kill -ABRT $$'; echo $?) 2>/dev/null
ulimit -n 10000000
umask
umask -S
umask 077; : >u1; stat -c %a u1; umask 022
umask u=rwx,g=,o=; umask; umask 022
umask 0; mkdir um; stat -c %a um; umask 022
umask 999
times | wc -l
TIMEFORMAT=%R; { time true; } 2>&1 | grep -c .
TIMEFORMAT='%P'; { time true; } 2>&1 | grep -c .
echo $BASHPID $$ | awk '{print $1 == $2}'
(echo $BASHPID $$ | awk '{print $1 == $2}')
echo $PPID | grep -c .
echo $SHLVL | grep -c .
echo $- | grep -c B
echo ${#RANDOM} | grep -c .
[[ $EPOCHSECONDS -gt 1000000000 ]]
printf '%(%Y)T\n' 0
type -t cd ls if nosuch
command -v ls
hash -r; hash ls; hash | tail -1 | awk '{print $2}'
enable -n echo; type -t echo; enable echo
builtin nosuch
let 'x = 5, y = x * 2'; echo $y
echo $((2**62)) $((0x7fffffffffffffff + 1)) $((1 / 3)) $((-7 % 3))
(echo $((1/0)))
cd /tmp; cd -; echo $OLDPWD | sed 's/[0-9]\+/N/'
pushd / >/dev/null; dirs; popd | sed 's/[0-9]\+/N/'
cd nosuch
cd /nosuch/..
CDPATH=/ cd proc | head -1
cd "$work"
shopt -s nullglob; echo nosuch*; shopt -u nullglob
shopt -s extglob; echo @(s1|s2) !(s*|t*|f*|u*|x); shopt -u extglob
echo s[1-3] s? ~root /bi[n]
shopt -s dotglob; touch .dot; echo .d*; shopt -u dotglob
caller; f() { caller 0; }; f | wc -l
f() { local x=1; unset x; echo ${x-unset}; }; f
f() { return 300; }; f
declare -i n=5+5; echo $n
declare -a arr=([5]=x); echo ${!arr[@]}
(readonly ro=1; ro=2; echo no)
unset nosuch; echo ${nosuch:-def} ${nosuch:=ass} $nosuch
bash -uc 'echo $nosuch'
bash -ec 'false; echo no'
bash -xc 'echo traced'
bash -nc 'syntax ('
bash -c 'echo $0 $1 $#' a b c
bash nosuchfile
sh -c 'read a; echo $a' <<<in
sh -c 'cat' <<<in
sh <<<'echo from stdin'
bash -c 'bash -c "exit 4"; echo $?; (exit 5); echo $?; bash -c "kill -9 \$\$"; echo $?' 2>/dev/null
bash -c 'x=$(exit 3); echo $?; local' 2>&1 | head -1
suspend
logout
select x in a b; do echo $x; break; done <<<2
getopts ab: o -a -b 3; echo $o; getopts ab: o -a -b 3; echo $o $OPTARG
printf '%s|%5d|%-5s|%x|%c\n' a 5 b 255 cd
printf '%q %b\n' "a b'c" 'x\ty'
printf '%d\n' notnum
printf -v v '%03d' 7; echo $v
test 1 -eq 1; test a = b; test -z ''; [ 1 -lt x ]
[[ abc == a* && abc =~ ^a(b) ]]; echo ${BASH_REMATCH[1]}
case abc in a?c) echo m;;& *) echo n;; esac
for ((i = 0; i < 3; i++)); do printf $i; done; echo
while read -r l; do echo "<$l>"; done <<<$'1\n2'
until false; do break; done
history | wc -l
fc -l
bind -l | head -1
complete -p nosuch
compgen -b | head -3
exec 5>&1; exec 5>&-
echo >&9
END
cd /; rm -rf $work
