// /dev/kmsg: how long a record may be, whose it is (facility), how it reads, and who may read (kernel.dmesg_restrict).
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/wait.h>
#include <unistd.h>

// Each write has a file of its own: Linux lets one file say ten things in five seconds.
static void say(const char *text, size_t length) {
    int reader = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    lseek(reader, 0, SEEK_END);
    int fd = open("/dev/kmsg", O_WRONLY);
    errno = 0;
    ssize_t n = write(fd, text, length);
    printf("write %zu: %zd errno %d", length, n, errno);
    close(fd);
    char line[8192];
    while ((n = read(reader, line, sizeof line - 1)) > 0) {
        line[n] = 0;
        char *body = strchr(line, ';');
        if (body == NULL || strstr(body, "kmsg-test") == NULL) continue;
        body[strcspn(body, "\n")] = 0;
        printf(" prefix %d text %.60s", atoi(line), body + 1);
    }
    printf("\n");
    close(reader);
}

static void restrict_to(const char *value) {
    int fd = open("/proc/sys/kernel/dmesg_restrict", O_WRONLY);
    printf("dmesg_restrict %s: %zd\n", value, write(fd, value, strlen(value)));
    close(fd);
}

static void as_user(void) {
    fflush(stdout);
    if (fork() == 0) {
        char text[64];
        setgid(1000);
        setuid(1000);
        errno = 0;
        int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
        printf("read-only %d errno %d\n", fd >= 0, errno);
        errno = 0;
        printf("write-only %d errno %d\n", open("/dev/kmsg", O_WRONLY) >= 0, errno);
        errno = 0;
        printf("read all %d errno %d\n", klogctl(3, text, sizeof text) >= 0, errno);
        errno = 0;
        printf("size %d errno %d\n", klogctl(10, NULL, 0) > 0, errno);
        errno = 0;
        printf("read and clear %d errno %d\n", klogctl(4, text, sizeof text) >= 0, errno);
        errno = 0;
        printf("read %d errno %d\n", klogctl(2, text, sizeof text) >= 0, errno);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

int main(void) {
// Without its newline a record may stay open for more, unread.
#define SAY(text) say(text "\n", sizeof(text))
    SAY("kmsg-test plain");
    SAY("<3>kmsg-test err");
    SAY("<0>kmsg-test emerg");
    SAY("<11>kmsg-test user err");
    SAY("<30>kmsg-test daemon");
    SAY("<191>kmsg-test local7");
    SAY("<>kmsg-test none");
    SAY("<5kmsg-test open");
    SAY("<x>kmsg-test letter");
    SAY("kmsg-test a\x01" "b\\c\xff" "d\te");
    SAY("kmsg-test two\nlines");
    char *long_text = malloc(3000);
    memset(long_text, 'x', 3000);
    memcpy(long_text, "kmsg-test ", 10);
    long_text[299] = '\n';
    say(long_text, 300);
    say(long_text, 993);
    say(long_text, 2000);
    int fd = open("/dev/kmsg", O_RDWR);
    printf("seek %d", (int)lseek(fd, 1, SEEK_SET));
    printf(" errno %d", errno);
    printf(" %d", (int)lseek(fd, 0, SEEK_CUR));
    printf(" errno %d\n", errno);
    char small[4];
    errno = 0;
    lseek(fd, 0, SEEK_SET);
    printf("small %zd errno %d\n", read(fd, small, sizeof small), errno);
    for (const char *const *v = (const char *const[]){"0", "1", "2", "x", NULL}; *v; v++) {
        restrict_to(*v);
        as_user();
    }
    return 0;
}
