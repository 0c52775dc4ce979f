/* name_to_handle_at and open_by_handle_at on tmpfs. */
#include "check.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static union {
    struct file_handle h;
    char room[sizeof(struct file_handle) + 128];
} u;
static int id, mount_fd;
static int handle_of(int dir, const char *name, int flags) {
    u.h.handle_bytes = 128;
    return name_to_handle_at(dir, name, &u.h, &id, flags);
}
static void open_it(const char *what, int flags) {
    char text[64] = "", link[64], at[128] = "";
    int fd = open_by_handle_at(mount_fd, &u.h, flags);
    printf("  %s: %s", what, fd < 0 ? strerrorname_np(errno) : "open");
    if (fd >= 0) {
        sprintf(link, "/proc/self/fd/%d", fd);
        readlink(link, at, sizeof at - 1);
        read(fd, text, sizeof text - 1);
        printf(" at %s: %s", at, text);
        close(fd);
    }
    printf("\n");
    fflush(stdout);
}
static void put(const char *name, const char *text) {
    int fd = open(name, O_CREAT | O_RDWR, 0600);
    write(fd, text, strlen(text));
    close(fd);
}

int main(void) {
    mkdir("/tmp/h", 0755);
    SAY(mount("none", "/tmp/h", "tmpfs", 0, ""));
    chdir("/tmp/h");
    mkdir("a", 0755), mkdir("a/b", 0700), put("a/b/f", "text of f"), put("a/g", "text of g"), symlink("a/g", "s");
    for (int i = 0; i < 300; i++) {
        char name[64];
        sprintf(name, "a/with-a-rather-long-name-%d", i);
        put(name, name);
    }
    mount_fd = open(".", O_RDONLY);
    SAY(handle_of(AT_FDCWD, "a/b/f", 0)), open_it("file", O_RDONLY), open_it("for writing", O_RDWR), open_it("O_PATH", O_PATH), open_it("O_DIRECTORY", O_DIRECTORY);
    rename("a/b/f", "a/f"), open_it("moved", O_RDONLY);
    int held = open("a/f", O_RDONLY);
    struct file_handle *copy = malloc(sizeof u);
    memcpy(copy, &u, sizeof u);
    SAY(handle_of(AT_FDCWD, "a/b", 0)), open_it("directory", O_RDONLY | O_DIRECTORY), open_it("for writing", O_RDWR);
    SAY(handle_of(AT_FDCWD, ".", 0)), open_it("root", O_RDONLY);
    SAY(handle_of(AT_FDCWD, "s", 0)), open_it("symlink", O_RDONLY), open_it("its O_PATH", O_PATH);
    SAY(handle_of(AT_FDCWD, "s", AT_SYMLINK_FOLLOW)), open_it("what it names", O_RDONLY);
    SAY(handle_of(held, "", AT_EMPTY_PATH)), open_it("by descriptor", O_RDONLY);
    SAY(handle_of(AT_FDCWD, "a/with-a-rather-long-name-177", 0)), open_it("one of many", O_RDONLY);
    unlink("a/with-a-rather-long-name-177"), open_it("removed", O_RDONLY);
    /* From another mount, by a path, and wrongly. */
    SAY(handle_of(AT_FDCWD, "a/g", 0));
    SAY(open_by_handle_at(-1, &u.h, O_RDONLY));
    int path = open(".", O_PATH), proc = open("/proc", O_RDONLY), file = open("a/g", O_RDONLY);
    SAY(open_by_handle_at(path, &u.h, O_RDONLY));
    SAY(open_by_handle_at(proc, &u.h, O_RDONLY));
    OK(open_by_handle_at(file, &u.h, O_RDONLY));
    OK(open_by_handle_at(AT_FDCWD, &u.h, O_RDONLY));
    SAY(open_by_handle_at(mount_fd, (void *)1, O_RDONLY));
    u.h.handle_bytes = 0, SAY(open_by_handle_at(mount_fd, &u.h, O_RDONLY));
    u.h.handle_bytes = 129, SAY(open_by_handle_at(mount_fd, &u.h, O_RDONLY));
    u.h.handle_bytes = 8, SAY(open_by_handle_at(mount_fd, &u.h, O_RDONLY));
    u.h.handle_bytes = 12, u.h.f_handle[10] ^= 0x55, SAY(open_by_handle_at(mount_fd, &u.h, O_RDONLY));
    u.h.f_handle[10] ^= 0x55, u.h.f_handle[0] ^= 1, SAY(open_by_handle_at(mount_fd, &u.h, O_RDONLY));
    u.h.handle_bytes = 4, SAY(name_to_handle_at(AT_FDCWD, "a", &u.h, &id, 0));
    printf("%d\n", u.h.handle_bytes);
    /* A caller without the right. */
    fflush(stdout);
    if (!fork()) {
        setuid(1000);
        SAY(handle_of(AT_FDCWD, "a/g", 0));
        SAY(open_by_handle_at(mount_fd, &u.h, O_RDONLY));
        _exit(0);
    }
    wait(0);
    chdir("/"), umount2("/tmp/h", MNT_DETACH);
    return 0;
}
