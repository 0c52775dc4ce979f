// ptrace(2): events, group stops, restarted calls, threads and the ends of tracers.
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/user.h>
#include <time.h>

#include "traced.h"

static volatile int hits;
static void count(int s) { hits++; (void)s; }

static void fork_body(void) {
    pid_t p = fork();
    if (p == 0) _exit(1);
    waitpid(p, 0, 0);
    p = vfork();
    if (p == 0) _exit(2);
    waitpid(p, 0, 0);
    _exit(3);
}
static void events(int seize) {
    int flags = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORKDONE |
                PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    printf("-- events %d\n", seize);
    pid_t pid, child = 0, got;
    long message;
    if (seize) {
        int gate[2];
        pipe(gate);
        pid = fork();
        if (pid == 0) { char c; close(gate[1]); read(gate[0], &c, 1); fork_body(); }
        OK(PT(PTRACE_SEIZE, pid, 0, flags));
        close(gate[0]);
        close(gate[1]);
    } else {
        pid = traced(fork_body);
        SAY(PT(PTRACE_SETOPTIONS, pid, 0, flags));
        SAY(PT(PTRACE_CONT, pid, 0, 0));
    }
    for (int i = 0; i < 2; i++) {
        wait_show("fork event", pid);
        SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
        child = message;
        siginfo_t si;
        SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
        printf("code %x child's parent %d\n", si.si_code, child > pid);
        wait_show("child's first", child);
        errno = 0;
        long r = PT(PTRACE_GETSIGINFO, child, 0, &si);
        printf("info %ld signo %d code %x\n", r, si.si_signo, si.si_code);
        SAY(PT(PTRACE_CONT, child, 0, 0));
        if (i == 1) {
            SAY(PT(PTRACE_CONT, pid, 0, 0));
        }
        wait_show("child exits", child);
        SAY(PT(PTRACE_GETEVENTMSG, child, 0, &message));
        printf("message %lx\n", message);
        SAY(PT(PTRACE_CONT, child, 0, 0));
        wait_show("child gone", child);
        if (i == 1) {
            wait_show("vfork done", pid);
            SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
            printf("same child %d\n", message == child);
        }
        SAY(PT(PTRACE_CONT, pid, 0, 0));
        int st = wait_show("SIGCHLD", pid);
        if (WIFSTOPPED(st) && WSTOPSIG(st) == SIGCHLD) SAY(PT(PTRACE_CONT, pid, 0, SIGCHLD));
    }
    wait_show("exit event", pid);
    SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
    printf("message %lx\n", message);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("gone", pid);
    (void)got;
}

static void exec_body(void) {
    execl("/proc/self/exe", "ptrace", "child", (char*)0);
    _exit(50);
}
static void* exec_thread(void* p) { (void)p; exec_body(); return 0; }
static void exec_thread_body(void) {
    pthread_t t;
    pthread_create(&t, 0, exec_thread, 0);
    for (;;) pause();
}
static void execs(void) {
    long message;
    struct user_regs_struct regs;
    printf("-- exec\n");
    pid_t pid = traced(exec_body);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("plain exec", pid);
    siginfo_t si;
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    printf("code %d\n", si.si_code);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);

    pid = traced(exec_body);
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exec event", pid);
    SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
    printf("message %d\n", message == pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("orig_rax %lld rax %lld rdi %lld\n", regs.orig_rax, regs.rax, regs.rdi);
    SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
    wait_show("its end", pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("orig_rax %lld rax %lld\n", regs.orig_rax, regs.rax);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);

    // A thread that is not the leader.
    pid = traced(exec_thread_body);
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("clone", pid);
    PT(PTRACE_GETEVENTMSG, pid, 0, &message);
    pid_t thread = message;
    wait_show("thread", thread);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    wait_show("exec event", pid);
    SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
    printf("message is the thread %d\n", message == thread);
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);
    poll_show("thread is gone", thread);
}

static void group_stops(void) {
    siginfo_t si;
    printf("-- group stops\n");
    // ATTACH'ed: a stop like any other, without siginfo.
    pid_t pid = fork();
    if (pid == 0) pause_body();
    SAY(PT(PTRACE_ATTACH, pid, 0, 0));
    wait_show("attached", pid);
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    printf("signo %d code %d\n", si.si_signo, si.si_code);
    SAY(PT(PTRACE_CONT, pid, 0, SIGSTOP));
    wait_show("group stop", pid);
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    poll_show("runs in it", pid);
    kill(pid, SIGCONT);
    wait_show("cont", pid);
    SAY(PT(PTRACE_DETACH, pid, 0, SIGCONT));
    poll_show("detached", pid);
    kill(pid, SIGSTOP);
    wait_how("stop without a tracer", pid, WUNTRACED);
    // Attached while it is stopped.
    SAY(PT(PTRACE_ATTACH, pid, 0, 0));
    wait_show("attached to a stopped one", pid);
    kill(pid, SIGCONT);
    SAY(PT(PTRACE_DETACH, pid, 0, 0));
    kill(pid, SIGKILL);
    wait_how("killed", pid, 0);

    // SEIZE'd: told apart, and may listen.
    pid = fork();
    if (pid == 0) pause_body();
    SAY(PT(PTRACE_SEIZE, pid, 0, 0));
    kill(pid, SIGSTOP);
    wait_show("signal", pid);
    SAY(PT(PTRACE_LISTEN, pid, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, SIGSTOP));
    wait_show("group stop", pid);
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    printf("signo %d code %x\n", si.si_signo, si.si_code);
    SAY(PT(PTRACE_LISTEN, pid, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    poll_show("listening", pid);
    kill(pid, SIGCONT);
    wait_show("trap", pid);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("cont", pid);
    SAY(PT(PTRACE_CONT, pid, 0, SIGCONT));
    SAY(PT(PTRACE_INTERRUPT, pid, 0, 0));
    wait_show("interrupted", pid);
    SAY(PT(PTRACE_INTERRUPT, pid, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("once more", pid);
    SAY(PT(PTRACE_DETACH, pid, 0, SIGTERM));  // no signal stop: it is lost
    usleep(10000);
    wait_how("runs on", pid, WNOHANG);
    kill(pid, SIGKILL);
    wait_how("ended", pid, 0);
}

static void sleep_body(void) {
    struct timespec t = {1, 0};
    signal(SIGUSR1, count);
    int r = nanosleep(&t, 0);
    _exit(r == 0 ? 0 : 20 + hits);
}
static void restarts(void) {
    struct user_regs_struct regs;
    printf("-- restarts\n");
    pid_t pid = traced(sleep_body);
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
    for (;;) {
        int st;
        PT(PTRACE_SYSCALL, pid, 0, 0);
        waitpid(pid, &st, 0);
        PT(PTRACE_GETREGS, pid, 0, &regs);
        if (regs.orig_rax == SYS_clock_nanosleep || regs.orig_rax == SYS_nanosleep) break;
    }
    SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
    long number;
    while (field(pid, "State:", &number) != 'S') usleep(1000);
    kill(pid, SIGWINCH);
    wait_show("interrupted", pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("rax %lld\n", regs.rax);
    SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
    wait_show("signal", pid);
    SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
    wait_show("goes on", pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("orig_rax is restart_syscall %d\n", regs.orig_rax == SYS_restart_syscall);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);
}

// A call that was interrupted, and whose tracer leaves it, or changes the mask, at the call's end: it goes on.
static int data_pipe[2];
static int sleep_call(void) {
    struct timespec t = {1000, 0};
    return nanosleep(&t, 0);
}
static int poll_call(void) { return poll(0, 0, 1000000); }
static int select_call(void) {
    struct timeval t = {1000, 0};
    return select(0, 0, 0, 0, &t);
}
static int read_call(void) {
    char c;
    return read(data_pipe[0], &c, 1);
}
static int futex_call(void) {
    static int word;
    struct timespec t = {1000, 0};
    return syscall(SYS_futex, &word, 0, 0, &t, 0, 0);
}
enum { DETACH, MASK, LEAVE, DIE };
// In the tracer: stops the call and goes as `how` says.
static void interrupt_call(pid_t pid, int how) {
    struct user_regs_struct regs;
    unsigned long mask = 0;
    long number;
    char state;
    PT(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD);
    PT(PTRACE_INTERRUPT, pid, 0, 0);
    wait_show("  first", pid);
    PT(PTRACE_SYSCALL, pid, 0, 0);
    wait_show("  back in the call", pid);
    PT(PTRACE_SYSCALL, pid, 0, 0);
    while ((state = field(pid, "State:", &number)) != 'S' && state != 't') usleep(500);
    PT(PTRACE_INTERRUPT, pid, 0, 0);
    wait_show("  end of the call", pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("  result %lld\n", regs.rax);
    if (how == MASK) SAY(PT(PTRACE_SETSIGMASK, pid, 8, &mask));
    if (how == DETACH || how == MASK) SAY(PT(PTRACE_DETACH, pid, 0, 0));
    if (how == LEAVE) _exit(0);
    if (how == DIE) raise(SIGKILL);
}
static void left_alone(const char* what, int (*call)(void), int how) {
    printf("%s %d\n", what, how);
    pipe(data_pipe);
    pid_t pid = fork(), tracer = 0;
    if (pid == 0) {
        struct sigaction act = {.sa_handler = count};
        sigaction(SIGUSR1, &act, 0);
        errno = 0;
        int r = call();
        _exit(r == 0 ? 0 : errno >= 512 ? 100 + errno - 512 : errno);
    }
    long number;
    while (field(pid, "State:", &number) != 'S') usleep(500);
    if (how == LEAVE || how == DIE) {
        tracer = fork();
        if (tracer == 0) interrupt_call(pid, how);
        waitpid(tracer, 0, 0);
    } else {
        interrupt_call(pid, how);
    }
    char state;
    while ((state = field(pid, "State:", &number)) != 'S' && state != 'Z') usleep(500);
    printf("  %c\n", state);
    kill(pid, SIGUSR1);
    wait_how("  ends", pid, 0);
    close(data_pipe[0]), close(data_pipe[1]);
}
static void left_in_a_call(void) {
    printf("-- left in a call\n");
    for (int how = DETACH; how <= DIE; how++) {
        left_alone("nanosleep", sleep_call, how);
        left_alone("poll", poll_call, how);
        left_alone("read", read_call, how);
    }
    left_alone("select", select_call, DETACH);
    left_alone("futex", futex_call, DETACH);
}

static void* thread_body(void* p) { (void)p; usleep(1000); return 0; }
static void threads_body(void) {
    pthread_t t;
    pthread_create(&t, 0, thread_body, 0);
    pthread_join(t, 0);
    raise(SIGSTOP);  // a thread's status is its process's once that exits
    _exit(4);
}
static void threads(void) {
    long message;
    printf("-- threads\n");
    pid_t pid = traced(threads_body);
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("clone", pid);
    SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
    pid_t thread = message;
    wait_show("thread", thread);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    wait_show("thread's exit", thread);
    siginfo_t si;
    memset(&si, 0, sizeof si);
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    SAY(waitid(P_PID, thread, &si, WEXITED | WNOWAIT | __WALL));
    printf("code %d status %d it %d\n", si.si_code, si.si_status, si.si_pid == thread);
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    wait_show("thread's end", thread);
    poll_show("no thread", thread);
    wait_show("joined", pid);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit event", pid);
    memset(&si, 0, sizeof si);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("end", pid);
}

// The parent learns of the end after the tracer.
static void reparented(void) {
    printf("-- parent and tracer\n");
    int to[2], from[2], go[2];
    pipe(to), pipe(from), pipe(go);
    pid_t pid = fork();
    if (pid == 0) { char c; close(to[1]); close(from[0]); read(to[0], &c, 1); _exit(9); }
    pid_t tracer = fork();
    if (tracer == 0) {
        char c = 'a';
        int st;
        close(to[0]);
        SAY(PT(PTRACE_SEIZE, pid, 0, 0));
        write(from[1], &c, 1);
        write(to[1], &c, 1);
        read(go[0], &c, 1);
        wait_how("tracer", pid, 0);
        SAY(waitpid(pid, &st, 0));
        _exit(0);
    }
    char c;
    int st = 0;
    read(from[0], &c, 1);
    long number;
    while (field(pid, "State:", &number) != 'Z') usleep(1000);
    wait_how("parent", pid, WNOHANG);
    write(go[1], &c, 1);
    waitpid(tracer, &st, 0);
    wait_how("parent waits", pid, 0);
    close(to[0]), close(to[1]), close(from[0]), close(from[1]), close(go[0]), close(go[1]);
}

// A tracer that is killed leaves its tracee running, or takes it along.
static void tracer_dies(int options, const char* what) {
    int pipes[2];
    printf("-- %s\n", what);
    pipe(pipes);
    pid_t pid = fork();
    if (pid == 0) pause_body();
    pid_t tracer = fork();
    if (tracer == 0) {
        int st;
        PT(PTRACE_SEIZE, pid, 0, options);
        PT(PTRACE_INTERRUPT, pid, 0, 0);
        waitpid(pid, &st, __WALL);
        write(pipes[1], "x", 1);
        pause_body();
    }
    char c;
    int st = 0;
    read(pipes[0], &c, 1);
    long number = 0;
    char state = field(pid, "State:", &number);
    field(pid, "TracerPid:", &number);
    printf("state %c tracer %d\n", state, number == tracer);
    kill(tracer, SIGKILL);
    waitpid(tracer, &st, 0);
    if (options == 0) {
        usleep(20000);
        field(pid, "TracerPid:", &number);
        printf("tracer %ld\n", number);
        wait_how("runs", pid, WNOHANG);
        kill(pid, SIGTERM);
    }
    wait_how("end", pid, 0);
    close(pipes[0]), close(pipes[1]);
}

int main(int argc, char** argv) {
    if (argc > 1 && !strcmp(argv[1], "child")) return 33;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(60);
    events(0);
    events(1);
    execs();
    group_stops();
    restarts();
    left_in_a_call();
    threads();
    reparented();
    tracer_dies(0, "a tracer dies");
    tracer_dies(PTRACE_O_EXITKILL, "a tracer dies with its tracee");
    return 0;
}
