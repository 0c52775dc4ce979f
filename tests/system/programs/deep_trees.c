/* Trees deeper than a kernel stack could follow: removed, and unmounted, while the lowest place is open. */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "check.h"

static int directories(int depth) {
    int top = open("/tmp", O_RDONLY | O_DIRECTORY), made = 0;
    fchdir(top);
    for (; made < depth && mkdir("d", 0755) == 0; made++) chdir("d");
    int lowest = open(".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < made; i++) {
        chdir("..");
        if (rmdir("d") != 0) return -1;
    }
    int r = openat(lowest, "..", O_RDONLY);
    close(r);
    close(lowest);
    close(top);
    return made;
}

static int mounts(int depth) {
    int made = 0;
    mkdir("/tmp/m", 0755);
    chdir("/tmp");
    for (; made < depth; made++) {
        if (mount("deep", "m", "tmpfs", 0, "size=64k") != 0 || chdir("m") != 0) break;
        mkdir("m", 0755);
    }
    int lowest = open(".", O_RDONLY | O_DIRECTORY);
    chdir("/tmp");
    int r = umount2("/tmp/m", MNT_DETACH);
    close(lowest);
    rmdir("/tmp/m");
    return r != 0 ? -1 : made;
}

int main(void) {
    SAY(directories(10));
    SAY(directories(1500));
    SAY(mounts(10));
    SAY(mounts(300));
    return 0;
}
