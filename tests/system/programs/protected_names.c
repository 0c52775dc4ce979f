/* Names that others lay out as traps in a directory for all: fs.protected_symlinks, hardlinks, fifos, regular. */
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

enum { ALICE = 1001, BOB = 1002 };
static const char *const keys[] = {"symlinks", "hardlinks", "fifos", "regular"};

static char before[4];

static void set(const char *key, char value) {
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/fs/protected_%s", key);
    int fd = open(path, O_RDWR);
    char old = '?';
    if (read(fd, &old, 1) != 1 || pwrite(fd, &value, 1, 0) != 1) printf("%s: not set\n", path);
    close(fd);
}
static void become(uid_t uid) {
    setfsgid(uid);
    setfsuid(uid);
}
static void make(const char *what, uid_t uid, mode_t mode) {
    become(uid);
    close(open(what, O_CREAT | O_WRONLY, 0600));
    become(0);
    chmod(what, mode);
}
static void use_links(uid_t uid) {
    printf("-- %d\n", uid);
    become(uid);
    OK(open("of_alice", O_RDONLY));
    OK(open("of_root", O_RDONLY));
    OK(open("of_alice", O_RDONLY | O_CREAT, 0600));
    OK(open("of_alice/", O_RDONLY));
    OK(open("to_folder/file", O_RDONLY));
    OK(open("to_folder/", O_RDONLY));
    OK(open("twice", O_RDONLY));
    OK(open("of_alice", O_PATH | O_NOFOLLOW));
    OK(access("of_alice", R_OK));
    char buffer[64];
    OK(readlink("of_alice", buffer, sizeof buffer));
    become(0);
}
static void link_one(const char *from) {
    printf("%s ", from);
    OK(link(from, "another"));
    become(0);
    unlink("another");
}
static void hard_links(uid_t uid) {
    printf("-- %d\n", uid);
    static const char *const from[] = {"plain", "private", "readable", "set_uid", "set_gid", "gid_no_exec", "fifo", "of_alice", "missing"};
    for (unsigned i = 0; i < sizeof from / sizeof *from; i++) {
        become(uid);
        link_one(from[i]);
    }
    become(uid);
    OK(link("private", "plain"));
    become(0);
}
static void create(uid_t uid) {
    printf("-- %d\n", uid);
    become(uid);
    OK(open("plain", O_RDWR | O_CREAT, 0600));
    OK(open("plain", O_RDWR));
    OK(open("plain", O_RDWR | O_CREAT | O_EXCL, 0600));
    OK(open("fifo", O_RDWR | O_CREAT | O_NONBLOCK, 0600));
    OK(open("fifo", O_RDWR | O_NONBLOCK));
    OK(open("of_root_file", O_RDONLY | O_CREAT, 0600));
    become(0);
}

int main(void) {
    umask(0);
    for (int i = 0; i < 4; i++) {
        char path[64], text[4] = "";
        snprintf(path, sizeof path, "/proc/sys/fs/protected_%s", keys[i]);
        int fd = open(path, O_RDONLY);
        SAY(read(fd, text, 3));
        printf("%s %s", keys[i], text);
        before[i] = text[0];
        SAY(pwrite(fd, "1", 1, 0));
        close(fd);
        fd = open(path, O_WRONLY);
        SAY(write(fd, "3", 1));
        SAY(write(fd, "2", 1));
        close(fd);
    }
    mkdir("/tmp/traps", 0700);
    mkdir("/tmp/traps_folder", 0755);
    chdir("/tmp/traps");
    make("plain", ALICE, 0666);
    make("private", ALICE, 0600);
    make("readable", ALICE, 0644);
    make("set_uid", ALICE, 04666);
    make("set_gid", ALICE, 02676);
    make("gid_no_exec", ALICE, 02666);
    make("of_root_file", 0, 0666);
    make("/tmp/traps_folder/file", 0, 0644);
    become(ALICE);
    become(0);
    mkfifo("fifo", 0666);
    chown("fifo", ALICE, ALICE);
    symlink("plain", "of_root");
    symlink("plain", "of_alice");
    lchown("of_alice", ALICE, ALICE);
    symlink("/tmp/traps_folder", "to_folder");
    lchown("to_folder", ALICE, ALICE);
    symlink("of_alice", "twice");
    lchown("twice", BOB, BOB);
    static const mode_t modes[] = {01777, 0777, 01770, 01775};
    static const uid_t owners[] = {0, ALICE};
    for (int m = 0; m < 4; m++)
        for (int o = 0; o < 2; o++)
            for (char level = '0'; level <= '2'; level++) {
                chmod(".", modes[m]);
                chown(".", owners[o], BOB);
                printf("== %o, owner %d, level %c\n", modes[m], owners[o], level);
                set("symlinks", level == '2' ? '1' : level);
                set("hardlinks", level == '2' ? '1' : level);
                set("fifos", level);
                set("regular", level);
                use_links(BOB);
                use_links(ALICE);
                use_links(0);
                create(BOB);
                create(0);
                if (m == 0 && o == 0) {
                    hard_links(BOB);
                    hard_links(ALICE);
                    hard_links(0);
                }
            }
    for (int i = 0; i < 4; i++) set(keys[i], before[i]);
    return 0;
}
