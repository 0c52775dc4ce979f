/* mount(2) and umount2(2): propagation, moves, binds, remounts and their refusals, told by /proc/self/mountinfo.
 *
 * A scenario is a string of steps, each an operation letter and its places; after each step comes the errno and the mounts
 * below the working directory, groups numbered by appearance. Operations: t tmpfs, b bind, r recursive bind, m move,
 * u umount, l lazy umount, f forced, e expire; s shared, v slave, p private, n unbindable (capital: recursive); d mkdir,
 * c create, w open for writing, o open for reading, x close both. */
#include "check.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

static char base[] = "/tmp/mounts";
static int fds[8], nfds;

static int number(int group) {
    static int seen[100], count;
    if (group < 0) return count = 0;
    for (int i = 0; i < count; i++)
        if (seen[i] == group) return i + 1;
    seen[count++] = group;
    return count;
}
static int by_text(const void* a, const void* b) {
    return strcmp(*(char**)a, *(char**)b);
}
/* "place root type options optional-fields", sorted. */
static void info(void) {
    static char lines[64][512];
    char *sorted[64], line[1024];
    int n = 0;
    FILE* f = fopen("/proc/self/mountinfo", "r");
    while (n < 64 && fgets(line, sizeof line, f)) {
        char *save, *field[32];
        int count = 0;
        for (char* w = strtok_r(line, " \n", &save); w && count < 32; w = strtok_r(NULL, " \n", &save)) field[count++] = w;
        if (strncmp(field[4], base, strlen(base))) continue;
        int dash = 6;
        while (strcmp(field[dash], "-")) dash++;
        char* root = field[3];
        if (!strncmp(root, base, strlen(base))) root += strlen(base);
        int at = snprintf(lines[n], 512, "%s %s %s %s %s", field[4] + strlen(base), root, field[dash + 2], field[5], strtok_r(field[dash + 3], ",", &save));
        for (int i = 6; i < dash; i++) at += snprintf(lines[n] + at, 512 - at, " %s", field[i]);
        sorted[n] = lines[n];
        n++;
    }
    fclose(f);
    qsort(sorted, n, sizeof *sorted, by_text);
    number(-1);
    for (int i = 0; i < n; i++) {
        printf("   ");
        char* save;
        for (char* w = strtok_r(sorted[i], " ", &save); w; w = strtok_r(NULL, " ", &save)) {
            char* colon = strchr(w, ':');
            if (colon && colon[1] >= '0' && colon[1] <= '9')
                printf(" %.*s:%d", (int)(colon - w), w, number(atoi(colon + 1)));
            else
                printf(" %s", w);
        }
        printf("\n");
    }
}

static int act(char op, const char* a, const char* b) {
    static const char kinds[] = "svpn";
    static const unsigned long types[] = {MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE};
    const char* kind = strchr(kinds, op | 0x20);
    if (kind) return mount(NULL, a, NULL, types[kind - kinds] | (op & 0x20 ? 0 : MS_REC), NULL);
    switch (op) {
        case 't': return mount(b ? b : "T", a, "tmpfs", 0, NULL);
        case 'b': return mount(a, b, NULL, MS_BIND, NULL);
        case 'r': return mount(a, b, NULL, MS_BIND | MS_REC, NULL);
        case 'm': return mount(a, b, NULL, MS_MOVE, NULL);
        case 'u': return umount2(a, 0);
        case 'l': return umount2(a, MNT_DETACH);
        case 'f': return umount2(a, MNT_FORCE);
        case 'e': return umount2(a, MNT_EXPIRE);
        case 'd': return mkdir(a, 0755);
        case 'c': return mknod(a, S_IFREG | 0644, 0);
        case 'w': return fds[nfds++] = open(a, O_RDWR | O_CREAT, 0644), fds[nfds - 1] < 0 ? -1 : 0;
        case 'o': return fds[nfds++] = open(a, O_RDONLY), fds[nfds - 1] < 0 ? -1 : 0;
        case 'x': while (nfds) close(fds[--nfds]); return 0;
        case 'R': return mount(NULL, a, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
        case 'W': return mount(NULL, a, NULL, MS_REMOUNT | MS_BIND, NULL);
        case 'X': return mount(NULL, a, NULL, MS_REMOUNT | MS_RDONLY, NULL);
        case 'Y': return mount(NULL, a, NULL, MS_REMOUNT, NULL);
        case 'F': return mount(NULL, a, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, NULL);
        case 'A': return mount(NULL, a, NULL, MS_REMOUNT | MS_BIND | MS_STRICTATIME | MS_NODIRATIME, NULL);
    }
    return -1;
}

static void scenario(const char* steps) {
    char text[512], *save;
    strcpy(text, steps);
    printf("== %s\n", steps);
    for (char* step = strtok_r(text, ";", &save); step; step = strtok_r(NULL, ";", &save)) {
        char a[64] = "", b[64] = "";
        int n = sscanf(step + 1, "%63s %63s", a, b);
        errno = 0;
        int r = act(step[0], a, n > 1 ? b : NULL);
        printf(" %s: %s\n", step, r < 0 ? strerrorname_np(errno) : "ok");
        if (!strchr("dcwox", step[0])) info();
        fflush(stdout);
    }
    act('x', NULL, NULL);
    for (int pass = 0; pass < 10; pass++)
        for (char c[] = "a"; *c <= 'h'; ++*c)
            while (umount2(c, MNT_DETACH) == 0) continue;
    system("rm -rf a b c d e f g h file; mkdir a b c d e f g h; touch file");
}

static void refusals(void) {
    SAY(mount(NULL, "a", NULL, MS_SHARED | MS_PRIVATE, NULL));
    SAY(mount(NULL, "a", NULL, MS_SHARED | MS_RDONLY, NULL));
    SAY(mount(NULL, "a", NULL, MS_SHARED, NULL));
    SAY(mount(NULL, "nosuch", NULL, MS_SHARED, NULL));
    SAY(mount(NULL, "a", NULL, MS_BIND, NULL));
    SAY(mount("", "a", NULL, MS_BIND, NULL));
    SAY(mount("nosuch", "a", NULL, MS_BIND, NULL));
    SAY(mount("a", "nosuch", NULL, MS_BIND, NULL));
    SAY(mount("a", "file", NULL, MS_BIND, NULL));
    SAY(mount("file", "a", NULL, MS_BIND, NULL));
    SAY(mount("/proc/self/fd/0", "file", NULL, MS_BIND, NULL) == 0 || errno == EINVAL);
    SAY(mount("a", "b", NULL, MS_MOVE, NULL));
    SAY(mount(NULL, "b", NULL, MS_MOVE, NULL));
    SAY(mount(NULL, "a", NULL, MS_REMOUNT, NULL));
    SAY(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND, NULL));
    SAY(mount("x", "a", NULL, 0, NULL));
    SAY(mount("x", "a", "nosuchfs", 0, NULL));
    SAY(mount("x", "file", "tmpfs", 0, NULL));
    SAY(mount("x", "a", "tmpfs", 0, "nosuch=1"));
    SAY(mount("x", "a", "tmpfs", 1ul << 31, NULL));
    SAY(mount((char*)1, "a", "tmpfs", 0, NULL));
    SAY(mount("x", (char*)1, "tmpfs", 0, NULL));
    SAY(mount("x", "a", (char*)1, 0, NULL));
    SAY(mount("x", "a", "tmpfs", 0, (char*)1));
    SAY(umount2("a", 0));
    SAY(umount2("nosuch", 0));
    SAY(umount2("a", 0x100));
    SAY(umount2("file", MNT_DETACH));
    SAY(umount2("/proc", MNT_EXPIRE | MNT_FORCE));
    SAY(umount2("/proc", MNT_EXPIRE | MNT_DETACH));
    if (fork() == 0) {
        setuid(1000);
        SAY(mount("x", "a", "tmpfs", 0, NULL));
        SAY(mount(NULL, "nosuch", NULL, MS_SHARED, NULL));
        SAY(mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL));
        SAY(umount2("/proc", 0));
        SAY(umount2("nosuch", 0));
        _exit(0);
    }
    wait(NULL);
}

/* Flags of one mount and of the file system. */
static void flags(void) {
    static const unsigned long each[] = {MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_DIRSYNC, MS_NOATIME,
                                         MS_NODIRATIME, MS_RELATIME, MS_STRICTATIME, MS_LAZYTIME, 256, MS_NOATIME | MS_STRICTATIME};
    char line[1024];
    for (unsigned i = 0; i < sizeof each / sizeof *each; i++)
        for (int again = 0; again < 3; again++) {
            SAY(mount("src", "a", "tmpfs", again ? 0 : each[i], NULL));
            if (again) SAY(mount(NULL, "a", NULL, MS_REMOUNT | each[i] | (again == 2 ? MS_BIND : 0), NULL));
            struct statvfs s;
            statvfs("a", &s);
            printf("%lx: %lx\n", each[i], s.f_flag);
            for (int j = 0; j < 2; j++) {
                FILE* f = fopen(j ? "/proc/self/mountinfo" : "/proc/mounts", "r");
                while (fgets(line, sizeof line, f))
                    if (strstr(line, "/tmp/mounts/a")) printf("%s", strstr(line, "/tmp/mounts/a"));
                fclose(f);
            }
            OK(open("a/x", O_CREAT | O_WRONLY, 0600));
            for (int fd = 3; fd < 20; fd++) close(fd);
            SAY(umount2("a", MNT_DETACH));
        }
}

int main(void) {
    mount("T", "/tmp", "tmpfs", 0, NULL);
    mkdir(base, 0755);
    chdir(base);
    system("mkdir a b c d e f g h; touch file");
    refusals();
    flags();
    scenario("t a;d a/1;d a/2;s a;s a;b a b;t a/1;t b/2;u a/1;u b/2;v b;t a/1;t b/2;u b/2;u b/1;u a/1;s b;b b c;t a/1;t b/2;u c/2;u a/1;p c;t a/1;u a/1;n c;b c d;r c d;v c;p c;b c d");
    scenario("t a;d a/1;t a/1;d a/1/2;t a/1/2;S a;b a b;r a c;V c;d a/1/2/z;t a/1/2/z;u a/1/2/z;l a/1;l a;u b;l c");
    scenario("t a;d a/1;s a;b a b;t a/1;m a/1 d;t c;m c a/1;u a/1;p b;m c b/1");
    scenario("t a;d a/1;d a/1/in;s a;b a b;b a/1 c;t a/1/in;u c/in;t b/1;u b/1");
    scenario("t a;d a/1;s a;b a b;p b;t b/1;s b;b b c;v c;t b/1;u b/1;u b/1");
    scenario("t a;d a/1;s a;b a b;v b;t b/1;t a/1 U;u a/1;u b/1");
    scenario("t a;d a/1;s a;b a b;t a/1;d a/1/s;p b/1;t b/1/s;u a/1;u b/1/s;u a/1;u b/1");
    scenario("t a;d a/1;s a;b a b;t a/1;c a/1/f;w b/1/f;u a/1;x;u a/1");
    scenario("t a;d a/1;s a;b a b;b a c;b a d;v b;v c;v d;s c;b c e;v e;s e;b e f;t a/1;u a/1;t c/1;u c/1;t f/1;u f/1;u c;u a;p e");
    scenario("t a;d a/1;d a/2;s a;b a a/1;t a/2;u a/2;u a/1");
    scenario("t a;n a;d a/1;t a/1;b a b;b a/1 b;t c;d c/1;d c/2;b a/1 c/1;n c/1;t c/2;r c d;t e;d e/1;s e;m c e/1;m c f");
    scenario("t a;s a;b a b;p a;p b");
    scenario("t a;s a;b a b;v a;v b");
    scenario("t a;d a/1;s a;b a b;R b;t a/1;R a/1;W b");
    scenario("t a;d a/r;s a;b a/r b;d a/r/1;t b/1;u a/r/1");
    scenario("t a;s a;r a b;r a b;u b;u b");
    scenario("t a;c a/f;c a/g;s a;b a b;b file a/f;b a/f file;u file;u b/f");
    scenario("t a;w a/f;X a;R a;x;X a;w a/g;Y a;w a/g;x;b a b;R b;X b;Y b;W b;F b;W b;A b;F a");
    scenario("t a;d a/1;t a/1;u a;o a/1;l a;x");
    scenario("t a;b a b;o b;u b;u a;x;u b;u a");
    scenario("d a/1;d a/1/2;b a/1 b;b a/1/2 c;m b d;m d d/2;m d a;m file a;m d file");
    scenario("t a A;t a B;t a C;u a;u a;u a;u a");
    scenario("t a;d a/1;s a;t a/1 X;t a/1 Y;b a b;r a c;u a/1;u a/1");
    scenario("t a;d a/1;s a;b a b;v b;s b;b b c;v c;u b;t a/1;u a/1");
    return 0;
}
