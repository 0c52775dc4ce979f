// Structures by the name of the argument that points at them, half sense and half noise.
#include "structures.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/bpf_common.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/socket.h>

#include <cstring>

#include "values.h"

namespace fuzz {

namespace {

using Maker = u64 (*)(Context&);

struct Row {
    std::string_view call;  // "" for any
    std::string_view argument;
    Maker make;
};

u64 times(Context& c) {
    return c.small_time();
}

u64 signal_set(Context& c) {
    const u64 set = c.random.one_in(4)   ? ~u64{0}
                    : c.random.one_in(3) ? c.random.next()
                                         : u64{1} << c.random.below(64);
    return placed(c, c.random.one_in(4) ? 0 : set);
}
u64 sized_set(Context& c) {  // of pselect6
    const u64 made[2] = {signal_set(c), c.random.one_in(8) ? draw_size(c.random) : 8};
    return placed(c, made);
}
u64 action(Context& c) {
    // As the kernel has it: handler, flags, restorer, mask. Ignored or as it was; a handler would
    // run nowhere.
    const u64 made[4] = {c.random.one_in(60) ? c.random.next() : c.random.below(2),
                         draw_number(c.random), 0, c.random.next()};
    return placed(c, made);
}
u64 signal_info(Context& c) {
    siginfo_t made{};
    made.si_signo = static_cast<int>(c.random.below(65));
    made.si_code = c.random.one_in(3) ? static_cast<int>(draw_number(c.random)) : SI_QUEUE;
    return placed(c, made);
}
u64 signal_stack(Context& c) {
    stack_t made{};
    made.ss_sp = reinterpret_cast<void*>(good(c, 8192));
    made.ss_flags = static_cast<int>(c.random.one_in(2) ? u64{SS_DISABLE} : draw_number(c.random));
    made.ss_size = draw_size(c.random);
    return placed(c, made);
}
u64 notification(Context& c) {
    sigevent made{};
    made.sigev_notify =
        static_cast<int>(c.random.one_in(8) ? draw_number(c.random) : c.random.below(5));
    made.sigev_signo = static_cast<int>(c.random.one_in(8) ? draw_number(c.random) : u64{SIGALRM});
    made.sigev_value.sival_ptr = reinterpret_cast<void*>(good(c, 64));
    made._sigev_un._tid = static_cast<pid_t>(c.pid());
    return placed(c, made);
}

u64 polled(Context& c) {
    pollfd made[16]{};
    for (pollfd& one : made) {
        one.fd = static_cast<int>(c.fd());
        one.events = static_cast<short>(c.random.next());
    }
    return placed(c, made);
}
u64 descriptor_set(Context& c) {
    u64 made[16]{};
    made[0] = c.random.next() & c.random.next() & c.random.next();
    return placed(c, made);
}
u64 event(Context& c) {
    epoll_event made{};
    made.events = static_cast<u32>(c.random.one_in(2) ? EPOLLIN | EPOLLOUT : c.random.next());
    if (c.random.one_in(3))
        made.events |= c.random.of({u32{EPOLLET}, u32{EPOLLONESHOT}, u32{EPOLLEXCLUSIVE}});
    return placed(c, made);
}

u64 semaphores(Context& c) {
    sembuf made[8]{};
    for (sembuf& one : made) {
        one.sem_num = static_cast<u16>(c.random.one_in(12) ? c.random.next() : c.random.below(4));
        one.sem_op =
            static_cast<short>(c.random.one_in(12) ? c.random.next() : c.random.below(5) - 2);
        one.sem_flg =
            static_cast<short>(c.random.of({0, 0, IPC_NOWAIT, SEM_UNDO, IPC_NOWAIT | SEM_UNDO}));
    }
    return placed(c, made);
}
u64 typed_message(Context& c) {
    i64 made[64]{};
    made[0] = c.random.one_in(8) ? static_cast<i64>(draw_number(c.random))
                                 : 1 + static_cast<i64>(c.random.below(3));
    return placed(c, made);
}
u64 queue_attributes(Context& c) {
    i64 made[8]{};
    made[0] = c.random.one_in(2) ? O_NONBLOCK : 0;
    made[1] = c.random.one_in(8) ? static_cast<i64>(draw_number(c.random))
                                 : static_cast<i64>(c.random.below(10));
    made[2] = c.random.one_in(8) ? static_cast<i64>(draw_number(c.random))
                                 : static_cast<i64>(c.random.below(1024));
    return placed(c, made);
}

u64 how_to_open(Context& c) {
    open_how made{};
    made.flags =
        c.random.one_in(12)
            ? c.random.next()
            : c.random.of({u64{O_RDWR}, u64{O_RDWR | O_CREAT}, u64{O_PATH}, u64{O_RDONLY}});
    made.mode = made.flags & O_CREAT ? 0644 : 0;
    made.resolve = c.random.one_in(3) ? 0 : c.random.below(0x40);
    return placed(c, made);
}
u64 clone_arguments(Context& c) {
    clone_args made{};
    made.flags = c.random.one_in(4)
                     ? draw_number(c.random) << 8
                     : c.random.of({u64{0}, u64{0x1000}, u64{0x4000}, u64{0x500}, u64{0x10f00}});
    made.pidfd = made.child_tid = made.parent_tid = good(c, 64);
    made.exit_signal = c.random.one_in(4) ? draw_number(c.random) : u64{SIGCHLD};
    if (c.random.one_in(2)) {
        made.stack = good(c, 8192);
        made.stack_size = 8192;
    }
    if (c.random.one_in(8)) {
        made.set_tid = good(c, 64);
        made.set_tid_size = c.random.below(40);
    }
    return placed(c, made);
}
u64 filter(Context& c) {
    sock_filter program[8];
    for (sock_filter& line : program)
        line = {static_cast<u16>(c.random.next() & 0xff), static_cast<u8>(c.random.below(4)),
                static_cast<u8>(c.random.below(4)), static_cast<u32>(draw_number(c.random))};
    // What loads the number and allows all: it is accepted, and counts.
    if (c.random.one_in(2)) {
        program[0] = {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0};
        program[1] = {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<u32>(c.random.below(450))};
        program[2] = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 1};
        program[3] = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    }
    sock_fprog made{};
    made.len = static_cast<u16>(c.random.one_in(12) ? c.random.next() : c.random.one_in(4) ? 8 : 4);
    made.filter = reinterpret_cast<sock_filter*>(c.arena.place(c.random, program, sizeof(program)));
    return placed(c, made);
}

u64 control_blocks(Context& c) {
    u64 made[8];
    for (u64& pointer : made) {
        iocb block{};
        block.aio_lio_opcode =
            static_cast<u16>(c.random.one_in(12) ? c.random.next() : c.random.below(9));
        block.aio_fildes = static_cast<u32>(c.fd());
        block.aio_buf = good(c, 512);
        block.aio_nbytes = c.random.one_in(12) ? draw_size(c.random) : c.random.below(512);
        block.aio_offset = static_cast<i64>(draw_offset(c.random));
        if (c.random.one_in(6))
            block.aio_flags = IOCB_FLAG_RESFD, block.aio_resfd = static_cast<u32>(c.fd());
        pointer = c.arena.place(c.random, &block, sizeof(block));
    }
    return placed(c, made);
}
u64 zero_word(Context& c) {
    return placed(c, u64{0});
}

u64 capability_header(Context& c) {
    const u32 made[2] = {
        c.random.one_in(6) ? static_cast<u32>(c.random.next()) : u32{_LINUX_CAPABILITY_VERSION_3},
        c.random.one_in(2) ? 0 : static_cast<u32>(c.pid())};
    return placed(c, made);
}
u64 scheduling(Context& c) {
    struct {
        u32 size, policy;
        u64 flags;
        i64 nice_and_priority;
        u64 runtime, deadline, period;
        u32 low, high;
    } made{};
    made.size = c.random.one_in(6) ? static_cast<u32>(draw_size(c.random)) : sizeof(made);
    made.policy = static_cast<u32>(c.random.below(8));
    made.flags = c.random.one_in(4) ? draw_number(c.random) : 0;
    made.nice_and_priority = static_cast<i64>(draw_number(c.random));
    made.runtime = made.deadline = made.period = c.random.below(2'000'000);
    return placed(c, made);
}
u64 priority(Context& c) {
    return placed(c, static_cast<int>(c.random.below(100)));
}
u64 limits(Context& c) {
    // Not so low that the worker itself can do nothing more.
    const u64 made[2] = {c.random.one_in(2) ? ~u64{0} : u64{1} << (20 + c.random.below(20)),
                         c.random.one_in(2) ? ~u64{0} : draw_number(c.random)};
    return placed(c, made);
}
u64 file_lock(Context& c) {
    struct flock made {};
    made.l_type = static_cast<short>(c.random.below(4));
    made.l_whence = static_cast<short>(c.random.below(4));
    made.l_start = static_cast<i64>(draw_offset(c.random));
    made.l_len = static_cast<i64>(c.random.below(3) * c.random.below(5000));
    return placed(c, made);
}
u64 of_fcntl(Context& c) {
    return c.random.one_in(2)   ? file_lock(c)
           : c.random.one_in(2) ? c.random.below(64)
                                : draw_number(c.random);
}
u64 futex_word(Context& c) {
    static thread_local u64 last;
    // Seldom a new one, so that wakers meet waiters.
    if (c.random.one_in(3)) last = placed(c, u32{0}) & ~u64{3};
    return last;
}
u64 futex_time(Context& c) {
    return c.random.one_in(3) ? c.random.below(4) : times(c);
}  // of some operations a number
u64 waiters(Context& c) {
    struct {
        u64 value, address;
        u32 flags, reserved;
    } made[4];
    for (auto& one : made)
        one = {0, futex_word(c), c.random.one_in(6) ? static_cast<u32>(c.random.next()) : 2, 0};
    return placed(c, made);
}
u64 offset(Context& c) {
    return c.random.one_in(2) ? 0 : placed(c, draw_offset(c.random));
}
u64 length(Context& c) {
    return placed(c, static_cast<u32>(c.random.one_in(4) ? draw_size(c.random) : 128));
}
u64 handle(Context& c) {
    struct {
        u32 bytes;
        int type;
        u64 data[14];
    } made{static_cast<u32>(c.random.one_in(4) ? draw_number(c.random) : c.random.below(128)),
           static_cast<int>(c.random.below(4)),
           {}};
    return placed(c, made);
}
u64 strings(Context& c) {
    u64 made[9]{};
    for (unsigned i = 0, count = static_cast<unsigned>(c.random.below(8)); i < count; i++)
        made[i] = c.arena.place(c.random, "string", 7);
    return placed(c, made);
}
u64 attribute_name(Context& c) {
    static constexpr const char* kNames[] = {
        "user.a", "user.b", "user.", "trusted.a", "security.capability", "system.posix_acl_access",
        "a",      ""};
    const char* const name = c.random.of(kNames);
    return c.arena.place(c.random, name, strlen(name) + 1);
}
u64 mount_data(Context& c) {
    static constexpr const char* kOptions[] = {
        "", "size=64k", "size=1m,mode=755", "nr_inodes=40", "newinstance", "size=x", "a=b,,c"};
    const char* const options = c.random.of(kOptions);
    return c.random.one_in(3) ? 0 : c.arena.place(c.random, options, strlen(options) + 1);
}

constexpr Row kRows[] = {
    {"clone3", "uargs", clone_arguments},
    {"seccomp", "uargs", filter},
    {"sendmsg", "msg", one_message},
    {"recvmsg", "msg", one_message},
    {"", "mmsg", messages},
    {"", "vec", vector},
    {"", "iov", vector},
    {"", "local", vector},
    {"", "remote", vector},
    {"", "uservaddr", socket_address},
    {"", "umyaddr", socket_address},
    {"sendto", "addr", socket_address},
    {"", "upeer_addrlen", length},
    {"", "usockaddr_len", length},
    {"recvfrom", "addr_len", length},
    {"getsockopt", "optlen", length},
    {"fcntl", "arg", of_fcntl},
    {"futex", "utime", futex_time},
    {"", "uaddr", futex_word},
    {"", "uaddr2", futex_word},
    {"", "waiters", waiters},
    {"", "rqtp", times},
    {"", "tvp", times},
    {"", "timeout", times},
    {"", "tsp", times},
    {"", "utmr", times},
    {"", "new_setting", times},
    {"", "utimes", times},
    {"setitimer", "value", times},
    {"", "times", times},
    {"", "tp", times},
    {"", "uts", times},
    {"", "nset", signal_set},
    {"", "uthese", signal_set},
    {"", "unewset", signal_set},
    {"", "sigmask", signal_set},
    {"", "user_mask", signal_set},
    {"", "sig", sized_set},
    {"", "usig", sized_set},
    {"", "act", action},
    {"", "uinfo", signal_info},
    {"pidfd_send_signal", "info", signal_info},
    {"", "uss", signal_stack},
    {"", "timer_event_spec", notification},
    {"mq_notify", "event", notification},
    {"", "ufds", polled},
    {"", "inp", descriptor_set},
    {"", "outp", descriptor_set},
    {"", "exp", descriptor_set},
    {"epoll_ctl", "event", event},
    {"", "ops", semaphores},
    {"", "msgp", typed_message},
    {"mq_open", "attr", queue_attributes},
    {"", "set", queue_attributes},
    {"", "how", how_to_open},
    {"", "iocbpp", control_blocks},
    {"io_setup", "ctxp", zero_word},
    {"", "header", capability_header},
    {"", "uattr", scheduling},
    {"", "param", priority},
    {"", "rlim", limits},
    {"", "new_rlim", limits},
    {"sendfile", "offset", offset},
    {"", "off_in", offset},
    {"", "off_out", offset},
    {"", "handle", handle},
    {"", "argv", strings},
    {"", "envp", strings},
    {"mount", "data", mount_data},
    {"", "name", attribute_name},
};

}  // namespace

bool draw_structure(Context& context, const Call& call, std::string_view name, u64& pointer) {
    for (const Row& row : kRows) {
        if (row.argument != name || (!row.call.empty() && row.call != call.name)) continue;
        pointer = row.make(context);
        return true;
    }
    return false;
}

}  // namespace fuzz
