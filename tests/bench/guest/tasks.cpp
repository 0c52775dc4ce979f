// Processes, threads, switches and what passes between them. All on one CPU, so that a round trip
// is two switches.
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "harness.h"

namespace bench {

namespace {

void pin() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

// A child that sends back each byte; `round_trip` times one there and back.
void round_trip(const char* name, int to_child, int child_in, int from_child, int child_out) {
    pin();
    pid_t child = fork();
    if (child < 0) fail("fork");
    char c = 'x';
    if (child == 0) {
        close(to_child);
        close(from_child);
        while (read(child_in, &c, 1) == 1) {
            if (write(child_out, &c, 1) != 1) break;
        }
        _exit(0);
    }
    measure(name, 2000, [&] {
        if (write(to_child, &c, 1) != 1 || read(from_child, &c, 1) != 1) fail(name);
    });
    close(to_child);
    kill(child, 9);
    waitpid(child, nullptr, 0);
}

std::atomic<int> word;
long futex(int op, int value) {
    return syscall(SYS_futex, &word, op, value, nullptr, nullptr, 0);
}

}  // namespace

void pipe_latency() {
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) fail("pipe");
    round_trip("pipe_latency", there[1], there[0], back[0], back[1]);
    for (int fd : {there[0], back[0], back[1]}) close(fd);
}

void unix_latency() {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) fail("socketpair");
    pin();
    pid_t child = fork();
    char c = 'x';
    if (child == 0) {
        close(pair[0]);
        while (read(pair[1], &c, 1) == 1) {
            if (write(pair[1], &c, 1) != 1) break;
        }
        _exit(0);
    }
    close(pair[1]);
    measure("unix_latency", 2000, [&] {
        if (write(pair[0], &c, 1) != 1 || read(pair[0], &c, 1) != 1) fail("unix_latency");
    });
    close(pair[0]);
    waitpid(child, nullptr, 0);
}

void pipe_bandwidth() {
    constexpr std::size_t kChunk = 65536, kTotal = 16u << 20;
    static char block[kChunk];
    pin();
    double best = 0;
    for (int round = 0; round < 3; ++round) {
        int p[2];
        if (pipe(p) != 0) fail("pipe");
        pid_t child = fork();
        if (child == 0) {
            close(p[0]);
            for (std::size_t sent = 0; sent < kTotal; sent += kChunk) {
                if (write(p[1], block, kChunk) != static_cast<ssize_t>(kChunk)) _exit(1);
            }
            _exit(0);
        }
        close(p[1]);
        std::uint64_t start = now_ns();
        std::size_t got = 0;
        for (ssize_t n; (n = read(p[0], block, kChunk)) > 0;) got += static_cast<std::size_t>(n);
        double seconds = static_cast<double>(now_ns() - start) / 1e9;
        close(p[0]);
        waitpid(child, nullptr, 0);
        if (got != kTotal) fail("pipe_bandwidth");
        double rate = static_cast<double>(got) / seconds / 1e6;
        if (rate > best) best = rate;
    }
    report("pipe_bandwidth", best, "MB/s");
}

void context_switch() {
    // lmbench's way: a token round two processes, less what the pipe costs within one.
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) fail("pipe");
    pin();
    char c = 'x';
    constexpr unsigned kCount = 2000;
    double own = 1e300;
    for (int round = 0; round < 5; ++round) {
        std::uint64_t start = now_ns();
        for (unsigned i = 0; i < kCount; ++i) {
            if (write(there[1], &c, 1) != 1 || read(there[0], &c, 1) != 1) fail("pipe");
        }
        double ns = static_cast<double>(now_ns() - start) / kCount;
        if (ns < own) own = ns;
    }
    pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        while (read(there[0], &c, 1) == 1) {
            if (write(back[1], &c, 1) != 1) break;
        }
        _exit(0);
    }
    double both = 1e300;
    for (int round = 0; round < 5; ++round) {
        std::uint64_t start = now_ns();
        for (unsigned i = 0; i < kCount; ++i) {
            if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1) fail("pipe");
        }
        double ns = static_cast<double>(now_ns() - start) / kCount;
        if (ns < both) both = ns;
    }
    for (int fd : {there[0], there[1], back[0], back[1]}) close(fd);
    waitpid(child, nullptr, 0);
    report("context_switch", (both - 2 * own) / 2, "ns");
}

void fork_exit() {
    measure("fork_exit", 50, [] {
        pid_t child = fork();
        if (child == 0) _exit(0);
        waitpid(child, nullptr, 0);
    });
}

void fork_exec() {
    measure("fork_exec", 30, [] {
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", "tenon-bench", "--exit", nullptr);
            _exit(127);
        }
        waitpid(child, nullptr, 0);
    });
}

void shell() {
    measure("shell", 10, [] {
        if (system("exit 0") != 0) fail("sh");
    });
}

void thread_create() {
    measure("thread_create", 200, [] {
        pthread_t t;
        if (pthread_create(
                &t, nullptr, [](void*) -> void* { return nullptr; }, nullptr) != 0)
            fail("pthread_create");
        pthread_join(t, nullptr);
    });
}

void futex_wake() {
    pin();
    word = 0;
    pthread_t t;
    // The threads hand a word to and fro: each turn is one wake and one sleep on either side.
    pthread_create(
        &t, nullptr,
        [](void*) -> void* {
            for (;;) {
                while (word == 0) futex(FUTEX_WAIT_PRIVATE, 0);
                if (word == 2) return nullptr;
                word = 0;
                futex(FUTEX_WAKE_PRIVATE, 1);
            }
        },
        nullptr);
    measure("futex_wake", 2000, [] {
        word = 1;
        futex(FUTEX_WAKE_PRIVATE, 1);
        while (word == 1) futex(FUTEX_WAIT_PRIVATE, 1);
    });
    word = 2;
    futex(FUTEX_WAKE_PRIVATE, 1);
    pthread_join(t, nullptr);
}

}  // namespace bench
