// Scripts whose interpreter is a script: what each level is called by, and where it ends.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char self[256];

static void script(const char *path, const char *first) {
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0700);
    dprintf(fd, "#!%s\n", first);
    close(fd);
}

static void run(const char *path, char *const argv[]) {
    fflush(stdout);
    pid_t p = fork();
    if (p == 0) {
        execv(path, argv);
        printf("%s: errno %d\n", path, errno);
        fflush(stdout);
        _exit(0);
    }
    waitpid(p, NULL, 0);
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "show")) {
        for (int i = 0; i < argc; i++) printf("%s%s", i ? " | " : "", argv[i]);
        printf("\n");
        return 0;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n] = 0;
    mkdir("/tmp/chain", 0700);
    chdir("/tmp/chain");
    char line[300];
    snprintf(line, sizeof line, "%s show", self);
    script("a", line);
    script("b", "/tmp/chain/a of b");
    script("c", "/tmp/chain/b of c");
    script("d", "/tmp/chain/c");
    script("e", "/tmp/chain/d");
    script("f", "/tmp/chain/e");
    script("loop", "/tmp/chain/loop");
    char *words[] = {"zero", "one", "two words", NULL}, *none[] = {NULL}, *only[] = {"zero", NULL}, *empty[] = {"", "", NULL};
    const char *names[] = {"./a", "./b", "./c", "./d", "./e", "./f", "loop", "/tmp/chain/b", "../chain/c"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        run(names[i], words);
        run(names[i], only);
        run(names[i], empty);
        run(names[i], none);
    }
    system("rm -r /tmp/chain");
    return 0;
}
