/* process_vm_readv and process_vm_writev: what is checked in which order, and a target that changes under the call. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "check.h"

int main(int argc, char **argv) {
    char a[64] = "there", b[64] = "";
    struct iovec mine = {b, 6}, theirs = {a, 6};
    if (argc > 1) return 0;
    SAY(process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0));
    puts(b);
    SAY(process_vm_readv(getpid(), &mine, 1, &theirs, 1, 1));
    SAY(process_vm_readv(getpid(), &mine, 1025, &theirs, 1, 0));
    SAY(process_vm_readv(getpid(), &mine, 1, &theirs, 1025, 0));
    SAY(process_vm_readv(getpid(), &mine, 0, (void *)8, 1, 0));
    SAY(process_vm_readv(getpid(), &mine, 1, (void *)8, 1, 0));
    SAY(process_vm_readv(0x3fffffff, &mine, 1, &theirs, 0, 0));
    SAY(process_vm_readv(0x3fffffff, &mine, 1, &theirs, 1, 0));
    mine.iov_base = (void *)-4096;
    SAY(process_vm_readv(0x3fffffff, &mine, 1, &theirs, 1, 0));
    mine = (struct iovec){b, (size_t)1 << 63};
    SAY(process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0));
    mine = (struct iovec){b, 6};
    theirs.iov_len = (size_t)1 << 63;
    SAY(process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0));
    theirs.iov_len = ((size_t)1 << 63) - 1;
    SAY(process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0));
    theirs.iov_base = (void *)8;
    SAY(process_vm_writev(getpid(), &mine, 1, &theirs, 1, 0));
    char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    theirs = (struct iovec){pages + 4000, 200};
    mine = (struct iovec){malloc(200), 200};
    SAY(process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0));
    SAY(process_vm_writev(getpid(), &mine, 1, &theirs, 1, 0));

    /* The target leaves its memory, by exec and by its end, while it is read. */
    size_t bytes = 1 << 20;
    char *big = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *to = malloc(bytes);
    memset(big, 'x', bytes);
    int wrong = 0;
    for (int i = 0; i < 30; i++) {
        int child = fork();
        if (child == 0) {
            if (i % 2) execl("/proc/self/exe", argv[0], "child", NULL);
            _exit(0);
        }
        for (int j = 0; j < 20; j++) {
            mine = (struct iovec){to, bytes};
            theirs = (struct iovec){big, bytes};
            long r = process_vm_readv(child, &mine, 1, &theirs, 1, 0);
            if (r < 0 && errno != EFAULT && errno != ESRCH && errno != EPERM) wrong++;
            if (r > 0 && (to[0] != 'x' || to[r - 1] != 'x')) wrong++;
            if (r < 0) break;
        }
        waitpid(child, 0, 0);
    }
    SAY(wrong);
    return 0;
}
