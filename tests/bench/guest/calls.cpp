// Single system calls on files, descriptors and signals.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

namespace bench {

namespace {
constexpr const char* kFile = "/tmp/tenon-bench.dat";
char buffer[4096];

int data_file() {
    int fd = open(kFile, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) fail(kFile);
    for (int i = 0; i < 64; ++i) {
        if (write(fd, buffer, sizeof(buffer)) != sizeof(buffer)) fail("write");
    }
    return fd;
}

int pipes[10][2];
void make_pipes() {
    for (auto& p : pipes) {
        if (pipe(p) != 0) fail("pipe");
    }
}
void close_pipes() {
    for (auto& p : pipes) {
        close(p[0]);
        close(p[1]);
    }
}

volatile sig_atomic_t caught;
void on_signal(int) {
    caught = caught + 1;
}

char* guarded_page;
void on_fault(int, siginfo_t*, void*) {
    mprotect(guarded_page, 4096, PROT_READ | PROT_WRITE);
}
}  // namespace

void null_syscall() {
    measure("null_syscall", 20000, [] { syscall(SYS_getppid); });
}

void read_4k() {
    int fd = data_file();
    measure("read_4k", 5000, [fd] {
        if (pread(fd, buffer, sizeof(buffer), 8192) != sizeof(buffer)) fail("pread");
    });
    close(fd);
}

void write_4k() {
    int fd = data_file();
    measure("write_4k", 5000, [fd] {
        if (pwrite(fd, buffer, sizeof(buffer), 8192) != sizeof(buffer)) fail("pwrite");
    });
    close(fd);
}

void stat_path() {
    close(data_file());
    struct stat st;
    measure("stat", 5000, [&] {
        if (stat(kFile, &st) != 0) fail("stat");
    });
}

void fstat_file() {
    int fd = data_file();
    struct stat st;
    measure("fstat", 5000, [&] {
        if (fstat(fd, &st) != 0) fail("fstat");
    });
    close(fd);
}

void open_close() {
    close(data_file());
    measure("open_close", 5000, [] {
        int fd = open(kFile, O_RDONLY);
        if (fd < 0) fail("open");
        close(fd);
    });
}

void create_unlink() {
    measure("create_unlink", 2000, [] {
        int fd = open("/tmp/tenon-bench.new", O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd < 0) fail("create");
        close(fd);
        unlink("/tmp/tenon-bench.new");
    });
}

void select_10() {
    make_pipes();
    measure("select_10", 5000, [] {
        fd_set set;
        FD_ZERO(&set);
        int top = 0;
        for (auto& p : pipes) {
            FD_SET(p[0], &set);
            if (p[0] > top) top = p[0];
        }
        timeval zero{};
        select(top + 1, &set, nullptr, nullptr, &zero);
    });
    close_pipes();
}

void poll_10() {
    make_pipes();
    pollfd fds[10];
    for (int i = 0; i < 10; ++i) fds[i] = {pipes[i][0], POLLIN, 0};
    measure("poll_10", 5000, [&] { poll(fds, 10, 0); });
    close_pipes();
}

void epoll_one() {
    int ep = epoll_create1(0);
    int ev = eventfd(1, 0);
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(ep, EPOLL_CTL_ADD, ev, &event) != 0) fail("epoll_ctl");
    measure("epoll_one", 5000, [&] {
        if (epoll_wait(ep, &event, 1, -1) != 1) fail("epoll_wait");
    });
    close(ev);
    close(ep);
}

void signal_install() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    measure("signal_install", 10000, [&] { sigaction(SIGUSR1, &action, nullptr); });
}

void signal_catch() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, nullptr);
    pid_t self = getpid();
    measure("signal_catch", 5000, [self] { kill(self, SIGUSR1); });
}

void protection_fault() {
    guarded_page = static_cast<char*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    guarded_page[0] = 1;
    struct sigaction action {
    }, old{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &old);
    measure("protection_fault", 2000, [] {
        mprotect(guarded_page, 4096, PROT_READ);
        *const_cast<volatile char*>(guarded_page) = 2;
    });
    sigaction(SIGSEGV, &old, nullptr);
    munmap(guarded_page, 4096);
}

void record_lock() {
    int fd = data_file();
    measure("record_lock", 2000, [fd] {
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_len = 1;
        if (fcntl(fd, F_SETLK, &lock) != 0) fail("F_SETLK");
        lock.l_type = F_UNLCK;
        fcntl(fd, F_SETLK, &lock);
    });
    close(fd);
}

}  // namespace bench
