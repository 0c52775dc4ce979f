// client VICTIM: the program that a driver's fault hurts. Works with it round by round, as mutate.py says on its input:
//   go      one round: "done first=ok|error|wrong|late detected= asked= restarts= recovered= ms="
//   check   a new instance of the module, another round, and is the machine well:
//           "well served= others= cpus= bind_ms="
//   quit    ends
// Each answer is followed by "ready ADDRESS", where the module's text lies.
//
// A round that fails is done again on another descriptor; when nobody noticed the fault, the client asks for a restart
// of the driver itself first, as an operator would who finds wrong data or no answer.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

enum answer { OK, ERROR, WRONG, LATE };
static const char* const answer_names[] = {"ok", "error", "wrong", "late"};

struct victim {
    const char *module, *file, *parameters;
    enum answer (*round)(unsigned number);
};

static const struct victim* victim;
static uint64_t random_state = 88172645463325252u;

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
static uint64_t next(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

// --- null_block: blocks by cache and past it, read back; all of a part of the disk looked through.
enum { BLOCK = 4096, BLOCKS = 48 };
static unsigned char disk[BLOCKS][BLOCK];
static int disk_known;

static void fill(unsigned char* block) {
    for (unsigned i = 0; i < BLOCK; i += 8) {
        const uint64_t word = next();
        memcpy(block + i, &word, 8);
    }
}

static enum answer block_round_on(int direct, int cached) {
    static _Alignas(BLOCK) unsigned char buffer[4 * BLOCK];
    if (!disk_known) {
        // All anew: what a wrong driver left may lie anywhere.
        for (unsigned i = 0; i < BLOCKS; i += 4) {
            for (unsigned k = 0; k < 4; k++) fill(disk[i + k]);
            memcpy(buffer, disk[i], sizeof buffer);
            if (pwrite(direct, buffer, sizeof buffer, i * BLOCK) != sizeof buffer) return ERROR;
        }
        if (ioctl(cached, BLKFLSBUF, 0) != 0) return ERROR;
        disk_known = 1;
    }
    for (unsigned n = 0; n < 3; n++) {
        const unsigned at = next() % BLOCKS;
        unsigned char block[BLOCK];
        fill(block);
        memcpy(buffer, block, BLOCK);
        // What was not written to the end may be there or not.
        memcpy(disk[at], block, BLOCK);
        if (pwrite(direct, buffer, BLOCK, at * BLOCK) != BLOCK) return ERROR;
    }
    for (unsigned n = 0; n < 3; n++) {
        const unsigned at = next() % (BLOCKS - 2);
        const unsigned offset = next() % 8 * 512, length = 512 + next() % 3 * 2048;
        unsigned char part[BLOCK * 2];
        fill(part);
        fill(part + BLOCK);
        memcpy(disk[at] + offset, part, length);
        if (pwrite(cached, part, length, at * BLOCK + offset) != (ssize_t)length) return ERROR;
    }
    if (fsync(cached) != 0 || ioctl(cached, BLKFLSBUF, 0) != 0) return ERROR;
    // A part beyond, given back.
    const uint64_t range[2] = {(BLOCKS + next() % 8) * BLOCK, 4 * BLOCK};
    if (ioctl(direct, BLKDISCARD, range) != 0) return ERROR;
    for (unsigned i = 0; i < BLOCKS; i += 4) {
        const int fd = i % 8 ? direct : cached;
        if (pread(fd, buffer, sizeof buffer, i * BLOCK) != sizeof buffer) return ERROR;
        if (memcmp(buffer, disk[i], sizeof buffer) != 0) return WRONG;
    }
    return OK;
}

static enum answer block_round(unsigned number) {
    (void)number;
    const int direct = open("/dev/nullb0", O_RDWR | O_DIRECT), cached = open("/dev/nullb0", O_RDWR);
    enum answer a = direct < 0 || cached < 0 ? ERROR : block_round_on(direct, cached);
    if (direct >= 0) close(direct);
    if (cached >= 0) close(cached);
    if (a != OK) disk_known = 0;
    return a;
}

// --- edu: factorials by interrupt, and its buffer by DMA.
static enum answer edu_round(unsigned number) {
    static const char* const factorials[] = {"1\n",   "1\n",    "2\n",     "6\n",      "24\n",
                                             "120\n", "720\n",  "5040\n",  "40320\n",  "362880\n"};
    const int fd = open("/dev/edu", O_RDWR);
    if (fd < 0) return ERROR;
    enum answer a = OK;
    for (unsigned i = 0; i < 3 && a == OK; i++) {
        const unsigned n = (number * 3 + i) % 10;
        char text[32] = {(char)('0' + n)};
        if (pwrite(fd, text, 1, 0) != 1) {
            a = ERROR;
            break;
        }
        memset(text, 0, sizeof text);
        const ssize_t got = pread(fd, text, sizeof text - 1, 0);
        a = got < 0 ? ERROR : strcmp(text, factorials[n]) != 0 ? WRONG : OK;
    }
    unsigned char out[BLOCK], in[BLOCK];
    for (unsigned i = 0; i < 2 && a == OK; i++) {
        const unsigned offset = i ? next() % 2000 : 0, length = i ? 1 + next() % 2000 : 2048;
        fill(out);
        memset(in, 0, sizeof in);
        if (pwrite(fd, out, length, 4096 + offset) != (ssize_t)length ||
            pread(fd, in, length, 4096 + offset) != (ssize_t)length)
            a = ERROR;
        else if (memcmp(in, out, length) != 0)
            a = WRONG;
    }
    close(fd);
    return a;
}

// --- fault_lab, unarmed: its entry points, each in its context.
static enum answer lab_round(unsigned number) {
    (void)number;
    static const char* const contexts[] = {"call", "worker", "timer", "irq", "thread", "probe", "remove"};
    static char kinds[4096];
    static ssize_t length = -1;
    const int fd = open("/dev/fault_lab", O_RDWR);
    if (fd < 0) return ERROR;
    enum answer a = OK;
    for (unsigned i = 0; i < sizeof contexts / sizeof *contexts && a == OK; i++) {
        char text[64];
        const int n = snprintf(text, sizeof text, "null_write %s\n", contexts[i]);
        if (write(fd, text, (size_t)n) != n) a = ERROR;
    }
    char now[4096];
    ssize_t got = pread(fd, now, sizeof now, 0);
    if (a == OK && got < 0) a = ERROR;
    if (a == OK && length < 0) memcpy(kinds, now, (size_t)(length = got));
    if (a == OK && (got != length || memcmp(now, kinds, (size_t)got) != 0)) a = WRONG;
    usleep(2000);  // the timer
    close(fd);
    return a;
}

// --- virtio_rng: bytes that are not all the same.
static enum answer rng_round(unsigned number) {
    (void)number;
    const int fd = open("/dev/hwrng", O_RDONLY);
    if (fd < 0) return ERROR;
    enum answer a = OK;
    for (unsigned i = 0; i < 4 && a == OK; i++) {
        unsigned char bytes[64] = {0}, zero[64] = {0};
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got <= 0)
            a = ERROR;
        else if (got > 8 && memcmp(bytes + got - 8, zero, 8) == 0)
            a = WRONG;
    }
    close(fd);
    return a;
}

// --- null_net: numbered frames through an interface that gives them back; settings on the way.
enum { TYPE = 0x88b6, LONGEST = 1514, FRAMES = 24 };

static int net_settings(int s, unsigned number) {
    struct ifreq r;
    memset(&r, 0, sizeof r);
    strcpy(r.ifr_name, "null0");
    if (ioctl(s, SIOCGIFFLAGS, &r) != 0) return -1;
    // Down and up again now and then: the device is stopped and opened.
    if ((r.ifr_flags & IFF_UP) && number % 2 == 0) {
        r.ifr_flags &= ~IFF_UP;
        if (ioctl(s, SIOCSIFFLAGS, &r) != 0) return -1;
    }
    r.ifr_flags |= IFF_UP;
    if (number % 3 == 0) r.ifr_flags ^= IFF_PROMISC;
    if (ioctl(s, SIOCSIFFLAGS, &r) != 0) return -1;
    r.ifr_mtu = number % 2 ? 1500 : 9000;
    if (ioctl(s, SIOCSIFMTU, &r) != 0) return -1;
    r.ifr_hwaddr.sa_family = 1;
    memcpy(r.ifr_hwaddr.sa_data, "\2\0\0\0\0", 5);
    r.ifr_hwaddr.sa_data[5] = (char)number;
    if (ioctl(s, SIOCSIFHWADDR, &r) != 0 || ioctl(s, SIOCGIFINDEX, &r) != 0) return -1;
    return r.ifr_ifindex;
}

static enum answer net_round_on(int s, unsigned number) {
    static unsigned char sent[FRAMES][LONGEST];
    size_t length[FRAMES];
    struct sockaddr_ll a;
    const struct timeval wait = {0, 300000};
    memset(&a, 0, sizeof a);
    a.sll_family = AF_PACKET;
    a.sll_protocol = htons(TYPE);
    a.sll_ifindex = net_settings(s, number);
    if (a.sll_ifindex < 0 || bind(s, (struct sockaddr*)&a, sizeof a) != 0 ||
        setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0)
        return ERROR;
    for (unsigned i = 0; i < FRAMES; i++) {
        length[i] = 14 + next() % (LONGEST - 13);
        for (unsigned k = 0; k < LONGEST; k++) sent[i][k] = (unsigned char)next();
        sent[i][12] = TYPE >> 8;
        sent[i][13] = TYPE & 0xff;
        if (send(s, sent[i], length[i], 0) != (ssize_t)length[i]) return ERROR;
    }
    for (unsigned i = 0; i < FRAMES; i++) {
        unsigned char frame[LONGEST];
        const ssize_t n = recv(s, frame, sizeof frame, 0);
        // One that is lost is an error, one that is changed is worse.
        if (n < 0) return ERROR;
        if ((size_t)n != length[i] || memcmp(frame, sent[i], length[i]) != 0) return WRONG;
    }
    return OK;
}

static enum answer net_round(unsigned number) {
    const int s = socket(AF_PACKET, SOCK_RAW, 0);
    const enum answer a = s < 0 ? ERROR : net_round_on(s, number);
    if (s >= 0) close(s);
    return a;
}

static const struct victim victims[] = {
    {"null_block", "/tests/null_block.ko", "size_mb=16 completion=inline", block_round},
    {"null_block", "/tests/null_block.ko", "size_mb=16 completion=timer completion_ns=20000", block_round},
    {"null_block", "/tests/null_block.ko", "size_mb=16 completion=worker", block_round},
    {"edu", "/tests/edu.ko", "", edu_round},
    {"fault_lab", "/tests/fault_lab.ko", "armed=0", lab_round},
    {"virtio_rng", "/tests/virtio_rng.ko", "", rng_round},
    {"null_net", "/tests/null_net.ko", "loopback=1 completion=inline", net_round},
    {"null_net", "/tests/null_net.ko", "loopback=1 completion=timer completion_ns=20000", net_round},
    {"null_net", "/tests/null_net.ko", "loopback=1 completion=worker queues=2", net_round},
};

// --- The module's state
struct health {
    char state[16];
    unsigned faults, restarts;
};

static struct health health(void) {
    struct health h = {"live", 0, 0};
    char line[512], name[64];
    FILE* f = fopen("/sys/kernel/tenon/module_health", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        struct health found;
        if (sscanf(line, "%63s %15s faults=%u restarts=%u", name, found.state, &found.faults, &found.restarts) == 4 &&
            strcmp(name, victim->module) == 0)
            h = found;
    }
    if (f != NULL) fclose(f);
    return h;
}

static int control(const char* word) {
    char text[96];
    const int fd = open("/sys/kernel/tenon/module_control", O_WRONLY);
    if (fd < 0) return -1;
    const int n = snprintf(text, sizeof text, "%s %s", word, victim->module);
    const ssize_t done = write(fd, text, (size_t)n);
    close(fd);
    return done == n ? 0 : -1;
}

static unsigned long address(void) {
    char path[96], text[32] = {0};
    snprintf(path, sizeof path, "/sys/module/%s/sections/.text", victim->module);
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) text[0] = 0;
    if (fd >= 0) close(fd);
    return strtoul(text, NULL, 16);
}

static int load(const char* file, const char* parameters) {
    const int fd = open(file, O_RDONLY);
    const int r = fd < 0 ? -1 : (int)syscall(SYS_finit_module, fd, parameters, 0);
    if (fd >= 0) close(fd);
    return r;
}

// Until the module is there in good health; released or loaded where it was left out.
static int wait_live(unsigned limit_ms) {
    const uint64_t end = now_ms() + limit_ms;
    for (;;) {
        const struct health h = health();
        if (strcmp(h.state, "live") == 0 && address() != 0) return 1;
        if (strcmp(h.state, "quarantined") == 0) (void)control("release");
        if (strcmp(h.state, "down") == 0) (void)load(victim->file, victim->parameters);
        if (now_ms() > end) return 0;
        usleep(1000);
    }
}

static int restart(void) {
    const unsigned before = health().restarts;
    if (control("restart") != 0 && !wait_live(3000)) return 0;
    const uint64_t end = now_ms() + 5000;
    while (health().restarts == before && now_ms() < end) usleep(1000);
    return wait_live(5000);
}

// --- Rounds, in a thread that may be left waiting
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned wanted, ended;
static enum answer last;

static void* worker(void* unused) {
    (void)unused;
    for (unsigned number = 0;; number++) {
        pthread_mutex_lock(&lock);
        while (wanted == number) pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        const enum answer a = victim->round(number);
        pthread_mutex_lock(&lock);
        last = a;
        ended = number + 1;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static int await(unsigned ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&lock);
    int r = 0;
    while (ended != wanted && r == 0) r = pthread_cond_timedwait(&changed, &lock, &until);
    const int done = ended == wanted;
    pthread_mutex_unlock(&lock);
    return done;
}

// asked: counts restarts that the client had to ask for.
static enum answer one_round(unsigned* asked) {
    enum { PATIENCE_MS = 1500 };
    pthread_mutex_lock(&lock);
    wanted++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    const struct health before = health();
    if (await(PATIENCE_MS)) return last;
    // Somebody may have noticed, and it is not up again yet.
    if (health().faults == before.faults) {
        ++*asked;
        (void)control("restart");
    }
    // An answer that comes late is an answer: wrong data stay wrong data.
    return await(8000) ? last : LATE;
}

static void go(void) {
    const struct health before = health();
    const uint64_t began = now_ms();
    unsigned asked = 0;
    enum answer first = one_round(&asked), a = first;
    for (unsigned tries = 0; a != OK && tries < 4 && ended == wanted; tries++) {
        // A fault is told by its call's end, before it is counted.
        for (unsigned i = 0; i < 20 && health().faults == before.faults; i++) usleep(1000);
        if (health().faults == before.faults && asked == 0) {
            ++asked;
            (void)restart();
        }
        (void)wait_live(5000);
        a = one_round(&asked);
    }
    if (asked != 0 && first == OK) first = LATE;
    const struct health after = health();
    printf("done first=%s detected=%u asked=%u restarts=%u recovered=%d ms=%u\n", answer_names[first],
           after.faults - before.faults, asked, after.restarts - before.restarts, a == OK && ended == wanted,
           (unsigned)(now_ms() - began));
}

static int others(void) {
    if (load("/tests/symbols_provider.ko", "") != 0 || load("/tests/symbols_user.ko", "") != 0) return 0;
    return syscall(SYS_delete_module, "symbols_user", O_NONBLOCK) == 0 &&
           syscall(SYS_delete_module, "symbols_provider", O_NONBLOCK) == 0;
}

static int every_cpu(void) {
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    int well = 1;
    for (int c = 0; c < get_nprocs(); c++) {
        CPU_ZERO(&one);
        CPU_SET(c, &one);
        well &= sched_setaffinity(0, sizeof one, &one) == 0 && sched_getcpu() == c;
    }
    sched_setaffinity(0, sizeof all, &all);
    return well;
}

static void check(void) {
    unsigned asked = 0;
    const uint64_t began = now_ms();
    int served = restart();
    const unsigned bind_ms = (unsigned)(now_ms() - began);
    for (unsigned tries = 0; served && ended == wanted; tries++) {
        if (one_round(&asked) == OK) break;
        served = tries < 2;
    }
    served = served && ended == wanted;
    const int others_well = others(), cpus_well = every_cpu();
    printf("well served=%d others=%d cpus=%d bind_ms=%u\n", served, others_well, cpus_well, bind_ms);
}

int main(int argc, char** argv) {
    victim = &victims[argc > 1 ? (unsigned)atoi(argv[1]) % (sizeof victims / sizeof *victims) : 0];
    pthread_t thread;
    setvbuf(stdout, NULL, _IOLBF, 0);
    (void)syscall(SYS_delete_module, victim->module, O_NONBLOCK);
    if (load(victim->file, victim->parameters) != 0) perror(victim->module);
    unsigned asked = 0;
    pthread_create(&thread, NULL, worker, NULL);
    if (!wait_live(5000) || one_round(&asked) != OK) {
        printf("bad start\n");
        return 1;
    }
    char word[32];
    for (;;) {
        printf("ready %lx\n", address());
        if (fgets(word, sizeof word, stdin) == NULL || strncmp(word, "quit", 4) == 0) break;
        if (strncmp(word, "go", 2) == 0) go();
        if (strncmp(word, "check", 5) == 0) check();
    }
    // A round that hangs would keep the process.
    return ended == wanted ? 0 : 3;
}
