#include "values.h"

#include <fcntl.h>
#include <linux/fb.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/kd.h>
#include <linux/mempolicy.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <linux/vt.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

namespace fuzz {

namespace {

constexpr u64 kIoctls[] = {
    TCGETS,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCGETA,
    TCSETA,
    TCSBRK,
    TCSBRKP,
    TCXONC,
    TCFLSH,
    TIOCEXCL,
    TIOCNXCL,
    TIOCSCTTY,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCOUTQ,
    TIOCSTI,
    TIOCGWINSZ,
    TIOCSWINSZ,
    TIOCMGET,
    FIONREAD,
    TIOCPKT,
    FIONBIO,
    TIOCNOTTY,
    TIOCSETD,
    TIOCGETD,
    TIOCGSID,
    TIOCGPTN,
    TIOCSPTLCK,
    TIOCGPTLCK,
    TIOCGPKT,
    TIOCGEXCL,
    TIOCGPTPEER,
    TIOCCONS,
    TIOCLINUX,
    TIOCVHANGUP,
    FIONCLEX,
    FIOCLEX,
    FIOASYNC,
    FIOQSIZE,
    FIGETBSZ,
    FIBMAP,
    FICLONE,
    FICLONERANGE,
    FIDEDUPERANGE,
    FS_IOC_GETFLAGS,
    FS_IOC_SETFLAGS,
    FS_IOC_FSGETXATTR,
    FS_IOC_FSSETXATTR,
    FS_IOC_GETVERSION,
    FIFREEZE,
    FITHAW,
    FITRIM,
    BLKGETSIZE,
    BLKGETSIZE64,
    BLKSSZGET,
    BLKBSZGET,
    BLKFLSBUF,
    BLKRRPART,
    SIOCGIFNAME,
    SIOCGIFCONF,
    SIOCGIFFLAGS,
    SIOCGIFADDR,
    SIOCGIFMTU,
    SIOCGIFHWADDR,
    SIOCGIFINDEX,
    SIOCOUTQ,
    SIOCINQ,
    SIOCATMARK,
    SIOCGSTAMP_OLD,
    KDGETMODE,
    KDGKBMODE,
    KDGKBTYPE,
    VT_GETSTATE,
    VT_OPENQRY,
    VT_GETMODE,
    FBIOGET_VSCREENINFO,
    FBIOGET_FSCREENINFO,
};
constexpr u64 kFcntls[] = {
    F_DUPFD,
    F_GETFD,
    F_SETFD,
    F_GETFL,
    F_SETFL,
    F_GETLK,
    F_SETLK,
    F_SETLKW,
    F_GETOWN,
    F_SETSIG,
    F_GETSIG,
    F_GETOWN_EX,
    F_OFD_GETLK,
    F_OFD_SETLK,
    F_OFD_SETLKW,
    F_SETLEASE,
    F_GETLEASE,
    F_NOTIFY,
    F_DUPFD_CLOEXEC,
    F_SETPIPE_SZ,
    F_GETPIPE_SZ,
    F_ADD_SEALS,
    F_GET_SEALS,
    F_GET_RW_HINT,
    F_SET_RW_HINT,
    F_GET_FILE_RW_HINT,
    F_SET_FILE_RW_HINT,
    17,
};
constexpr u64 kOpenFlags[] = {
    O_RDONLY,   O_WRONLY,    O_RDWR,     O_CREAT,  O_EXCL,    O_TRUNC,          O_APPEND,
    O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW, O_PATH,   O_CLOEXEC, O_TMPFILE,        O_DIRECT,
    O_SYNC,     O_DSYNC,     O_NOATIME,  O_NOCTTY, O_ASYNC,   O_RDWR | O_CREAT,
};
constexpr u64 kDescriptorFlags[] = {O_CLOEXEC, O_NONBLOCK, O_DIRECT, 1, 2};
constexpr u64 kAtFlags[] = {AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR,  AT_SYMLINK_FOLLOW,
                            AT_NO_AUTOMOUNT,     AT_EMPTY_PATH, AT_STATX_FORCE_SYNC,
                            AT_STATX_DONT_SYNC,  AT_EACCESS};
constexpr u64 kModes[] = {0,       0777,    0644,    0600,    0400,     0111,    S_ISUID,
                          S_ISGID, S_ISVTX, S_IFREG, S_IFIFO, S_IFSOCK, S_IFDIR, S_IFLNK};
constexpr u64 kProtections[] = {
    PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE, PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, 8};
constexpr u64 kMapFlags[] = {MAP_SHARED,
                             MAP_PRIVATE,
                             MAP_PRIVATE | MAP_ANONYMOUS,
                             MAP_SHARED | MAP_ANONYMOUS,
                             MAP_FIXED,
                             MAP_FIXED_NOREPLACE,
                             MAP_GROWSDOWN,
                             MAP_LOCKED,
                             MAP_NORESERVE,
                             MAP_POPULATE,
                             MAP_NONBLOCK,
                             MAP_STACK,
                             MAP_HUGETLB,
                             MAP_32BIT,
                             MAP_SYNC};
constexpr u64 kRemapFlags[] = {MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED, 5 /* DONTUNMAP */, 0};
constexpr u64 kAdvice[] = {0,  1,  2,  3,  4,  8,  9,  10, 11, 12, 13,  14, 15,
                           16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 100, 101};
constexpr u64 kPrctls[] = {1,  2,  3,  4,  5,  6,  7,  8,  13,         14,       15, 16, 19,
                           20, 21, 23, 24, 25, 26, 27, 28, 29,         30,       33, 34, 36,
                           37, 38, 39, 40, 41, 42, 45, 46, 47,         50,       51, 52, 53,
                           55, 56, 57, 58, 62, 63, 64, 65, PR_SET_VMA, PR_SET_MM};
constexpr u64 kFutexes[] = {0,
                            1,
                            2,
                            3,
                            4,
                            5,
                            6,
                            7,
                            8,
                            9,
                            10,
                            11,
                            12,
                            13,
                            FUTEX_PRIVATE_FLAG,
                            FUTEX_PRIVATE_FLAG | 1,
                            FUTEX_PRIVATE_FLAG | 5,
                            FUTEX_PRIVATE_FLAG | 6,
                            FUTEX_PRIVATE_FLAG | 9,
                            FUTEX_PRIVATE_FLAG | 10,
                            FUTEX_CLOCK_REALTIME | 9,
                            FUTEX_CLOCK_REALTIME};
constexpr u64 kFamilies[] = {AF_UNIX,   AF_UNIX, AF_UNIX,  AF_NETLINK,
                             AF_PACKET, AF_INET, AF_INET6, AF_UNSPEC};
constexpr u64 kSocketTypes[] = {SOCK_STREAM,
                                SOCK_DGRAM,
                                SOCK_SEQPACKET,
                                SOCK_RAW,
                                SOCK_STREAM | SOCK_NONBLOCK,
                                SOCK_DGRAM | SOCK_CLOEXEC,
                                SOCK_SEQPACKET | SOCK_NONBLOCK,
                                SOCK_RDM};
constexpr u64 kLevels[] = {SOL_SOCKET, SOL_SOCKET, SOL_SOCKET, SOL_PACKET, SOL_NETLINK, 0, 6, 41};
constexpr u64 kMessageFlags[] = {
    MSG_PEEK, MSG_DONTWAIT,     MSG_TRUNC,    MSG_CTRUNC, MSG_WAITALL,    MSG_NOSIGNAL, MSG_OOB,
    MSG_MORE, MSG_CMSG_CLOEXEC, MSG_ERRQUEUE, MSG_EOR,    MSG_WAITFORONE, MSG_DONTROUTE};
constexpr u64 kClocks[] = {0, 1, 2,  3,  4,       5,       6,       7,
                           8, 9, 11, 12, ~u64{5}, ~u64{6}, ~u64{7}, ~u64{0}};
constexpr u64 kSignals[] = {0, 1, 2, 10, 12, 13, 14, 15, 17, 18, 20, 21, 23, 28, 34, 40, 64, 65};
constexpr u64 kSignalsOfAction[] = {1,  2,  3,  6,  10, 12, 13, 14, 15, 17, 18, 21,
                                    22, 23, 29, 34, 40, 63, 64, 0,  9,  19, 65};
constexpr u64 kWaitOptions[] = {WNOHANG,  WUNTRACED,  WCONTINUED, WEXITED,   WNOWAIT,
                                WSTOPPED, 0x20000000, 0x40000000, 0x80000000};
constexpr u64 kIpcFlags[] = {01000, 02000, 04000, 010000, 020000, 0666, 0600, 040000};
constexpr u64 kIpcCommands[] = {0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
constexpr u64 kPolicies[] = {0, 1, 2, 3, 5, 6, 0x40000000};
constexpr u64 kPtrace[] = {0,      1,      2,      3,      4,      5,      6,      7,      8,
                           9,      12,     13,     14,     15,     16,     17,     24,     30,
                           31,     32,     0x4200, 0x4201, 0x4202, 0x4203, 0x4204, 0x4205, 0x4206,
                           0x4207, 0x4208, 0x4209, 0x420a, 0x420b, 0x420c, 0x420d, 0x420e};
constexpr u64 kClone[] = {CLONE_VM,
                          CLONE_VM | CLONE_SIGHAND,
                          CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
                          CLONE_FS,
                          CLONE_FILES,
                          CLONE_VFORK,
                          CLONE_PARENT,
                          CLONE_PIDFD,
                          CLONE_SYSVSEM,
                          CLONE_SETTLS,
                          CLONE_PARENT_SETTID,
                          CLONE_CHILD_CLEARTID,
                          CLONE_CHILD_SETTID,
                          CLONE_IO,
                          CLONE_PTRACE,
                          CLONE_NEWNS,
                          CLONE_NEWPID,
                          CLONE_NEWUSER,
                          17,
                          10};
constexpr u64 kMountFlags[] = {MS_RDONLY,          MS_NOSUID,  MS_NODEV,
                               MS_NOEXEC,          MS_REMOUNT, MS_BIND,
                               MS_BIND | MS_REC,   MS_MOVE,    MS_PRIVATE,
                               MS_SHARED,          MS_SLAVE,   MS_UNBINDABLE,
                               MS_SHARED | MS_REC, MS_NOATIME, MS_REMOUNT | MS_BIND,
                               MS_SILENT,          0xc0ed0000};
constexpr u64 kWatches[] = {IN_ALL_EVENTS, IN_CREATE,      IN_DELETE,      IN_MODIFY,
                            IN_MOVE,       IN_ONESHOT,     IN_MASK_ADD,    IN_MASK_CREATE,
                            IN_ONLYDIR,    IN_DONT_FOLLOW, IN_EXCL_UNLINK, IN_DELETE_SELF};
constexpr u64 kArchPrctls[] = {0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1011,
                               0x1012, 0x1021, 0x1022, 0x2001, 0x2002, 0x3001};
constexpr u64 kPersonalities[] = {0,         0xffffffff, 0x0040000, 0x0100000,
                                  0x0400000, 0x8000000,  0x0008,    0x4000000};
constexpr u64 kDevices[] = {0x103, 0x105, 0x107, 0x109, 0x500, 0x502, 0xff00, 0xfffff};
constexpr u64 kTimeouts[] = {0, 0, 1, 2, 5, 1000, ~u64{0}, 0x80000000};
constexpr u64 kStatxMask[] = {0x7ff, 0xfff, 0x1000, 0x2000, 0x80000000};
constexpr u64 kSeconds[] = {0, 0, 1, 2, 0xffffffff};
constexpr u64 kSetBytes[] = {8, 8, 8, 8, 8, 8, 4, 128, 0};
constexpr u64 kProtocols[] = {0, 0, 0, 0, 15, 1, 0x0300, 0x0008, 16};
constexpr u64 kWatchOrders[] = {1, 1, 1, 2, 3, 3, 4};
constexpr u64 kXattrFlags[] = {0, 0, 0, 1, 2, 3};
constexpr u64 kTimerFlags[] = {0, 0, 1, 3, 2};
constexpr u64 kFutexFlags[] = {0, 0, 0, 1};
constexpr u64 kWaitKinds[] = {0, 0, 1, 2, 3, 4};
constexpr u64 kFallocate[] = {0, 0, 1, 3, 8, 0x10, 0x20};
constexpr u64 kNoFlags[] = {0, 0, 0, 0, 1, 2, 0x80000000};
constexpr u64 kNiceWho[] = {0, 1, 2, 3};
constexpr u64 kSpliceFlags[] = {1, 2, 4, 8};
constexpr u64 kMemoryPolicies[] = {0, 1, 2, 3, 4, 5, 0x8000, 0x4000, 0x2000};
constexpr u64 kSealsOf[] = {1, 2, 4, 0x15, 0x80000000};
constexpr u64 kMembarrier[] = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

constexpr Values kValues[] = {
    {"", "sigsetsize", false, kSetBytes},
    {"", "sizemask", false, kSetBytes},
    {"", "protocol", false, kProtocols},
    {"epoll_ctl", "op", false, kWatchOrders},
    {"setxattr", "flags", false, kXattrFlags},
    {"lsetxattr", "flags", false, kXattrFlags},
    {"fsetxattr", "flags", false, kXattrFlags},
    {"timer_settime", "flags", false, kTimerFlags},
    {"futex_waitv", "flags", false, kFutexFlags},
    {"waitid", "which", false, kWaitKinds},
    {"fallocate", "mode", false, kFallocate},
    {"process_vm_readv", "flags", false, kNoFlags},
    {"process_vm_writev", "flags", false, kNoFlags},
    {"copy_file_range", "flags", false, kNoFlags},
    {"clock_nanosleep", "flags", false, kTimerFlags},
    {"renameat2", "flags", false, kNoFlags},
    {"preadv2", "flags", false, kNoFlags},
    {"pwritev2", "flags", false, kNoFlags},
    {"umount2", "flags", false, kNoFlags},
    {"memfd_create", "flags", false, kNoFlags},
    {"pidfd_send_signal", "flags", false, kNoFlags},
    {"process_madvise", "flags", false, kNoFlags},
    {"shutdown", "how", false, kNiceWho},
    {"getpriority", "which", false, kNiceWho},
    {"setpriority", "which", false, kNiceWho},
    {"ioprio_set", "which", false, kNiceWho},
    {"ioprio_get", "which", false, kNiceWho},
    {"ioctl", "cmd", false, kIoctls},
    {"fcntl", "cmd", false, kFcntls},
    {"open", "flags", true, kOpenFlags},
    {"openat", "flags", true, kOpenFlags},
    {"mq_open", "oflag", true, kOpenFlags},
    {"open_by_handle_at", "flags", true, kOpenFlags},
    {"pipe2", "flags", true, kDescriptorFlags},
    {"eventfd2", "flags", true, kDescriptorFlags},
    {"dup3", "flags", true, kDescriptorFlags},
    {"inotify_init1", "flags", true, kDescriptorFlags},
    {"epoll_create1", "flags", true, kDescriptorFlags},
    {"accept4", "flags", true, kDescriptorFlags},
    {"signalfd4", "flags", true, kDescriptorFlags},
    {"timerfd_create", "flags", true, kDescriptorFlags},
    {"pidfd_open", "flags", true, kDescriptorFlags},
    {"timerfd_settime", "flags", true, kDescriptorFlags},
    {"memfd_create", "flags", true, kSealsOf},
    {"statx", "mask", true, kStatxMask},
    {"", "flag", true, kAtFlags},
    {"linkat", "flags", true, kAtFlags},
    {"unlinkat", "flags", true, kAtFlags},
    {"utimensat", "flags", true, kAtFlags},
    {"statx", "flags", true, kAtFlags},
    {"execveat", "flags", true, kAtFlags},
    {"faccessat2", "flags", true, kAtFlags},
    {"", "prot", true, kProtections},
    {"mmap", "flags", true, kMapFlags},
    {"mremap", "flags", true, kRemapFlags},
    {"", "advice", false, kAdvice},
    {"", "behavior", false, kAdvice},
    {"prctl", "option", false, kPrctls},
    {"futex", "op", false, kFutexes},
    {"", "family", false, kFamilies},
    {"socket", "type", false, kSocketTypes},
    {"socketpair", "type", false, kSocketTypes},
    {"", "level", false, kLevels},
    {"sendto", "flags", true, kMessageFlags},
    {"recvfrom", "flags", true, kMessageFlags},
    {"sendmsg", "flags", true, kMessageFlags},
    {"recvmsg", "flags", true, kMessageFlags},
    {"sendmmsg", "flags", true, kMessageFlags},
    {"recvmmsg", "flags", true, kMessageFlags},
    {"", "which_clock", false, kClocks},
    {"timerfd_create", "clockid", false, kClocks},
    {"futex_waitv", "clockid", false, kClocks},
    {"rt_sigaction", "sig", false, kSignalsOfAction},
    {"", "sig", false, kSignals},
    {"", "options", true, kWaitOptions},
    {"shmget", "flags", true, kIpcFlags},
    {"shmat", "flags", true, kIpcFlags},
    {"semget", "flags", true, kIpcFlags},
    {"msgget", "flags", true, kIpcFlags},
    {"msgsnd", "flags", true, kIpcFlags},
    {"msgrcv", "flags", true, kIpcFlags},
    {"shmctl", "cmd", false, kIpcCommands},
    {"semctl", "cmd", false, kIpcCommands},
    {"msgctl", "cmd", false, kIpcCommands},
    {"", "policy", false, kPolicies},
    {"ptrace", "request", false, kPtrace},
    {"clone", "flags", true, kClone},
    {"unshare", "flags", true, kClone},
    {"mount", "flags", true, kMountFlags},
    {"inotify_add_watch", "mask", true, kWatches},
    {"arch_prctl", "option", false, kArchPrctls},
    {"personality", "persona", true, kPersonalities},
    {"", "dev", false, kDevices},
    {"", "timeout", false, kTimeouts},
    {"alarm", "seconds", false, kSeconds},
    {"splice", "flags", true, kSpliceFlags},
    {"tee", "flags", true, kSpliceFlags},
    {"vmsplice", "flags", true, kSpliceFlags},
    {"mbind", "mode", true, kMemoryPolicies},
    {"set_mempolicy", "mode", true, kMemoryPolicies},
    {"membarrier", "command", false, kMembarrier},
};
constexpr Values kAnyMode = {"", "", true, kModes};
constexpr Values kAnySignal = {"", "", false, kSignals};

}  // namespace

const Values* values_for(const Call& call, const Argument& argument) {
    for (const Values& row : kValues)
        if ((row.call.empty() || row.call == call.name) && row.argument == argument.name &&
            !row.values.empty())
            return &row;
    if (argument.kind == Kind::mode) return &kAnyMode;
    if (argument.kind == Kind::signal) return &kAnySignal;
    return nullptr;
}

u64 draw_value(Random& random, const Values& values) {
    if (random.one_in(24)) return draw_number(random);
    u64 value = random.of(values.values);
    if (values.combine) {
        if (random.one_in(8)) value = 0;
        while (random.one_in(2)) value |= random.of(values.values);
    }
    return random.one_in(48) ? value ^ (u64{1} << random.below(32)) : value;
}

u64 draw_number(Random& random) {
    static constexpr u64 kEdges[] = {0x7f,
                                     0x80,
                                     0xff,
                                     0x100,
                                     0xfff,
                                     0x1000,
                                     0x1001,
                                     0x7fff,
                                     0x8000,
                                     0xffff,
                                     0x10000,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     0x100000000,
                                     0x7fffffffffffffff,
                                     0x8000000000000000};
    switch (random.below(12)) {
        case 0:
        case 1:
        case 2:
        case 3:
            return random.below(16);
        case 4:
        case 5:
            return random.below(128);
        case 6:
            return u64{1} << random.below(32);
        case 7:
            return (u64{1} << random.below(24)) | (u64{1} << random.below(24));
        case 8:
            return ~random.below(4);
        case 9:
            return random.of(kEdges);
        case 10:
            return random.of(kEdges) - 1;
        default:
            return random.next() >> random.below(60);
    }
}

u64 draw_size(Random& random) {
    static constexpr u64 kSizes[] = {0,    1,    2,    4,    8,    8,     8,     12,      16,
                                     24,   28,   32,   64,   128,  144,   256,   512,     1024,
                                     4095, 4096, 4096, 4097, 8192, 65535, 65536, 0x10001, 0x100000};
    return random.one_in(16) ? draw_number(random) : random.of(kSizes);
}

u64 draw_offset(Random& random) {
    if (random.one_in(12)) return draw_number(random);
    if (random.one_in(24))
        return random.of({u64{1} << 63, (u64{1} << 63) - 1, u64{1} << 44, (u64{1} << 63) - 4096});
    return random.one_in(2) ? random.below(64) * 4096 : random.below(20000);
}

}  // namespace fuzz
