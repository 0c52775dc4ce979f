// syscall-fuzz: random system calls from many processes. README.md tells how it is built.
//
//   syscall-fuzz [--seed N] [--calls N] [--children N] [--life N] [--only CALL,...] [--verbose]
//
// Ends with 0 if every process could be ended, 1 if one could not: a hang. What became of the
// machine is for others to ask.
#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "worker.h"

namespace fuzz {
namespace {

constexpr u64 kStuckMs = 4000;
constexpr u64 kHangMs = 120'000;

u64 now_ms() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<u64>(now.tv_sec) * 1000 + static_cast<u64>(now.tv_nsec) / 1'000'000;
}

struct Watched {
    pid_t pid = 0;
    u64 generation = 0;
    u64 calls_seen = 0;
    u64 changed_ms = 0;
    u64 killed_ms = 0;
};

Life g_life{};
Control* g_control = nullptr;
Watched g_watched[kMaxWorkers];
unsigned g_children = 8;
u64 g_lives = 0, g_stuck = 0, g_unexpected = 0;
u64 g_ends[65];  // by signal; 0 is _exit

// All mounts of a worker's tree go, also those that calls put there.
void unmount_all(const char* below) {
    for (int round = 0; round < 40; round++) {
        FILE* const mounts = fopen("/proc/self/mounts", "r");
        char line[9000], last[4200] = "";
        while (mounts != nullptr && fgets(line, sizeof(line), mounts) != nullptr) {
            char where[4200];
            if (sscanf(line, "%*s %4199s", where) == 1 &&
                strncmp(where, below, strlen(below)) == 0 &&
                (where[strlen(below)] == '/' || where[strlen(below)] == 0))
                strcpy(last, where);
        }
        if (mounts != nullptr) fclose(mounts);
        if (last[0] == 0 || umount2(last, MNT_DETACH) != 0) return;
    }
}

void describe(unsigned slot) {
    const Slot& of = g_control->slots[slot];
    const Call& call = kCalls[of.index.load() % kCallCount];
    printf("worker %u generation %lu call %lu: %.*s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", slot,
           g_watched[slot].generation, of.calls.load(), static_cast<int>(call.name.size()),
           call.name.data(), of.arguments[0].load(), of.arguments[1].load(), of.arguments[2].load(),
           of.arguments[3].load(), of.arguments[4].load(), of.arguments[5].load());
}

void start(unsigned slot) {
    char directory[64];
    snprintf(directory, sizeof(directory), "%s/%u", kRoot, slot);
    unmount_all(directory);
    Watched& watched = g_watched[slot];
    g_life.slot = slot;
    g_life.generation = watched.generation;
    g_control->slots[slot].calls = 0;
    watched = {fork(), watched.generation, 0, now_ms(), 0};
    if (watched.pid == 0) run_worker(g_life);
    if (watched.pid < 0) {
        watched.pid = 0;  // again with the next tick
        return;
    }
    g_lives++;
}

// Every process that is ours but no worker's leader: what calls left behind comes here (subreaper).
unsigned kill_strays(bool all, bool print) {
    unsigned found = 0;
    DIR* const processes = opendir("/proc");
    while (dirent* const entry = processes == nullptr ? nullptr : readdir(processes)) {
        const pid_t pid = atoi(entry->d_name);
        if (pid <= 0) continue;
        char path[64], line[512];
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        FILE* const file = fopen(path, "r");
        if (file == nullptr) continue;
        const char* const got = fgets(line, sizeof(line), file);
        fclose(file);
        const char* const end = got == nullptr ? nullptr : strrchr(line, ')');
        char state;
        int parent;
        if (end == nullptr || sscanf(end + 1, " %c %d", &state, &parent) != 2 || parent != getpid())
            continue;
        bool worker = false;
        for (unsigned slot = 0; slot < g_children; slot++) worker |= g_watched[slot].pid == pid;
        if (worker && !all) continue;
        kill(pid, SIGKILL);
        found++;
        if (print) printf("not ended: %s", line);
    }
    if (processes != nullptr) closedir(processes);
    return found;
}

void reap() {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0;) {
        if (WIFSTOPPED(status)) {
            kill(pid, SIGKILL);
            continue;
        }
        for (unsigned slot = 0; slot < g_children; slot++) {
            if (g_watched[slot].pid != pid) continue;
            g_ends[WIFSIGNALED(status) ? WTERMSIG(status) : 0]++;
            // Behind its first call any status may be one that it drew.
            if (g_control->slots[slot].calls.load() == 0 && WIFEXITED(status) &&
                (WEXITSTATUS(status) == 96 || WEXITSTATUS(status) == 97)) {
                if (g_unexpected++ < 10)
                    printf("worker %u could not enter its sandbox: %d\n", slot,
                           WEXITSTATUS(status));
            }
            g_watched[slot].pid = 0;
            g_watched[slot].generation++;
        }
    }
}

// Ends who makes no progress; says who cannot be ended. Returns whether all goes well.
bool watch() {
    for (unsigned slot = 0; slot < g_children; slot++) {
        Watched& watched = g_watched[slot];
        if (watched.pid == 0) continue;
        const u64 calls = g_control->slots[slot].calls.load();
        const u64 now = now_ms();
        if (calls != watched.calls_seen) {
            watched.calls_seen = calls;
            watched.changed_ms = now;
        } else if (watched.killed_ms == 0 && now - watched.changed_ms > kStuckMs) {
            g_stuck++;
            watched.killed_ms = now;
            kill(watched.pid, SIGKILL);
        } else if (watched.killed_ms != 0 && now - watched.killed_ms > kHangMs) {
            printf("HANG ");
            describe(slot);
            return false;
        }
    }
    return true;
}

void remove_ipc() {
    for (int index = 0; index < 4096; index++) {
        shmid_ds segment;
        semid_ds semaphores;
        msqid_ds queue;
        const int shared = shmctl(index, SHM_STAT, &segment);
        if (shared >= 0) shmctl(shared, IPC_RMID, nullptr);
        const int set = semctl(index, 0, SEM_STAT, &semaphores);
        if (set >= 0) semctl(set, 0, IPC_RMID);
        const int messages = msgctl(index, MSG_STAT, &queue);
        if (messages >= 0) msgctl(messages, IPC_RMID, nullptr);
    }
    for (const char* name : {"fz0", "fz1", "fz2", "missing"}) syscall(SYS_mq_unlink, name);
}

void summary() {
    printf("calls=%lu lives=%lu stuck=%lu", g_control->calls.load(), g_lives, g_stuck);
    for (unsigned signal = 0; signal <= 64; signal++)
        if (g_ends[signal] != 0)
            printf(" %s%u=%lu", signal == 0 ? "exited" : "signal", signal, g_ends[signal]);
    unsigned tried = 0, succeeded = 0;
    for (size_t i = 0; i < kCallCount; i++) {
        tried += g_control->tried[kCalls[i].number].load() != 0;
        succeeded += g_control->succeeded[kCalls[i].number].load() != 0;
    }
    printf("\ntable=%zu tried=%u succeeded=%u; never succeeded:", kCallCount, tried, succeeded);
    for (size_t i = 0; i < kCallCount; i++)
        if (g_control->tried[kCalls[i].number].load() != 0 &&
            g_control->succeeded[kCalls[i].number].load() == 0)
            printf(" %.*s(%u)", static_cast<int>(kCalls[i].name.size()), kCalls[i].name.data(),
                   g_control->tried[kCalls[i].number].load());
    printf("\n");
}

int run() {
    bool well = true;
    u64 said_ms = now_ms(), swept_ms = said_ms;
    while (well && g_control->calls.load() < g_control->target.load()) {
        reap();
        for (unsigned slot = 0; slot < g_children; slot++)
            if (g_watched[slot].pid == 0) start(slot);
        well = watch();
        const u64 now = now_ms();
        if (now - swept_ms > 1000) {
            kill_strays(false, false);
            swept_ms = now;
        }
        if (now - said_ms > 10'000) {
            printf("%lu calls, %lu lives\n", g_control->calls.load(), g_lives);
            said_ms = now;
        }
        usleep(5'000);
    }
    const u64 ended_ms = now_ms();
    u64 left = 1;
    while (left != 0 && now_ms() - ended_ms < kHangMs) {
        reap();
        left = kill_strays(now_ms() - ended_ms > 1000, false);
        for (unsigned slot = 0; slot < g_children; slot++) left += g_watched[slot].pid != 0;
        usleep(10'000);
    }
    if (left != 0) {
        printf("HANG at the end\n");
        kill_strays(true, true);
        for (unsigned slot = 0; slot < g_children; slot++)
            if (g_watched[slot].pid != 0) describe(slot);
        well = false;
    }
    unmount_all(kRoot);
    remove_ipc();
    for (unsigned slot = 0; slot < g_children; slot++) {
        char directory[64];
        snprintf(directory, sizeof(directory), "%s/%u", kRoot, slot);
        rmdir(directory);
    }
    rmdir(kRoot);
    summary();
    return well && g_unexpected == 0 ? 0 : 1;
}

}  // namespace
}  // namespace fuzz

int main(int argc, char** argv) {
    using namespace fuzz;
    u64 seed = static_cast<u64>(time(nullptr)), calls = 10'000;
    g_life.calls = 4000;
    for (int i = 1; i < argc; i++) {
        const char* const value = i + 1 < argc ? argv[i + 1] : "0";
        if (strcmp(argv[i], "--verbose") == 0)
            g_life.verbose = true;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(value, nullptr, 0), i++;
        else if (strcmp(argv[i], "--calls") == 0)
            calls = strtoull(value, nullptr, 0), i++;
        else if (strcmp(argv[i], "--children") == 0)
            g_children = static_cast<unsigned>(atoi(value)), i++;
        else if (strcmp(argv[i], "--life") == 0)
            g_life.calls = strtoull(value, nullptr, 0), i++;
        else if (strcmp(argv[i], "--only") == 0) {
            static char names[4096];
            snprintf(names, sizeof(names), ",%s,", value);
            g_life.only = names;
            i++;
        } else {
            fprintf(stderr,
                    "syscall-fuzz [--seed N] [--calls N] [--children N] [--life N] [--only "
                    "CALL,...] [--verbose]\n");
            return 2;
        }
    }
    if (g_children == 0 || g_children > kMaxWorkers) return 2;
    setvbuf(stdout, nullptr, _IOLBF, 0);
    printf("seed %lu, %lu calls, %u children\n", seed, calls, g_children);
    const auto shared = [](size_t bytes) {
        return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    };
    g_control = static_cast<Control*>(shared(sizeof(Control)));
    g_control->target = calls;
    g_life.control = g_control;
    g_life.shared_page = shared(kPage);
    g_life.seed = seed;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    FILE* const score = fopen("/proc/self/oom_score_adj", "w");
    if (score != nullptr) fputs("-1000", score), fclose(score);
    mkdir("/tmp", 01777);
    mkdir(kRoot, 0755);
    unmount_all(kRoot);
    return run();
}
