/* Virtual consoles: the calls of console_ioctl(4), and what a console answers to a program. */
#include <fcntl.h>
#include <linux/kd.h>
#include <linux/tiocl.h>
#include <linux/vt.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>

#include "check.h"

static int fd;

static void call(const char *name, unsigned long command, unsigned long argument) {
    errno = 0;
    long r = ioctl(fd, command, argument);
    printf("%s(", name);
    if (argument + 4096 < 69632) printf("%ld", (long)argument);
    printf("): %ld %s\n", r, r < 0 ? strerrorname_np(errno) : "");
}
#define CALL(command, argument) call(#command, command, (unsigned long)(argument))

static void get(const char *name, unsigned long command, int bytes) {
    unsigned char out[64];
    memset(out, 0xee, sizeof out);
    long r = ioctl(fd, command, out);
    printf("%s: %ld %s", name, r, r < 0 ? strerrorname_np(errno) : "");
    for (int i = 0; r >= 0 && i < bytes; i++) printf(" %02x", out[i]);
    printf("\n");
}
#define GET(command, bytes) get(#command, command, bytes)

static void nodes(void) {
    struct stat s;
    for (int i = 0; i < 64; i += 21) {
        char path[32];
        snprintf(path, sizeof path, "/dev/tty%d", i);
        if (stat(path, &s) != 0) printf("%s: %s\n", path, strerrorname_np(errno));
        else printf("%s: %o %u:%u\n", path, s.st_mode & S_IFMT, major(s.st_rdev), minor(s.st_rdev));
    }
}

static void terminal(void) {
    struct termios t;
    struct winsize w;
    tcgetattr(fd, &t);
    printf("flags %o %o %o %o, %s\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, ttyname(fd));
    ioctl(fd, TIOCGWINSZ, &w);
    printf("size %d x %d\n", w.ws_col, w.ws_row);
    unsigned dev = 0;
    printf("dev %d %#x\n", ioctl(fd, TIOCGDEV, &dev), dev);
}

static void display_calls(void) {
    GET(KDGKBTYPE, 1);
    GET(KDGETMODE, 4);
    CALL(KDSETMODE, KD_GRAPHICS);
    GET(KDGETMODE, 4);
    CALL(KDSETMODE, KD_TEXT1);
    GET(KDGETMODE, 4);
    CALL(KDSETMODE, 4);
    CALL(KDSETMODE, -1);
    CALL(KDMAPDISP, 0);
    CALL(KDUNMAPDISP, 0);
    CALL(KIOCSOUND, 0);
    CALL(KDMKTONE, 0);
    CALL(KDGETMODE, 8);
    CALL(KDGKBTYPE, 8);
    GET(GIO_CMAP, 48);
    CALL(GIO_CMAP, 8);
}

/* Linux sets the lights a moment later. */
static void lights(int expected) {
    unsigned char now = 0xee;
    for (int i = 0; i < 400 && now != expected; i++, usleep(5000)) ioctl(fd, KDGETLED, &now);
    printf("lights %02x\n", now);
}

static void keyboard_calls(void) {
    GET(KDGKBMODE, 4);
    for (int mode = -1; mode < 6; mode++) {
        CALL(KDSKBMODE, mode);
        GET(KDGKBMODE, 4);
    }
    CALL(KDSKBMODE, K_UNICODE);
    GET(KDGKBMETA, 4);
    CALL(KDSKBMETA, K_METABIT);
    GET(KDGKBMETA, 4);
    CALL(KDSKBMETA, 5);
    CALL(KDSKBMETA, K_ESCPREFIX);
    GET(KDGKBLED, 1);
    CALL(KDSKBLED, 0x34);
    GET(KDGKBLED, 1);
    CALL(KDSKBLED, 0x08);
    CALL(KDSKBLED, 0x100);
    CALL(KDSKBLED, 0);
    CALL(KDSETLED, 5);
    lights(5);
    CALL(KDSETLED, 0x80);
    lights(0);
    CALL(KDGKBMODE, 8);
}

static void switch_calls(void) {
    struct vt_mode m;
    struct vt_stat s;
    GET(VT_OPENQRY, 4);
    GET(VT_GETMODE, sizeof m);
    memset(&s, 0, sizeof s);
    ioctl(fd, VT_GETSTATE, &s);
    printf("state: %d %#x\n", s.v_active, s.v_state);
    int five = open("/dev/tty5", O_RDWR | O_NOCTTY);
    ioctl(fd, VT_GETSTATE, &s);
    printf("state: %d %#x\n", s.v_active, s.v_state);
    CALL(VT_DISALLOCATE, 5);
    close(five);
    CALL(VT_DISALLOCATE, 5);
    CALL(VT_DISALLOCATE, 5);
    CALL(VT_DISALLOCATE, 40);
    CALL(VT_DISALLOCATE, 1);
    CALL(VT_DISALLOCATE, 64);
    CALL(VT_DISALLOCATE, 0);
    CALL(VT_ACTIVATE, 0);
    CALL(VT_ACTIVATE, 64);
    CALL(VT_WAITACTIVE, 0);
    CALL(VT_WAITACTIVE, 64);
    CALL(VT_ACTIVATE, 3);
    CALL(VT_WAITACTIVE, 3);
    ioctl(fd, VT_GETSTATE, &s);
    printf("state: %d\n", s.v_active);
    CALL(VT_ACTIVATE, 1);
    CALL(VT_WAITACTIVE, 1);
    ioctl(fd, VT_GETSTATE, &s);
    printf("state: %d\n", s.v_active);
    CALL(VT_RELDISP, 0);
    CALL(VT_GETMODE, 8);
    CALL(VT_SETMODE, 8);
    memset(&m, 0, sizeof m);
    m.mode = 7;
    CALL(VT_SETMODE, &m);
    GET(VT_GETHIFONTMASK, 2);
    CALL(0x56ff, 0);
    CALL(0x4bff, 0);
}

static volatile sig_atomic_t released, acquired;
static void on_release(int s) { released++; }
static void on_acquire(int s) { acquired++; }
static void until(volatile sig_atomic_t *what) {
    for (int i = 0; !*what && i < 2000; i++) usleep(5000);
}

static void by_process(void) {
    struct vt_mode m = {VT_PROCESS, 0, SIGUSR1, SIGUSR2, 77};
    struct vt_stat s;
    signal(SIGUSR1, on_release);
    signal(SIGUSR2, on_acquire);
    CALL(VT_SETMODE, &m);
    GET(VT_GETMODE, sizeof m);
    CALL(VT_RELDISP, VT_ACKACQ);
    CALL(VT_RELDISP, 1);
    CALL(VT_ACTIVATE, 2);
    until(&released);
    ioctl(fd, VT_GETSTATE, &s);
    printf("asked %d, still %d\n", released, s.v_active);
    CALL(VT_RELDISP, 0);
    ioctl(fd, VT_GETSTATE, &s);
    printf("refused: %d\n", s.v_active);
    released = 0;
    CALL(VT_ACTIVATE, 2);
    until(&released);
    CALL(VT_RELDISP, 1);
    CALL(VT_WAITACTIVE, 2);
    ioctl(fd, VT_GETSTATE, &s);
    printf("given: %d\n", s.v_active);
    CALL(VT_ACTIVATE, 1);
    until(&acquired);
    printf("back: %d\n", acquired);
    CALL(VT_RELDISP, VT_ACKACQ);
    m.mode = VT_AUTO;
    CALL(VT_SETMODE, &m);
}

static void tioclinux(int what) {
    unsigned char out[8] = {what, 0xee};
    long r = ioctl(fd, TIOCLINUX, out);
    printf("TIOCLINUX %d: %ld %s %02x\n", what, r, r < 0 ? strerrorname_np(errno) : "", out[0]);
}

static void subcodes(void) {
    tioclinux(TIOCL_GETSHIFTSTATE);
    tioclinux(TIOCL_GETMOUSEREPORTING);
    tioclinux(TIOCL_GETFGCONSOLE);
    tioclinux(TIOCL_GETKMSGREDIRECT);
    tioclinux(99);
    CALL(TIOCLINUX, 8);
}

/* Writes what a sequence is, and shows what came back. */
static void ask(const char *text, size_t length) {
    struct pollfd p = {fd, POLLIN, 0};
    char in[64];
    for (size_t i = 0; i < length; i++) write(fd, text + i, 1);
    size_t n = 0;
    while (n < sizeof in && poll(&p, 1, n == 0 ? 2000 : 100) == 1) {
        ssize_t r = read(fd, in + n, sizeof in - n);
        if (r <= 0) break;
        n += r;
    }
    for (size_t i = 0; i < length; i++)
        if (text[i] >= 32 && text[i] < 127) putchar(text[i]);
        else printf("<%02x>", (unsigned char)text[i]);
    printf(" ->");
    for (size_t i = 0; i < n; i++)
        if (in[i] >= 32 && in[i] < 127) putchar(in[i]);
        else printf("<%02x>", (unsigned char)in[i]);
    printf("\n");
}
#define ASK(text) ask(text, sizeof(text) - 1)
/* Where a sequence leaves the cursor. */
#define AT(text) ASK("\033c" text "\033[6n")

static void answers(void) {
    struct termios t, raw;
    tcgetattr(fd, &t);
    raw = t;
    cfmakeraw(&raw);
    raw.c_oflag = 0;
    tcsetattr(fd, TCSANOW, &raw);
    ASK("\033[5n");
    ASK("\033[c");
    ASK("\033[0c\033Z");
    AT("");
    AT("abc");
    AT("\033[5;7H");
    AT("\033[99;999H");
    AT("\033[5;7H\033[2A\033[3C");
    AT("\033[5;7H\033[99A\033[99D");
    AT("\033[5;7H\033[2E");
    AT("\033[5;7H\033[2F");
    AT("\033[5;7H\033[3G\033[4d");
    AT("\033[5;7H\0337\033[H\0338");
    AT("\033[5;7H\033[s\033[H\033[u");
    AT("\033[3;10r");
    AT("\033[3;10r\033[?6h");
    AT("\033[3;10r\033[?6h\033[2;2H");
    AT("\033[3;10r\033[?6h\033[99;2H");
    AT("\033[3;10r\033[10;1H\n\n\n");
    AT("\033[3;10r\033[3;1H\033M\033M");
    AT("\033[3;3r\033[4;4H");
    AT("\033[24;1H\n\n\n");
    AT("\033[1;79Hxyz");
    AT("\033[1;79Hxy");
    AT("\033[1;79Hxy\033[7h\033[?7lzzz");
    AT("\033[1;79Hxy\b");
    AT("\033[1;79Hxy\tz");
    AT("\t\t");
    AT("\033[3g\t");
    AT("\033[5G\033H\r\t");
    AT("\033[1;72H\t\t");
    AT("\xc3\xa9\xe2\x94\x80");
    AT("\xc0\x80\xe2" "a");
    AT("\xf0\x9f\x98\x80x");
    AT("\xe4\xb8\xad\xe6\x96\x87");
    AT("\xe2\x80\x8bx\xef\xbb\xbf");
    AT("a\xcc\x81" "b");
    AT("\x9b" "3Cx");
    AT("\033%@\xc3\xa9\033%Gx");
    AT("\033%@\x9b" "3Cx");
    AT("\033]0;title\007x");
    AT("\033]0;title\033\\x");
    AT("\033P1$r\033\\x");
    AT("\033_a\033\\\033^b\033\\x");
    AT("\033[[Ax");
    AT("\033[>1;2cx");
    AT("\033[1$xy");
    AT("\033[1\nm");
    AT("\033[3\0302Cx");
    AT("\033(0qqq\033(B\016qqq\017");
    AT("\033[11m\001\002\300\033[10m");
    AT("\033[12m\001AB\033[10m");
    AT("\033[3h\001\002\033[3l\001");
    AT("\033[20h\n\na\n");
    AT("\033[4habc\033[4l");
    AT("\033]P7ffffffx");
    AT("\033]Rx");
    AT("\033[5;5H\033#8x");
    AT("\033[5;5H\033[2J\033[K\033[1Kx");
    AT("\033[5;5H\033[2L\033[3M\033[2@\033[2P\033[4Xx");
    AT("\033[5;5H\033[65535C");
    AT("\033[5;5H\033[4294967297C");
    AT("\033[;5H");
    AT("\033[0;0H");
    AT("\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17Hx");
    AT("\177\177x");
    AT("\001\002\003x");
    AT("\033Ex\033Dy\033Mz");
    ASK("\033c");
    tcsetattr(fd, TCSAFLUSH, &t);
}

static void of_others(void) {
    pid_t child = fork();
    if (child == 0) {
        if (setsid() < 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
        CALL(KDSETMODE, KD_TEXT);
        CALL(KDSKBMODE, K_UNICODE);
        CALL(KDSETLED, 0);
        CALL(KDSKBLED, 0);
        CALL(KDSKBMETA, K_ESCPREFIX);
        CALL(VT_ACTIVATE, 1);
        CALL(VT_ACTIVATE, 99);
        CALL(VT_RELDISP, 1);
        CALL(VT_SETMODE, 8);
        CALL(VT_LOCKSWITCH, 0);
        CALL(KDMKTONE, 0);
        CALL(PIO_CMAP, 8);
        tioclinux(TIOCL_GETFGCONSOLE);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, 0, 0);
}

/* The last close of a console forgets its settings. */
static void settings(void) {
    for (int held = 0; held < 2; held++) {
        int keep = held ? open("/dev/tty20", O_RDWR | O_NOCTTY) : -1;
        for (int i = 0; i < 2; i++) {
            struct termios t;
            int console = open("/dev/tty20", O_RDWR | O_NOCTTY);
            printf("settings %d %d: %d", held, i, tcgetattr(console, &t));
            printf(" %x %x %x %x %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_cc[VINTR]);
            t.c_lflag &= ~(ICANON | ECHO);
            t.c_cc[VINTR] = 24;
            tcsetattr(console, TCSANOW, &t);
            close(console);
        }
        close(keep);
    }
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    nodes();
    fd = open("/dev/tty1", O_RDWR | O_NOCTTY);
    if (fd < 0) return printf("tty1: %s\n", strerrorname_np(errno)), 1;
    ioctl(fd, VT_ACTIVATE, 1);
    ioctl(fd, VT_WAITACTIVE, 1);
    terminal();
    settings();
    int zero = open("/dev/tty0", O_RDWR | O_NOCTTY);
    printf("tty0 is %s\n", ttyname(zero) ? ttyname(zero) : "?");
    close(zero);
    display_calls();
    keyboard_calls();
    switch_calls();
    by_process();
    subcodes();
    of_others();
    answers();
    return 0;
}
