echo hello; echo "a  b" 'c'; printf '%s-%d\n' x 42
false || echo "or"; true && echo "and"; ! false; echo $?
x=5; echo $((x * 7 % 4)) ${x:-no} ${y:-none} ${#x}
for i in 1 2 3; do echo -n "$i "; done; echo
case foo in f*) echo glob;; *) echo no;; esac
(exit 3); echo $?
sh -c 'exit 200'; echo $?
sh -c 'kill -9 $$'; echo $?
sh -c 'kill -TERM $$'; echo $?
nosuchcommand; echo $?
/etc; echo $?
set -- a b c; echo $# "$@" "$*"; shift; echo $1
f() { local z=1; echo "f $1 $z"; return 4; }; f arg; echo $?
cat <<X
here $x
X
echo $(echo nested $(echo deep))
trap 'echo trapped' EXIT
