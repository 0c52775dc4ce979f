#include "worker.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace fuzz {

namespace {

// Ends the process, replaces it, or takes from it what it needs for the next call: once in a while.
constexpr std::string_view kRare[] = {
    "exit",   "exit_group", "execve",      "execveat", "rt_sigreturn", "seccomp",
    "brk",    "arch_prctl", "close_range", "vfork",    "setrlimit",    "prlimit64",
    "setsid", "chroot",     "pivot_root",  "unshare",  "ptrace",       "fork",
    "clone",  "clone3",     "umount2",     "capset",
};
// Ends the machine where it succeeds; workers have not the right to, and are spared the try.
constexpr std::string_view kNever[] = {"reboot"};

constinit Life g_life{};
constinit pid_t g_helper = 0;
constinit pid_t g_leader = 0;
constinit bool g_in_child = false;
constinit char g_home[64] = "/";

u64 mixed(u64 a, u64 b, u64 c) {
    Random random(a * 0x100000001b3 + b * 0x10001 + c * 7919);
    random.next();
    return random.next();
}

// A child that shares our memory ends inside: it has no stack of its own to return on.
i64 enter_kernel(u64 number, const u64* a, bool child_ends) {
    i64 result;
    register u64 r10 asm("r10") = a[3];
    register u64 r8 asm("r8") = a[4];
    register u64 r9 asm("r9") = a[5];
    const u64 ends = child_ends;
    asm volatile(
        "syscall\n"
        "test %%rax, %%rax\n"
        "jnz 1f\n"
        "test %[ends], %[ends]\n"
        "jz 1f\n"
        "xor %%edi, %%edi\n"
        "mov $60, %%eax\n"
        "syscall\n"
        "hlt\n"
        "1:\n"
        : "=a"(result)
        : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9), [ends] "b"(ends)
        : "rcx", "r11", "memory", "cc");
    return result;
}

void on_signal(int, siginfo_t*, void*) {
    // Interrupts what sleeps: the first thread, which usually gets it, passes it on.
    const int saved = errno;
    if (g_helper != 0 && gettid() == g_leader) syscall(SYS_tgkill, g_leader, g_helper, SIGUSR2);
    errno = saved;
}

void on_fault(int, siginfo_t* info, void*) {
    if (info->si_code > 0 && !Arena::mend(reinterpret_cast<u64>(info->si_addr))) _exit(99);
}

void take_signals() {
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    for (int signal = 1; signal <= 64; signal++) {
        // Some restart what they interrupt; those that the clock needs do not.
        action.sa_flags = SA_SIGINFO | (signal % 4 == 2 && signal != SIGALRM ? SA_RESTART : 0);
        if (signal != SIGUSR2 && signal % 8 == 1) action.sa_flags |= SA_ONSTACK;
        if (signal == SIGSEGV || signal == SIGBUS || signal == SIGSYS || signal == SIGCHLD)
            continue;
        sigaction(signal, &action, nullptr);
    }
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, nullptr);
    const itimerval ticking{{0, 10'000}, {0, 10'000}};
    setitimer(ITIMER_REAL, &ticking, nullptr);
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
    for (const std::string_view one : names)
        if (one == name) return true;
    return false;
}

bool forks(const Call& call) {
    return call.number == SYS_fork || call.number == SYS_vfork || call.number == SYS_clone ||
           call.number == SYS_clone3;
}

unsigned pick(Context& c) {
    for (;;) {
        const unsigned index = static_cast<unsigned>(c.random.below(kCallCount));
        const Call& call = kCalls[index];
        if (g_life.only != nullptr) {
            char name[48];
            snprintf(name, sizeof(name), ",%.*s,", static_cast<int>(call.name.size()),
                     call.name.data());
            if (strstr(g_life.only, name) == nullptr) continue;
        } else if (contains(kRare, call.name) &&
                   !c.random.one_in(
                       call.number == SYS_exit_group || call.number == SYS_exit ? 40 : 10)) {
            continue;
        }
        if (contains(kNever, call.name) || (g_in_child && forks(call))) continue;
        return index;
    }
}

struct Children {
    static constexpr unsigned kMost = 6;
    pid_t pids[kMost]{};
    unsigned next = 0;
    void add(pid_t pid) {
        if (pids[next] > 0) kill(pids[next], SIGKILL);
        pids[next] = pid;
        next = (next + 1) % kMost;
        while (waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
        }
    }
};

void print_call(const Call& call, const u64* a, i64 result) {
    char line[256];
    const int bytes =
        snprintf(line, sizeof(line), "%d %.*s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %ld\n",
                 gettid(), static_cast<int>(call.name.size()), call.name.data(), a[0], a[1], a[2],
                 a[3], a[4], a[5], result);
    (void)!write(2, line, static_cast<size_t>(bytes));
}

void run_calls(Context& c, u64 count, bool leader) {
    Control& control = *g_life.control;
    Slot& slot = control.slots[g_life.slot];
    Children children;
    for (u64 done = 0;
         done < count && control.calls.load(std::memory_order_relaxed) < control.target; done++) {
        if (leader && done % 32 == 0) take_signals();
        if (leader && done % 128 == 0) (void)!chdir(g_home);
        if (c.random.one_in(16))
            make_resource(c, static_cast<unsigned>(c.random.below(kResourceKinds)));
        const unsigned index = pick(c);
        const Call& call = kCalls[index];
        for (unsigned i = 0; i < 6; i++)
            c.drawn[i] = i < call.count ? c.draw(call, i) : c.random.next();
        if (c.profile == Profile::admin && call.number == SYS_fcntl &&
            (c.drawn[1] == F_SETOWN || c.drawn[1] == F_SETOWN_EX))
            continue;
        u64 number = call.number;
        if (c.random.one_in(400) && g_life.only == nullptr)
            number = c.random.of({u64{512}, u64{1000}, ~u64{0}, u64{0x40000000} | number,
                                  u64{1} << 32 | number, u64{134}, u64{425}});
        bool child_ends = number == SYS_vfork || number == SYS_clone3;
        if (number == SYS_clone) child_ends = (c.drawn[0] & CLONE_VM) != 0 || c.drawn[1] != 0;
        if (!g_in_child) slot.calls.fetch_add(1, std::memory_order_relaxed);
        if (leader && !g_in_child) {
            slot.index.store(index, std::memory_order_relaxed);
            for (unsigned i = 0; i < 6; i++)
                slot.arguments[i].store(c.drawn[i], std::memory_order_relaxed);
        }
        if (g_life.verbose) print_call(call, c.drawn, 0);
        const i64 result = enter_kernel(number, c.drawn, child_ends);
        control.calls.fetch_add(1, std::memory_order_relaxed);
        control.tried[call.number].fetch_add(1, std::memory_order_relaxed);
        if (g_life.verbose) print_call(call, c.drawn, result);
        if (result < 0 && result > -4096) continue;
        control.succeeded[call.number].fetch_add(1, std::memory_order_relaxed);
        c.remember(result);
        if (forks(call) && number == call.number) {
            if (result == 0) {
                g_in_child = true;
                g_helper = 0;
                g_leader = gettid();
                take_signals();
                run_calls(c, 1 + c.random.below(20), true);
                _exit(0);
            }
            children.add(static_cast<pid_t>(result));
        }
        if (call.number == SYS_rt_sigprocmask || call.number == SYS_rt_sigaction ||
            call.number == SYS_setitimer || call.number == SYS_alarm)
            if (!c.random.one_in(4)) take_signals();
    }
    for (const pid_t pid : children.pids)
        if (pid > 0) kill(pid, SIGKILL);
}

void* helper(void*) {
    g_helper = gettid();
    Context c(mixed(g_life.seed, g_life.slot, g_life.generation * 2 + 1), profile_of(g_life), 1);
    run_calls(c, g_life.calls, false);
    g_helper = 0;
    return nullptr;
}

}  // namespace

void run_worker(const Life& life) {
    g_life = life;
    g_leader = gettid();
    setsid();
    if (FILE* const score = fopen("/proc/self/oom_score_adj", "w")) {  // before the supervisor
        fputs("500", score);
        fclose(score);
    }
    const Profile profile = profile_of(life);
    for (int fd = 3; fd < 64; fd++) close(fd);
    const int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < (life.verbose ? 2 : 3); fd++) dup2(nothing, fd);
    close(nothing);
    enter_sandbox(life.slot, profile);
    if (profile == Profile::user) snprintf(g_home, sizeof(g_home), "%s/%u", kRoot, life.slot);
    umask(0);
    Arena::map_common(life.shared_page);
    Context c(mixed(life.seed, life.slot, life.generation * 2), profile, 0);
    make_files(c.random);
    for (unsigned kind = 0; kind < kResourceKinds; kind++) make_resource(c, kind);
    take_signals();
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 128 << 10);
    pthread_t thread;
    if (life.slot % 2 == 0) pthread_create(&thread, &attributes, helper, nullptr);
    run_calls(c, life.calls, true);
    _exit(0);
}

}  // namespace fuzz
