# timeout 900
#include packages.inc
get openssh-server
mkdir -p /run/sshd; ssh -V; sshd -t; echo "status $?"; sshd -T | grep -E '^(permitrootlogin|usepam|subsystem|port) '; getent passwd sshd
stat -c '%a %U %G %n' /etc/ssh/ssh_host_*; mkdir -p .ssh /root/.ssh; chmod 700 .ssh /root/.ssh
for kind in ed25519 ecdsa; do ssh-keygen -q -t $kind -N '' -C case -f .ssh/$kind && ssh-keygen -lf .ssh/$kind.pub | quiet; cat .ssh/$kind.pub >>/root/.ssh/authorized_keys; done
echo text >text; ssh-keygen -q -Y sign -n case -f .ssh/ed25519 text; echo "case $(cat .ssh/ed25519.pub)" >signers; ssh-keygen -Y verify -f signers -I case -n case -s text.sig <text | quiet
# No network is needed: the server speaks on the client's pipe.
printf 'Host *\n ProxyCommand /usr/sbin/sshd -i\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n User root\n BatchMode yes\n' >config; key='-i .ssh/ed25519'
ssh -F config $key here 'id -un; pwd; cat; exit 6' <text; echo "status $?"; ssh -F config $key -tt here 'tty | cut -c1-9; stty size' </dev/null; head -c 500000 /dev/zero | ssh -F config $key -C here 'wc -c'
ssh -F config -i .ssh/ecdsa here 'echo $SSH_CONNECTION | wc -w; grep -c . /proc/self/cgroup' | head -n 1; ssh -F config here true </dev/null; echo "refused $?"
printf 'put text /tmp/home/copy\nls -1 /tmp/home/copy\nbye\n' | sftp -q -F config $key -b - here; cmp text copy && echo copied
eval "$(ssh-agent)" >/dev/null; ssh-add -q .ssh/ecdsa; ssh-add -l | quiet; ssh -F config -A here 'ssh-add -l' | quiet; kill $SSH_AGENT_PID
ssh -F config $key -fN -M -S /tmp/home/master here; ssh -F config -S /tmp/home/master here 'echo through the master'; ssh -F config -S /tmp/home/master -O exit here; rm -r /root/.ssh
