/* Old and rare calls: sysfs, ustat, vhangup, swapon, swapoff, quotactl, iopl, remap_file_pages, process_madvise. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void user(void) {
    setuid(1000);
    SAY(syscall(SYS_vhangup));
    SAY(syscall(SYS_swapon, "/nosuch", 0));
    SAY(syscall(SYS_swapon, "/nosuch", 1 << 30));
    SAY(syscall(SYS_swapoff, "/nosuch"));
    SAY(syscall(SYS_iopl, 0));
    SAY(syscall(SYS_iopl, 1));
    SAY(syscall(SYS_iopl, 4));
    fflush(stdout);
    _exit(0);
}
int main(void) {
    char name[64] = "", long_[5000];
    memset(long_, 'a', sizeof(long_) - 1);
    long_[sizeof(long_) - 1] = 0;
    int i = syscall(SYS_sysfs, 1, "tmpfs");
    SAY(i >= 0);
    SAY(syscall(SYS_sysfs, 2, i, name));
    puts(name);
    SAY(syscall(SYS_sysfs, 1, "nosuchfs"));
    SAY(syscall(SYS_sysfs, 1, ""));
    SAY(syscall(SYS_sysfs, 1, 1));
    SAY(syscall(SYS_sysfs, 2, 10000, name));
    SAY(syscall(SYS_sysfs, 2, 0, 1));
    SAY(syscall(SYS_sysfs, 3) > i);
    SAY(syscall(SYS_sysfs, 4));
    struct stat st;
    char us[64];
    stat("/tmp", &st);
    SAY(syscall(SYS_ustat, st.st_dev, us));
    SAY(syscall(SYS_ustat, st.st_dev, 1));
    SAY(syscall(SYS_ustat, makedev(200, 200), us));
    SAY(syscall(SYS_vhangup));
    close(open("/tmp/swap", O_CREAT | O_RDWR, 0600));
    SAY(syscall(SYS_swapon, "/tmp/swap", 0));
    SAY(syscall(SYS_swapon, "/tmp", 0));
    SAY(syscall(SYS_swapon, "/tmp/nosuch", 0));
    SAY(syscall(SYS_swapon, 1, 0));
    SAY(syscall(SYS_swapon, long_, 0));
    SAY(syscall(SYS_swapon, "/dev/null", 0));
    SAY(syscall(SYS_swapon, "/tmp/swap", 1 << 30));
    SAY(syscall(SYS_swapoff, "/tmp/swap"));
    SAY(syscall(SYS_swapoff, "/tmp/nosuch"));
    SAY(syscall(SYS_swapoff, "/tmp"));
    SAY(syscall(SYS_swapoff, 1));
    SAY(syscall(SYS_quotactl, 0x80000100, 0, 0, 0));
    SAY(syscall(SYS_quotactl, 0x80000103, 0, 0, 0));
    SAY(syscall(SYS_quotactl, 0x80000700, 0, 0, us));
    SAY(syscall(SYS_quotactl, 0x80000700, "/nosuch", 0, us));
    SAY(syscall(SYS_quotactl, 0x80000700, "/tmp/swap", 0, us));
    SAY(syscall(SYS_quotactl, 0x80000700, "/tmp", 0, us));
    SAY(syscall(SYS_quotactl, 0x80000700, 1, 0, us));
    SAY(syscall(443, open("/tmp", O_RDONLY), 0x80000700, 0, us));
    SAY(syscall(443, open("/tmp", O_RDONLY), 0x80000703, 0, us));
    SAY(syscall(443, -1, 0x80000700, 0, us));
    SAY(syscall(SYS_iopl, 4));
    SAY(syscall(SYS_iopl, 3));
    SAY(syscall(SYS_iopl, 0));
    fflush(stdout);
    if (!fork()) user();
    wait(0);

    int fd = open("/tmp/pages", O_CREAT | O_RDWR | O_TRUNC, 0600);
    ftruncate(fd, 4 * 4096);
    char *m = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (i = 0; i < 4; i++) m[i * 4096] = 'a' + i;
    SAY(syscall(SYS_remap_file_pages, m, 4096, 0, 3, 0));
    SAY(syscall(SYS_remap_file_pages, m + 4096, 2 * 4096, 0, 0, 0));
    printf("%c%c%c%c\n", m[0], m[4096], m[8192], m[12288]);
    SAY(syscall(SYS_remap_file_pages, m, 4096, 1, 0, 0));
    SAY(syscall(SYS_remap_file_pages, m, 0, 0, 0, 0));
    SAY(syscall(SYS_remap_file_pages, m, 4096, 0, -1L, 0));
    SAY(syscall(SYS_remap_file_pages, m, -4096L, 0, 0, 0));
    char *priv = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SAY(syscall(SYS_remap_file_pages, priv, 4096, 0, 0, 0));
    SAY(syscall(SYS_remap_file_pages, 4096, 4096, 0, 0, 0));

    int pf = syscall(SYS_pidfd_open, getpid(), 0);
    struct iovec v[2] = {{m, 4096}, {priv, 4096}}, hole = {(void *)4096, 4096}, odd = {m + 1, 4096};
    SAY(syscall(SYS_process_madvise, pf, v, 2, MADV_COLD, 0));
    SAY(syscall(SYS_process_madvise, pf, v, 2, MADV_PAGEOUT, 0));
    SAY(syscall(SYS_process_madvise, pf, v, 2, MADV_WILLNEED, 0));
    SAY(syscall(SYS_process_madvise, pf, v, 2, MADV_DONTNEED, 0));
    SAY(syscall(SYS_process_madvise, pf, v, 2, MADV_COLD, 1));
    SAY(syscall(SYS_process_madvise, -1, v, 2, MADV_COLD, 0));
    SAY(syscall(SYS_process_madvise, fd, v, 2, MADV_COLD, 0));
    SAY(syscall(SYS_process_madvise, pf, 1, 2, MADV_COLD, 0));
    SAY(syscall(SYS_process_madvise, pf, v, 2000, MADV_COLD, 0));
    SAY(syscall(SYS_process_madvise, pf, &odd, 1, MADV_COLD, 0));
    SAY(syscall(448, pf, 0));
    SAY(syscall(448, pf, 1));
    SAY(syscall(448, -1, 0));
    return 0;
}
