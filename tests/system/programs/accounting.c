/* acct(2): what is refused, and the records of processes that end. */
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/acct.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static const char *log_file = "/tmp/accounting";
static unsigned char record[64]; /* struct acct_v3, which the C library's header has not whole */

static void run(const char *what, void (*body)(void)) {
    fflush(stdout);
    int size = 0, status;
    struct stat st;
    stat(log_file, &st);
    size = st.st_size;
    time_t began = time(0);
    int child = fork();
    if (!child) {
        body();
        _exit(0);
    }
    waitpid(child, &status, 0);
    int fd = open(log_file, O_RDONLY), n;
    lseek(fd, size, SEEK_SET);
    n = read(fd, record, sizeof(record));
    float etime;
    unsigned btime = *(unsigned *)(record + 24);
    memcpy(&etime, record + 28, 4);
    printf("%s: %d bytes, flags %x version %x exit %x uid %u gid %u pid %d ppid %d comm %.16s\n", what, n, record[0] & ~2, record[1], *(unsigned *)(record + 4), *(unsigned *)(record + 8), *(unsigned *)(record + 12),
           *(int *)(record + 16) == child, *(int *)(record + 20) == getpid(), record + 48);
    printf("  began %d, ticks %d, memory %d\n", btime + 2 >= began && btime <= began + 2, etime >= 0 && etime < 1000, *(unsigned short *)(record + 36) > 0);
    close(fd);
}
static void nothing(void) {}
static void status(void) { _exit(7); }
static void named(void) {
    prctl(PR_SET_NAME, "a name of my own");
    setgid(7);
    setuid(1000);
}
static void killed(void) { raise(SIGKILL); }
static void limited(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_FSIZE, &none);
}
static void sleeps(void) { usleep(120000); }
static void executes(void) { execl("/bin/busybox", "sh", "-c", "exit 3", (char *)0); }

int main(void) {
    SAY(acct("/tmp/no/such"));
    SAY(acct("/tmp"));
    SAY(acct("/dev/null"));
    SAY(acct(""));
    SAY(acct((char *)1));
    SAY(acct("/etc/passwd/x"));
    symlink("/tmp/accounting_loop", "/tmp/accounting_loop");
    SAY(acct("/tmp/accounting_loop"));
    unlink("/tmp/accounting_loop");
    SAY(acct(0));
    close(open(log_file, O_CREAT | O_TRUNC | O_WRONLY, 0600));
    fflush(stdout);
    if (!fork()) {
        setuid(1000);
        SAY(acct(log_file));
        SAY(acct(0));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    SAY(acct(log_file));
    run("nothing", nothing);
    run("status", status);
    run("named", named);
    run("killed", killed);
    run("limited", limited);
    run("sleeps", sleeps);
    float etime;
    memcpy(&etime, record + 28, 4);
    printf("at least 12 ticks: %d\n", etime >= 12);
    run("executes", executes);
    SAY(acct(0));
    struct stat before, after;
    stat(log_file, &before);
    if (!fork()) _exit(0);
    wait(0);
    stat(log_file, &after);
    SAY(after.st_size - before.st_size);
    SAY(before.st_size % 64);
    unlink(log_file);
    return 0;
}
