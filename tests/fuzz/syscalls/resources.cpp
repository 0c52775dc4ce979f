// What a worker starts from: its directory, its rights, its limits, and things to call on.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "worker.h"

extern const char __ehdr_start[];  // by the linker: this program's ELF header

namespace fuzz {

namespace {

// What would let a worker reach beyond its tree: others' processes, the clock's owner, the machine.
constexpr unsigned kDropped[] = {CAP_KILL,     CAP_SETUID,       CAP_SETPCAP,   CAP_SYS_BOOT,
                                 CAP_SYS_NICE, CAP_SYS_MODULE,   CAP_SYS_RAWIO, CAP_SYS_PTRACE,
                                 CAP_SYSLOG,   CAP_SYS_RESOURCE, CAP_SYS_TIME,  CAP_SYS_TTY_CONFIG};

void limit(int resource, u64 most) {
    const rlimit both{most, most};
    setrlimit(static_cast<__rlimit_resource_t>(resource), &both);
}

void set_capabilities(u64 kept) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    for (unsigned half = 0; half < 2; half++)
        data[half].effective = data[half].permitted = static_cast<u32>(kept >> (32 * half));
    if (syscall(SYS_capset, &header, data) != 0) _exit(97);
}

void write_file(const char* name, size_t bytes) {
    const int fd = open(name, O_RDWR | O_CREAT, 0666);
    static const char text[4096] = "some text\n";
    for (size_t done = 0; done < bytes; done += sizeof(text))
        (void)!write(fd, text, bytes < sizeof(text) ? bytes : sizeof(text));
    close(fd);
}

void listener() {
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un at{AF_UNIX, "sock"};
    unlink("sock");
    bind(server, reinterpret_cast<sockaddr*>(&at), sizeof(at));
    listen(server, 4);
    const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(client, reinterpret_cast<sockaddr*>(&at), sizeof(at));
}

}  // namespace

void enter_sandbox(unsigned slot, Profile profile) {
    char directory[64];
    snprintf(directory, sizeof(directory), "%s/%u", kRoot, slot);
    mkdir(directory, 0755);
    if (mount("fuzz", directory, "tmpfs", 0, "size=4m,nr_inodes=400,mode=777") != 0) _exit(96);
    if (chdir(directory) != 0) _exit(96);
    if (profile == Profile::admin) {
        const struct {
            const char* name;
            unsigned major, minor;
        } nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"ptmx", 5, 2}, {"tty", 5, 0}};
        for (const auto& node : nodes)
            mknod(node.name, S_IFCHR | 0666, makedev(node.major, node.minor));
        if (chroot(".") != 0) _exit(96);
    }
    limit(RLIMIT_FSIZE, 1 << 20);
    limit(RLIMIT_AS, 96 << 20);
    limit(RLIMIT_NOFILE, 64);
    limit(RLIMIT_NPROC, 40);
    limit(RLIMIT_CORE, 256 << 10);
    limit(RLIMIT_MSGQUEUE, 819200);
    limit(RLIMIT_SIGPENDING, 64);
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    const unsigned id = (profile == Profile::admin ? 20000 : 30000) + slot;
    if (syscall(SYS_setgroups, 0, nullptr) != 0 || syscall(SYS_setresgid, id, id, id) != 0 ||
        syscall(SYS_setresuid, id, id, id) != 0)
        _exit(97);
    u64 kept = profile == Profile::admin ? (u64{1} << 41) - 1 : 0;
    for (const unsigned dropped : kDropped) kept &= ~(u64{1} << dropped);
    set_capabilities(kept);
    // A worker that is not dumpable owns nothing of its /proc.
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

// A program whose headers are this one's, with some bytes changed.
void write_program(Random& random) {
    u8 image[4096];
    memcpy(image, __ehdr_start, sizeof(image));
    for (u64 left = random.below(6); left != 0; left--)
        image[random.below(random.one_in(2) ? 64 : 1024)] = static_cast<u8>(random.next());
    const int fd = open("elf", O_RDWR | O_CREAT | O_TRUNC, 0777);
    (void)!write(fd, image, random.one_in(4) ? random.below(sizeof(image)) : sizeof(image));
    close(fd);
}

void make_files(Random& random) {
    write_file("f0", 100);
    write_file("f1", 8192);
    write_file("big", 100000);
    mkdir("d0", 0777);
    mkdir("d0/d2", 0777);
    mkdir("m0", 0777);
    mkdir("m1", 0777);
    write_file("d0/f0", 10);
    (void)!symlink("f0", "l0");
    (void)!symlink("d0", "l1");
    (void)!symlink("loop", "loop");
    (void)!symlink("nowhere", "dangling");
    mkfifo("fifo", 0666);
    write_file("exec", 64);
    chmod("exec", 0777);
    write_program(random);
}

void make_resource(Context& c, unsigned which) {
    int pair[2];
    switch (which) {
        case 0:
            open("f0", O_RDWR | O_CREAT, 0666);
            break;
        case 1:
            open("f1", O_RDWR | O_APPEND);
            break;
        case 2:
            open("d0", O_RDONLY | O_DIRECTORY);
            break;
        case 3:
            (void)!pipe(pair);
            break;
        case 4:
            (void)!pipe2(pair, O_NONBLOCK);
            break;
        case 5:
            socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
            break;
        case 6:
            socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
            break;
        case 7:
            socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
            break;
        case 8:
            listener();
            break;
        case 9:
            socket(AF_NETLINK, SOCK_RAW,
                   c.random.one_in(2) ? NETLINK_KOBJECT_UEVENT : NETLINK_ROUTE);
            break;
        case 10: {
            const int set = epoll_create1(0);
            epoll_event event{EPOLLIN | EPOLLOUT, {}};
            for (int i = 0; i < 4; i++)
                epoll_ctl(set, EPOLL_CTL_ADD, static_cast<int>(c.fd()), &event);
            break;
        }
        case 11:
            eventfd(1, c.random.one_in(2) ? EFD_NONBLOCK : EFD_SEMAPHORE);
            break;
        case 12: {
            const itimerspec soon{{0, 3'000'000}, {0, 1'000'000}};
            timerfd_settime(timerfd_create(CLOCK_MONOTONIC, 0), 0, &soon, nullptr);
            break;
        }
        case 13: {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR1);
            signalfd(-1, &set, 0);
            break;
        }
        case 14:
            inotify_add_watch(inotify_init1(IN_NONBLOCK), "d0", IN_ALL_EVENTS);
            break;
        case 15: {
            const int fd = memfd_create("fuzz", MFD_ALLOW_SEALING);
            (void)!ftruncate(fd, 16384);
            break;
        }
        case 16: {
            const int terminal = open(c.profile == Profile::admin ? "ptmx" : "/dev/ptmx",
                                      O_RDWR | O_NOCTTY | O_NONBLOCK);
            int unlocked = 0;
            ioctl(terminal, TIOCSPTLCK, &unlocked);
            ioctl(terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY);
            break;
        }
        case 17: {
            char name[] = "/fz0";
            name[3] = static_cast<char>('0' + c.random.below(3));
            syscall(SYS_mq_open, name + 1, O_RDWR | O_CREAT | O_NONBLOCK, 0666, nullptr);
            break;
        }
        case 18: {
            const int segment =
                shmget(c.random.one_in(2) ? IPC_PRIVATE : static_cast<key_t>(c.random.below(4)),
                       16384, IPC_CREAT | 0666);
            c.remember(segment);
            shmat(segment, nullptr, 0);
            c.remember(semget(static_cast<key_t>(c.random.below(4)), 4, IPC_CREAT | 0666));
            c.remember(msgget(static_cast<key_t>(c.random.below(4)), IPC_CREAT | 0666));
            break;
        }
        case 19:
            write_program(c.random);
            break;
        default:
            syscall(SYS_pidfd_open, getpid(), 0);
    }
}

}  // namespace fuzz
