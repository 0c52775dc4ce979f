// stamps DEVICE SECONDS THREADS [SEED]: writes numbered blocks and reads them back; SIGTERM ends
// it earlier.
//
// Each thread has a part of the device for itself. A block holds its place, a sequence number and a
// pattern made of both; what is read must be what was written last. Even threads go through the
// page cache, with fsync and O_SYNC-less re-reads after the cache was dropped; odd ones use
// O_DIRECT. Prints "stamps writes= reads= syncs= errors= wrong= longest_us=": the longest time one
// call took.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 256, MAX_THREADS = 16 };

struct stamp {
    uint64_t place, sequence, words[BLOCK / 8 - 2];
};

struct worker {
    pthread_t thread;
    unsigned index;
    uint64_t random, writes, reads, syncs, errors, wrong, longest_ns;
    uint64_t sequence[BLOCKS];
};

static const char* device;
static uint64_t end_ns;
static atomic_int asked_to_end;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next(uint64_t* state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill(struct stamp* s, uint64_t place, uint64_t sequence) {
    uint64_t state = (place << 32 ^ sequence) * 0x9e3779b97f4a7c15u | 1;
    s->place = place;
    s->sequence = sequence;
    for (size_t i = 0; i < BLOCK / 8 - 2; i++) s->words[i] = next(&state);
}

static void timed(struct worker* w, uint64_t began, ssize_t got, ssize_t wanted, const char* what) {
    const uint64_t took = now_ns() - began;
    if (took > w->longest_ns) w->longest_ns = took;
    if (got == wanted) return;
    if (w->errors++ == 0)
        fprintf(stderr, "thread %u: %s: %zd, %s\n", w->index, what, got, strerror(errno));
}

static void* run(void* argument) {
    struct worker* w = argument;
    const int direct = w->index & 1;
    const int fd = open(device, O_RDWR | (direct ? O_DIRECT : 0));
    struct stamp *data, *expected;
    if (fd < 0 || posix_memalign((void**)&data, BLOCK, BLOCK) ||
        posix_memalign((void**)&expected, BLOCK, BLOCK)) {
        perror(device);
        w->errors++;
        return NULL;
    }
    for (unsigned step = 0; !asked_to_end && now_ns() < end_ns; step++) {
        const uint64_t slot = next(&w->random) % BLOCKS, place = w->index * BLOCKS + slot;
        if (w->sequence[slot] == 0 || next(&w->random) % 2) {
            fill(data, place, ++w->sequence[slot]);
            const uint64_t began = now_ns();
            timed(w, began, pwrite(fd, data, BLOCK, (off_t)(place * BLOCK)), BLOCK, "write");
            w->writes++;
        } else {
            const uint64_t began = now_ns();
            timed(w, began, pread(fd, data, BLOCK, (off_t)(place * BLOCK)), BLOCK, "read");
            w->reads++;
            fill(expected, place, w->sequence[slot]);
            if (memcmp(data, expected, BLOCK) != 0 && w->wrong++ == 0)
                fprintf(stderr,
                        "thread %u: block %" PRIu64 " is number %" PRIu64 ", wrote %" PRIu64 "\n",
                        w->index, place, data->sequence, w->sequence[slot]);
        }
        if (step % 64 == 63) {
            const uint64_t began = now_ns();
            timed(w, began, fsync(fd), 0, "fsync");
            w->syncs++;
        }
        // Now and then what is cached is read from the device again.
        if (!direct && step % 512 == 511 && ioctl(fd, BLKFLSBUF, 0) != 0) w->errors++;
    }
    close(fd);
    return NULL;
}

// Ends the work early; the threads' calls are not interrupted.
static void* end_by_signal(void* signals) {
    int got;
    sigwait(signals, &got);
    asked_to_end = 1;
    return NULL;
}

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    static sigset_t signals;
    pthread_t ender;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pthread_create(&ender, NULL, end_by_signal, &signals);
    static struct worker workers[MAX_THREADS];
    device = argv[1];
    end_ns = now_ns() + (uint64_t)(atof(argv[2]) * 1e9);
    const unsigned threads = (unsigned)atoi(argv[3]) % (MAX_THREADS + 1);
    const uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 0) : 1;
    for (unsigned i = 0; i < threads; i++) {
        workers[i].index = i;
        workers[i].random = seed * 0x9e3779b97f4a7c15u + i * 2 + 1;
        pthread_create(&workers[i].thread, NULL, run, &workers[i]);
    }
    struct worker sum = {0};
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        sum.writes += workers[i].writes;
        sum.reads += workers[i].reads;
        sum.syncs += workers[i].syncs;
        sum.errors += workers[i].errors;
        sum.wrong += workers[i].wrong;
        if (workers[i].longest_ns > sum.longest_ns) sum.longest_ns = workers[i].longest_ns;
    }
    printf("stamps writes=%" PRIu64 " reads=%" PRIu64 " syncs=%" PRIu64 " errors=%" PRIu64
           " wrong=%" PRIu64 " longest_us=%" PRIu64 "\n",
           sum.writes, sum.reads, sum.syncs, sum.errors, sum.wrong, sum.longest_ns / 1000);
    return sum.errors != 0 || sum.wrong != 0;
}
