/* Every file below /proc, but of other processes: kind, mode and name. What Tenon has not is named in `deviations`. */
#include "check.h"
#include <dirent.h>
#include <sys/stat.h>

/* Directories whose content is the machine's, or comes and goes: their own line is enough. */
static int is_open_ended(const char *path) {
    const char *list[] = {"/proc/self/fd", "/proc/self/fdinfo", "/proc/self/map_files", "/proc/thread-self/fd",
                          "/proc/thread-self/fdinfo", "/proc/self/task", "/proc/bus/pci", "/proc/irq", "/proc/sys/net",
                          "/proc/fs", "/proc/driver", "/proc/tty/driver", "/proc/sys/dev", "/proc/acpi", 0};
    for (const char **p = list; *p; p++)
        if (!strcmp(*p, path)) return 1;
    return 0;
}
static void walk(const char *directory) {
    struct dirent **list;
    int n = scandir(directory, &list, 0, alphasort);
    if (n < 0) printf("%s: %s\n", directory, strerrorname_np(errno));
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        char path[512];
        struct stat st;
        if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
        if (!strcmp(directory, "/proc") && name[0] >= '0' && name[0] <= '9') continue;
        snprintf(path, sizeof path, "%s/%s", directory, name);
        if (lstat(path, &st)) {
            printf("%s: %s\n", path, strerrorname_np(errno));
            continue;
        }
        /* What getdents says of the kind agrees. */
        int kind = list[i]->d_type == DT_UNKNOWN || list[i]->d_type << 12 == (st.st_mode & S_IFMT);
        printf("%s%s %04o%s\n", path, S_ISDIR(st.st_mode) ? "/" : S_ISLNK(st.st_mode) ? "@" : "", st.st_mode & 07777,
               kind ? "" : " of another kind");
        if (S_ISDIR(st.st_mode) && !is_open_ended(path)) walk(path);
    }
}

int main(void) {
    walk("/proc");
    walk("/proc/self");
    walk("/proc/thread-self");
    return 0;
}
