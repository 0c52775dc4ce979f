#include shell.inc
# The mounts below here with their propagation; groups are numbered by appearance.
info() {
    awk -v w="$PWD" 'index($5, w) == 1 {sub(w, "W", $4); sub(w, "W", $5); o = ""; for (i = 7; $i != "-"; i++) o = o " " $i; print $5, $4, $(i + 2), o}' /proc/self/mountinfo | sort |
        awk '{for (i = 4; i <= NF; i++) if (split($i, f, ":") == 2) {if (!(f[2] in seen)) seen[f[2]] = ++count; $i = f[1] ":" seen[f[2]]} print}'
}
end() { umount -R * 2>/dev/null; info; }
mkdir a b c d e f
commands <<'END'
mount -t tmpfs A a; mkdir a/1 a/2 a/3; info
mount --make-shared a; info
mount --make-shared a; info
mount --bind a b; info
mount -t tmpfs X a/1; info
touch a/1/x; ls b/1
mount -t tmpfs Y b/2; ls -d a/2; info
umount a/1; info
umount b/2; info
mount --make-slave b; info
mount -t tmpfs X a/1; info
mount -t tmpfs Y b/2; info
umount b/2; umount b/1; info
umount a/1; info
mount --make-shared b; info
mount --bind b c; info
mount -t tmpfs X a/1; info
mount -t tmpfs Y b/2; info
umount c/2; umount a/1; info
mount --make-private c; info
mount -t tmpfs X a/1; info; umount a/1
mount --make-unbindable c; info
mount --bind c d
mount --rbind c d
mount --make-slave c; info
mount --make-private c; mount --bind c d; info
mount --make-shared file
mount --make-shared a/2
mount --make-rshared b; info
umount b; info
umount a c d; info
mount -t tmpfs A a; mkdir -p a/1/2 a/3; mount -t tmpfs B a/1; mkdir a/1/2; mount -t tmpfs C a/1/2; mount --make-rshared a; info
mount --bind a b; info
mount --rbind a c; info
mount --make-rslave c; info
mkdir a/1/2/z; mount -t tmpfs D a/1/2/z; info
umount a/1/2/z; info
umount -l a/1; info
umount -R a; info
umount -R b; info
umount -R c; info
mount -t tmpfs A a; mkdir a/1; mount --make-shared a; mount --bind a b; mount -t tmpfs X a/1; mount --move a/1 d; info
mount -t tmpfs M c; mount --move c a/1; info
umount a/1; info
mount --make-private b; mount --move c b/1; info
umount c b/1; end
mount -t tmpfs A a; mkdir -p a/1/in; mount --make-shared a; mount --bind a b; mount --bind a/1 c; info
mount -t tmpfs X a/1/in; info
umount c/in; info
mount -t tmpfs X b/1; info
umount b/1; info
end
mount -t tmpfs A a; mkdir a/1; mount --make-shared a; mount --bind a b; mount --make-private b; mount -t tmpfs T b/1; mount --make-shared b; info
end
mount -t tmpfs A a; mkdir a/1; mount --make-shared a; mount --bind a b; mount --make-slave b; mount -t tmpfs T b/1; mount -t tmpfs U a/1; info
umount a/1; info
end
mount -t tmpfs A a; mkdir a/1; mount --make-shared a; mount --bind a b; exec 5<b/1; mount -t tmpfs X a/1; exec 6<b/1; umount a/1; exec 5<&- 6<&-; umount a/1; info
end
mount -t tmpfs A a; mkdir a/1; mount --make-shared a; mount --bind a b; mount -t tmpfs X a/1; mkdir a/1/s; mount --make-private b/1; mount -t tmpfs Y b/1/s; umount a/1; info
end
mount -t tmpfs A a; mkdir a/1; mount --make-shared a; for i in b c d; do mount --bind a $i; mount --make-slave $i; done; mount --make-shared c; mount --bind c e; mount --make-slave e; mount --make-shared e; mount --bind e f; info
mount -t tmpfs X a/1; info
umount a/1; info
mount -t tmpfs X c/1; info; umount c/1
mount -t tmpfs X f/1; info; umount f/1
umount c; info
umount a; info
mount --make-private e; info
end
mount -t tmpfs A a; mkdir a/1 a/2; mount --make-shared a; mount --bind a a/1; info
mount -t tmpfs X a/2; info
umount a/2; umount a/1; info
end
mount -t tmpfs A a; mount --make-unbindable a; mkdir a/1; mount -t tmpfs B a/1; info; mount --bind a/1 b; info; umount b
mount -t tmpfs C c; mkdir c/1 c/2; mount --bind a/1 c/1; mount --make-unbindable c/1; mount -t tmpfs D c/2; mount --rbind c d; info
mount -t tmpfs E e; mkdir e/1; mount --make-shared e; mount --move c e/1; mount --move c f; info
end
mount -t tmpfs --make-shared A a; mkdir a/x; mount -t tmpfs --make-private B a/x; info; end
mount --make-rprivate a; mount --make-rslave a; info
mount -t tmpfs A a; mount --make-shared a; mount --bind a b; mount --make-private a; info; mount --make-private b; info; end
mount -t tmpfs A a; mount --make-shared a; mount --bind a b; mount --make-slave a; info; mount --make-slave b; info; end
mount -t tmpfs A a; mount --make-shared a; mkdir a/1; mount --bind a b; mount -o remount,bind,ro b; mount -t tmpfs X a/1; info; touch b/1/x; mount -o remount,bind,ro a/1; info; touch b/1/y a/1/y; end
mount -t tmpfs A a; mount --make-shared a; mkdir a/1 a/1/r; touch a/f; mount --bind a b; mount --bind /dev/null a/f; cat b/f; info; end
mount -t tmpfs A a; mkdir a/r; mount --make-shared a; mount --bind a/r b; mkdir a/r/1; mount -t tmpfs X b/1; info; umount a/r/1; info; end
mount -t tmpfs A a; mkdir -p a/r a/old; mount --make-shared a; mount --rbind a b; mount --rbind a b; info; umount b; info; umount b; info; end
findmnt -n -o PROPAGATION /
mount --make-shared a
setpriv --reuid 1000 --clear-groups mount --make-shared /
mount -t tmpfs A a; mkdir a/1; mount --make-rshared a; (cd a/1; mount -t tmpfs X .; mount -t tmpfs Y ../1; info); umount a/1; info; umount a/1; end
mount -t tmpfs A a; mkdir a/bin a/lib a/lib64 a/proc a/in; mount --make-shared a; mkdir a/in/1; mount --bind a/in b; mount --make-slave b; mount --make-shared b; mount --bind b c; mount --make-slave c; info; end
END
cd /; umount -R $work/* 2>/dev/null; rm -rf --one-file-system $work
