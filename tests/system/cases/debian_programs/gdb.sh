# timeout 900
# gdb breaks, steps, watches and backtraces a threaded program, attaches to another, and reads the core that the kernel wrote.
export LC_ALL=C HOME=/root TERM=dumb DEBUGINFOD_URLS=
mkdir -p /tmp/tr; cd /tmp/tr
# What differs from run to run: numbers of processes and threads, addresses.
same() { sed -E 's/0x[0-9a-f]+/ADDR/g; s/(LWP|process|Process|pid) [0-9]+/\1 N/g; s/si_pid=[0-9]+/si_pid=N/; s/si_(u|s)time=[0-9]+/si_\1time=T/g'; }
echo "-- gdb"
cat >t.c <<"C"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct place { int x, y; const char* name; };
static struct place places[2] = {{1, 2, "first"}, {3, 4, "second"}};
static int counter;
static pthread_barrier_t barrier;
static int add(int a, int b) {
    int sum = a + b;
    counter += sum;
    return sum;
}
static void* worker(void* p) {
    long n = (long)p;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return (void*)n;
}
int main(int argc, char** argv) {
    pthread_t t[2];
    pthread_barrier_init(&barrier, 0, 3);
    for (long i = 0; i < 2; i++) pthread_create(&t[i], 0, worker, (void*)(i + 10));
    pthread_barrier_wait(&barrier);
    int r = add(2, 3);
    r = add(r, 1);
    printf("counter %d %d\n", counter, r);
    fflush(stdout);
    if (argc > 1) { places[1].x = counter; if (!strcmp(argv[1], "die")) abort(); *(volatile int*)8 = r; }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
    return 7;
}
C
gcc -g -O0 -pthread -o t t.c
tidy() { same | sed -E 's/ \(LWP N\)//; s/^(.*)"t"/\1/; s/(Segmentation fault).*/\1/; s/Thread ADDR/Thread/; /^(\[New (Thread|process)|\[Thread.*exited)/d; s/(futex|barrier)[a-z_0-9]*/WAIT/g; s/Id +Target Id +Frame/Id Target Frame/'; }
gdb -batch -nx -ex 'set width 0' -ex 'break add' -ex run -ex bt -ex next -ex 'print sum' -ex 'info locals' -ex step -ex finish \
    -ex 'watch counter' -ex continue -ex continue -ex 'print counter' -ex 'delete' -ex 'print places' -ex 'set var places[0].x = 40' -ex 'print places[0].x + r' \
    -ex 'info breakpoints' -ex 'tbreak t.c:28' -ex continue -ex 'print add(20, 2)' -ex 'print counter' -ex continue ./t 2>&1 | tidy
echo "-- threads"
gdb -batch -nx -ex 'set width 0' -ex 'break add' -ex run -ex 'info threads' -ex 'thread apply all bt -1' -ex 'kill' ./t 2>&1 | tidy | grep -E '^(Thread|\*|#|  [0-9])' | sed -E 's/ADDR in (__|_)*[a-zA-Z_0-9]+ \(.*/F/; s/^#[0-9]+ +/# /' | sort
echo "-- attach"
cat >s.c <<"C"
#include <unistd.h>
volatile int go;
static void wait_for_it(void) { while (!go) usleep(1000); }
int main(void) { wait_for_it(); return 5; }
C
gcc -g -O0 -o s s.c; ./s & p=$!; gdb -batch -nx -p $p -ex 'break wait_for_it' -ex 'set var go = 1' -ex 'info symbol wait_for_it' -ex detach ./s 2>&1 | tidy | grep -E 'Detach|section|detached'
wait $p; echo "status $?"
echo "-- catch"
gdb -batch -nx -ex 'catch syscall exit_group' -ex run -ex 'print $rax' -ex 'handle SIGSEGV nostop' -ex continue ./t 2>&1 | tidy
gdb -batch -nx -ex 'run x' -ex 'print $_siginfo.si_signo' -ex 'print $_siginfo._sifields._sigfault.si_addr' -ex 'bt 1' -ex 'kill' ./t 2>&1 | tidy
echo "-- core"
ulimit -c unlimited; before=$(cat /proc/sys/kernel/core_pattern); echo core >/proc/sys/kernel/core_pattern
{ ./t segv; } 2>/dev/null; echo "status $?"
gdb -batch -nx -ex 'set width 0' -ex 'frame' -ex bt -ex 'print places' -ex 'print counter' -ex 'info threads' ./t core 2>&1 | tidy | sed -E 's/^(\*| ) [0-9] +/\1 /; s/ADDR in (__|_)*[a-zA-Z_0-9]+ \(.*/F/' | sort
rm core; { ./t die; } 2>/dev/null; gdb -batch -nx -ex 'thread apply all -q frame function main' -ex 'print $_siginfo.si_code' -ex 'frame function main' -ex 'print argc' -ex 'print argv[1]' -ex 'info auxv' ./t core 2>&1 | tidy | grep -E '^(\$|#[0-9]+ .*main|[0-9]+ +AT_(PAGESZ|CLKTCK|PHENT|PHNUM|UID|SECURE))' | sed -E 's/^#[0-9]+ +ADDR in/#/' 
echo "$before" >/proc/sys/kernel/core_pattern
cd /; rm -r /tmp/tr
