/* Every length and alignment through the kernel's copies of user memory: pipes and files, both ways. */
#include "check.h"
#include <fcntl.h>

int main(void) {
    static unsigned char from[9000], to[9000];
    for (unsigned i = 0; i < sizeof from; i++) from[i] = (unsigned char)(i * 7 + i / 256);
    int p[2], bad = 0, fd = open("/tmp/copies", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (pipe(p)) return 1;
    for (unsigned shift = 0; shift < 9; shift += 3)
        for (unsigned n = 1; n < 4300; n += n < 600 ? 1 : 37) {
            memset(to, 0xee, sizeof to);
            write(p[1], from + shift, n);
            if (read(p[0], to + 1, n) != (ssize_t)n || memcmp(to + 1, from + shift, n) || to[0] != 0xee || to[n + 1] != 0xee) bad++, printf("pipe %u+%u\n", shift, n);
            memset(to, 0xee, sizeof to);
            pwrite(fd, from + shift, n, shift * 1000);
            if (pread(fd, to + 2, n, shift * 1000) != (ssize_t)n || memcmp(to + 2, from + shift, n) || to[1] != 0xee || to[n + 2] != 0xee) bad++, printf("file %u+%u\n", shift, n);
        }
    printf("%d wrong\n", bad);
    return 0;
}
