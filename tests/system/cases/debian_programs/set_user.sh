# timeout 900
# su and sudo with PAM: who one becomes, what is refused, and the marks that set-id programs leave.
export LC_ALL=C TERM=dumb
useradd -m -s /bin/bash anna; useradd -m -s /bin/sh -G users,cdrom bert; groupadd crew; usermod -aG crew anna
echo 'anna:secret' | chpasswd; getent passwd anna bert | cut -d: -f1,6,7; getent group crew
stat -c '%a %U %G %n' /usr/bin/su /usr/bin/sudo /usr/bin/passwd /usr/bin/newgrp
cat >/etc/sudoers.d/case <<"R"
anna ALL=(ALL:ALL) NOPASSWD: /usr/bin/id, /usr/bin/whoami, /bin/cat, /usr/bin/env, /usr/bin/sh
bert ALL=(anna) NOPASSWD: /usr/bin/id
Defaults !syslog, !use_pty
R
chmod 440 /etc/sudoers.d/case; visudo -cf /etc/sudoers.d/case
quiet() { sed -E 's/[0-9]{2}:[0-9]{2}:[0-9]{2}/TIME/g' ; }
echo "-- su"
su anna -c id; su - bert -c 'id; pwd; echo $HOME $USER $LOGNAME $SHELL; umask'
su -s /bin/sh -g crew bert -c id; su bert -c 'exit 9'; echo "status $?"
su nosuch -c id; echo "status $?"
su anna -c 'su bert -c id </dev/null' 2>&1; echo "status $?"
su anna -c 'cat /etc/shadow; touch /root/x; kill -0 1; echo >/proc/sys/kernel/hostname; mount -t tmpfs none /mnt' 2>&1 | sed 's/.*line 1/line 1/; s/^.*: 1: //'
su bert -c 'grep -E "^(Uid|Gid|Groups|CapEff|CapPrm|CapBnd|NoNewPrivs)" /proc/self/status; ls -ld /proc/self/fd | cut -d" " -f1-4; ulimit -c; ulimit -u >/dev/null'
su anna -c 'kill -9 $$'; echo "status $?"
runuser -u bert -- id -un; setpriv --reuid=anna --regid=crew --clear-groups --inh-caps=-all id
setpriv --reuid=anna --clear-groups --no-new-privs sudo -n id 2>&1; echo "status $?"
echo "-- sudo"
sudo id; su anna -c 'sudo -n id; sudo -n -u bert id -un; sudo -n -u bert -g crew id; sudo -n whoami'
su anna -c 'sudo -n ls /root' 2>&1; echo "status $?"
su anna -c 'sudo -n sh -c "exit 4"'; echo "status $?"; su anna -c 'sudo -n sh -c "kill -TERM \$\$"' 2>&1; echo "status $?"
su bert -c 'sudo -n -u anna id; sudo -n id' 2>&1; echo "status $?"
su anna -c 'sudo -n env' | grep -E '^(SUDO_(USER|UID|GID|COMMAND)|HOME|USER|LOGNAME|PATH)=' | sort
su anna -c 'sudo -nl' | tail -n 3; su anna -c 'echo in | sudo -n cat; sudo -n cat /etc/shadow | wc -l' | sed 's/^[0-9]*$/N/'
su anna -c 'sudo -n sh -c "cat /proc/self/status" | grep -E "^(Uid|Gid|CapEff)"; sudo -n sh -c "stat -c %U /proc/self/exe"; sudo -k; sudo -n id -u'
echo "-- set-id programs"
cp /usr/bin/id /tmp/ids; chown bert:crew /tmp/ids; chmod 6755 /tmp/ids; su anna -c /tmp/ids; chmod 0711 /tmp/ids; chown root:root /tmp/ids; su anna -c '/tmp/ids -un; cat /tmp/ids' 2>&1; rm /tmp/ids
newgrp crew <<<'id -gn'; su anna -c 'newgrp crew <<<"id -gn"'; su anna -c 'passwd -S'| cut -d' ' -f1,2
su bert -c 'crontab -l' 2>&1 | tail -n 1 | sed 's/.*crontab/crontab/'
su anna -c 'chsh -s /bin/sh </dev/null' 2>&1 | head -n 2; echo secret | su anna -c 'chfn -r 5 bert' 2>&1 | tail -n 1
su anna -c 'trap "echo hung" HUP; kill -HUP $$; echo on'
rm /etc/sudoers.d/case; userdel -r anna 2>/dev/null; userdel -r bert 2>/dev/null; groupdel crew; id anna 2>&1
