// Measuring inside the guest: repeat, take the least of several rounds, print one JSON object a
// line.
//
// Under `-icount shift=0` a nanosecond of guest time is an instruction, so the least and the mean
// agree; in real time the least of the rounds is the one that the host disturbed least.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bench {

inline std::uint64_t now_ns() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1000000000u +
           static_cast<std::uint64_t>(t.tv_nsec);
}

[[noreturn]] inline void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

inline void report(const char* name, double value, const char* unit) {
    std::printf("{\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\"}\n", name, value, unit);
    std::fflush(stdout);
}

// Runs `body` `count` times in each of five rounds; reports ns a call of the best round.
template <typename Body>
void measure(const char* name, unsigned count, Body&& body) {
    double best = 1e300;
    for (int round = 0; round < 5; ++round) {
        std::uint64_t start = now_ns();
        for (unsigned i = 0; i < count; ++i) body();
        double ns = static_cast<double>(now_ns() - start) / count;
        if (ns < best) best = ns;
    }
    report(name, best, "ns");
}

using Benchmark = void (*)();
struct Entry {
    const char* name;
    Benchmark run;
};
// Defined by the files beside this one.
void null_syscall();
void context_switch();
void fork_exit();
void fork_exec();
void shell();
void anonymous_fault();
void file_fault();
void map_unmap();
void pipe_latency();
void pipe_bandwidth();
void unix_latency();
void open_close();
void stat_path();
void fstat_file();
void read_4k();
void write_4k();
void create_unlink();
void select_10();
void poll_10();
void epoll_one();
void signal_install();
void signal_catch();
void protection_fault();
void thread_create();
void futex_wake();
void record_lock();
void module_load();

}  // namespace bench
