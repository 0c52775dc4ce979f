# timeout 900
# tmux, vim, less, script and a shell's job control on pseudo-terminals that expect drives.
export LC_ALL=C.UTF-8 HOME=/tmp/te TERM=xterm TMUX_TMPDIR=/tmp/te SHELL=/bin/bash
unset TMUX; mkdir -p /tmp/te; cd /tmp/te; seq 1 500 >numbers; printf 'set -g status off\nset -sg escape-time 0\n' >tmux.conf
cat >common.exp <<"E"
set timeout 60; log_user 0; set stty_init "rows 24 columns 80"
proc want {pattern} { expect -re $pattern {} timeout { puts "no $pattern"; exit 1 } eof { puts "end before $pattern"; exit 1 } }
# Until the terminal's foreground group runs this program.
proc foreground {name} { for {set i 0} {$i < 600} {incr i} { if {![catch {exec ps -o stat= -C $name | grep -q +}]} return; after 100 }; puts "no $name in front"; exit 1 }
proc ends {} { expect eof {} timeout { puts "does not end"; exit 1 }; puts "status [lindex [wait] 3]" }
E
echo "-- vim"
cat >vim.exp <<"E"
source common.exp
spawn vim -u NONE -N -n -i NONE text
want "new|New"; send "ione\rtwo\rthree\033"; send ":2\r"; send "dd"; send ":%s/e/E/g\r"; want "substitut"
send ":r !tty | cut -c1-9\r"; send ":set columns?\r"; want "columns=80"
send ":call writefile(\[&lines . ' ' . &columns\], 'size')\r"; send ":w\r"; want "written"
exec stty rows 40 columns 100 <$spawn_out(slave,name); exec kill -WINCH [exp_pid]
send ":set columns?\r"; want "columns=100"; send ":call writefile(\[&lines . ' ' . &columns\], 'size', 'a')\r"
send "Glast\033"; send "yyp:wq\r"; ends
E
expect vim.exp; cat text size
vim -es -u NONE -i NONE -c '%s/one/ONE/e' -c 'normal Gofour' -c wq text </dev/null; cat text
echo "-- less"
cat >less.exp <<"E"
source common.exp
spawn less -X -M numbers
want "lines 1-23"; send " "; want "lines 24-46"; send "/^333\r"; want "lines 333-355"; send "g"; want "lines 1-23"; send "G"; want "END"; send "!echo from a shell\r"; want "from a shell.*done"; send "\r"; want "END"; send "q"; ends
spawn less -X +F numbers
want "Waiting for data"; send "\003"; want "END"; send "q"; ends
E
expect less.exp
echo "-- job control"
cat >jobs.exp <<"E"
source common.exp
spawn bash --norc --noprofile
send "PS1='ready> '; set +o history; bind 'set enable-bracketed-paste off'\r"; want "\[\r\n\]ready> "
proc run {command pattern} { send "$command\r"; want $pattern; want "ready> "; puts "$command: ok" }
run "tty | cut -c1-9" "\n/dev/pts/"; run "stty size" "\n24 80"; run "stty -a | grep -c isig" "\n1"
send "sleep 1000\r"; foreground sleep; send "\032"; want "Stopped"; want "ready> "
run "jobs" "Stopped +sleep 1000"; run "ps -o stat= -p \$(jobs -p)" "\nT"; send "bg\r"; want "sleep 1000 &"; want "ready> "
run "ps -o stat= -p \$(jobs -p)" "\nS"; send "fg\r"; want "sleep 1000"; foreground sleep; send "\003"; want "ready> "; run "echo \$?" "\n130"
send "cat\r"; foreground cat; send "typed\r"; want "typed\r\ntyped"; send "\004"; want "ready> "
send "cat >/dev/null\r"; foreground cat; send "\034"; want "Quit"; want "ready> "
run "read -s -t 5 x </dev/null; echo \$?" "\n1"; run "trap 'echo resized' WINCH; true" "; true"
exec stty rows 30 columns 90 <$spawn_out(slave,name); run "stty size" "\n30 90"
run "sleep 500 & disown -h" "\\\[1\\\]"; send "exec 3>/dev/tty; echo through >&3\r"; want "\nthrough"; want "ready> "
send "kill -9 %1; exit 5\r"; ends
E
expect jobs.exp
echo "-- script"
script -qec 'tty | cut -c1-9; stty size >/dev/null && echo sized; exit 6' out </dev/null; echo "status $?"; sed '1d;$d' out
printf 'echo $((6 * 7))\nexit 3\n' | script -qe -c 'bash --norc --noprofile' out2 >/dev/null; echo "status $?"; grep -c $'42\r$' out2
echo "-- tmux"
tmux -f tmux.conf new-session -d -x 80 -y 24 'bash --norc --noprofile'; tmux list-sessions -F '#{session_name} #{session_windows} #{window_width}x#{window_height}'
wait_for() { for i in $(seq 200); do tmux capture-pane -p -t "$1" | grep -qx "$2" && { echo "$2"; return; }; sleep 0.1; done; echo "no $2"; }
tmux send-keys 'echo $((40 + 2)) $(stty size)' Enter; wait_for :0.0 '42 24 80'
tmux split-window -v -t :0 'bash --norc --noprofile'; tmux list-panes -F '#{pane_index} #{pane_width}x#{pane_height} #{pane_current_command}'
tmux send-keys -t :0.1 'stty size' Enter; wait_for :0.1 '11 80'; tmux send-keys -t :0.0 'clear; stty size' Enter; wait_for :0.0 '12 80'
tmux new-window -t :1 'vim -u NONE -N -n -i NONE other'; tmux send-keys -t :1 'iwithin tmux' Escape ':wq' Enter
for i in $(seq 200); do [ -s other ] && break; sleep 0.1; done; cat other; tmux set-buffer 'pasted text'; tmux paste-buffer -t :0.1; tmux send-keys -t :0.1 C-u
cat >tmux.exp <<"E"
source common.exp
spawn tmux -f tmux.conf attach
want "bash-"; send "clear; echo a\$((1+1))b\r"; want "a2b"; send "\002d"; want "detached"; ends
E
expect tmux.exp; tmux kill-server; while tmux has-session 2>/dev/null; do sleep 0.1; done; echo ended
cd /; rm -rf /tmp/te
