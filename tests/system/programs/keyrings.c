/* Keys and keyrings: every operation, errnos, permissions, searching, quotas, inheritance, what /proc shows. */
#include <linux/keyctl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "children.h"

#define POS(x) ((unsigned)(x) << 24)
#define USR(x) ((unsigned)(x) << 16)
#define GRP(x) ((unsigned)(x) << 8)
enum { VIEW = 1, READ = 2, WRITE = 4, SEARCH = 8, LINK = 16, SETATTR = 32, ALL = 63 };
#define T KEY_SPEC_THREAD_KEYRING
#define P KEY_SPEC_PROCESS_KEYRING
#define S KEY_SPEC_SESSION_KEYRING
#define U KEY_SPEC_USER_KEYRING
#define US KEY_SPEC_USER_SESSION_KEYRING

static long add(const char *type, const char *name, const void *data, size_t n, int ring) { return syscall(SYS_add_key, type, name, data, n, ring); }
static long request(const char *type, const char *name, const char *callout, int ring) { return syscall(SYS_request_key, type, name, callout, ring); }
static long ctl(int op, ...) {
    __builtin_va_list a;
    __builtin_va_start(a, op);
    long v[4];
    for (int i = 0; i < 4; i++) v[i] = __builtin_va_arg(a, long);
    return syscall(SYS_keyctl, op, v[0], v[1], v[2], v[3]);
}
#define CTL(op, ...) ctl(KEYCTL_##op, ##__VA_ARGS__, 0L, 0L, 0L, 0L)
static char *edge; /* the last byte before memory that is not there */

static void describe(long key) {
    char b[300] = "";
    errno = 0;
    long n = CTL(DESCRIBE, key, b, sizeof b);
    printf("describe: %ld %s %s\n", n, b, n < 0 ? strerrorname_np(errno) : "");
}
static int compare(const void *a, const void *b) { return strcmp(a, b); }
/* The descriptions of what a keyring holds, in the alphabet's order. */
static void list(long ring) {
    int keys[64];
    char names[64][80];
    errno = 0;
    long n = CTL(READ, ring, (long)keys, sizeof keys);
    printf("list: %ld %s", n, n < 0 ? strerrorname_np(errno) : "");
    if (n > (long)sizeof keys) n = 0;
    for (int i = 0; i < n / 4; i++) {
        char b[300] = ";;;;?";
        CTL(DESCRIBE, (long)keys[i], b, sizeof b);
        snprintf(names[i], 80, " %.*s:%s", (int)strcspn(b, ";"), b, strrchr(b, ';') + 1);
    }
    qsort(names, n < 0 ? 0 : n / 4, 80, compare);
    for (int i = 0; i < n / 4; i++) fputs(names[i], stdout);
    puts("");
}
static void payload(long key) {
    char b[100] = "";
    errno = 0;
    long n = CTL(READ, key, b, sizeof b - 1);
    printf("payload: %ld %s%s\n", n, b, n < 0 ? strerrorname_np(errno) : "");
}
/* The caller's quota in /proc/key-users: keys and bytes. What stands before it counts keys that wait for their end, too. */
static void usage(void) {
    char b[8000], want[20];
    read_text("/proc/key-users", b, sizeof b);
    sprintf(want, "%5d:", getuid());
    char *l = strstr(b, want), *quota = l ? strchr(strchr(l, '/'), ' ') : 0;
    printf("usage:%.*s\n", l ? (int)strcspn(quota, "\n") : 0, l ? quota : "");
}
/* What /proc/keys says of a key: from its permissions on. */
static void line(long key) {
    static char b[60000];
    char want[20];
    int fd = open("/proc/keys", O_RDONLY), n = 0, got;
    while (n < (int)sizeof b - 1 && (got = read(fd, b + n, sizeof b - 1 - n)) > 0) n += got;
    b[n] = 0;
    close(fd);
    sprintf(want, "%08lx ", key);
    char *l = strncmp(b, want, 9) ? strstr(b, want) : b;
    printf("line: %.*s %.*s\n", l ? 7 : 0, l ? l + 9 : "", l ? (int)strcspn(l + 23, "\n") : 0, l ? l + 23 : "");
}

static void adding(void) {
    static char big[1 << 20];
    memset(big, 'b', sizeof big);
    CTL(JOIN_SESSION_KEYRING, 0L);
    long k = OK(add("user", "one", "first", 5, S));
    describe(k), payload(k), line(k);
    printf("same %d\n", add("user", "one", "again", 5, S) == k);
    payload(k);
    OK(add("user", "", "x", 1, S)), OK(add("user", 0, "x", 1, S)), OK(add("user", "n", 0, 0, S)), OK(add("user", "n", 0, 5, S));
    OK(add("user", (char *)8, "x", 1, S)), OK(add((char *)8, "n", "x", 1, S)), OK(add("user", "n", (char *)8, 1, S));
    OK(add("", "n", "x", 1, S)), OK(add(".user", "n", "x", 1, S)), OK(add("none", "n", "x", 1, S));
    OK(add("1234567890123456789012345678901", "n", "x", 1, S)), OK(add("12345678901234567890123456789012", "n", "x", 1, S));
    OK(add("keyring", ".dot", 0, 0, S)), OK(add("user", ".dot", "x", 1, S)), OK(add("keyring", "r", "x", 1, S));
    OK(add("user", "n", big, 32768, S)), OK(add("user", "n", big, 1 << 20, S)), OK(add("user", "n", big, 32767, T));
    long b = OK(add("big_key", "large", big, (1 << 20) - 1, T));
    printf("%ld\n", CTL(READ, b, big, sizeof big));
    OK(add("big_key", "large", big, 0, T)), OK(add("user", "x", "x", 1, 0)), OK(add("user", "x", "x", 1, -6)), OK(add("user", "x", "x", 1, -7));
    OK(add("user", "x", "x", 1, -9)), OK(add("user", "x", "x", 1, k)), OK(add("user", "x", "x", 1, 0x7fffffff));
    long l = OK(add("logon", "svc:me", "secret", 6, S));
    describe(l), payload(l), line(l);
    OK(add("logon", "svc", "x", 1, S)), OK(add("logon", ":svc", "x", 1, S)), OK(add("logon", "svc:me", "other", 5, S));
    memset(big, 'd', 4096), big[4095] = 0;
    OK(add("user", big, "x", 1, T));
    big[4095] = 'd', big[4096] = 0;
    OK(add("user", big, "x", 1, T));
    strcpy(edge - 4, "user"), edge[0] = 0;
    OK(add(edge - 4, "edge", "x", 1, T));
    edge[0] = 'x';
    OK(add(edge - 4, "edge", "x", 1, T)), OK(add("user", "edge", edge, 1, T)), OK(add("user", "edge", edge, 2, T));
    long r = OK(add("keyring", "ring", 0, 0, S));
    describe(r), line(r);
    OK(add("user", "inner", "i", 1, r));
    line(r);
    printf("new ring %d\n", add("keyring", "ring", 0, 0, S) != r);
    list(S);
}

static void reading(void) {
    CTL(JOIN_SESSION_KEYRING, 0L);
    long k = add("user", "key", "12345678", 8, S), q = add("user", "two", "2", 1, S);
    char b[20] = "........";
    SAY(CTL(READ, k, b, 4L));
    puts(b);
    SAY(CTL(READ, k, 0L, 0L)), SAY(CTL(READ, k, 8L, 8L)), SAY(CTL(READ, k, (long)edge - 7, 8L)), SAY(CTL(READ, k, (long)edge - 6, 8L));
    int ids[4] = {0};
    SAY(CTL(READ, (long)S, (long)ids, 4L));
    printf("%d\n", ids[1]);
    SAY(CTL(READ, (long)S, (long)ids, 7L)), SAY(CTL(READ, (long)S, 0L, 0L)), SAY(CTL(READ, 0L, 0L, 0L)), SAY(CTL(READ, 5L, 0L, 0L));
    SAY(CTL(DESCRIBE, k, 0L, 0L)), SAY(CTL(DESCRIBE, k, (long)b, 3L)), SAY(CTL(DESCRIBE, k, 8L, 300L)), SAY(CTL(DESCRIBE, 0L));
    SAY(CTL(UPDATE, k, "new", 3L));
    payload(k);
    SAY(CTL(UPDATE, k, 8L, 3L)), SAY(CTL(UPDATE, k, "x", 0L)), SAY(CTL(UPDATE, k, "x", 4097L)), SAY(CTL(UPDATE, (long)S, "x", 1L)), SAY(CTL(UPDATE, 1L, "x", 1L));
    SAY(CTL(GET_SECURITY, k, b, 20L));
    SAY(CTL(SET_TIMEOUT, k, 1000L));
    line(k);
    SAY(CTL(SET_TIMEOUT, k, 200000L));
    line(k);
    SAY(CTL(SET_TIMEOUT, k, 0L));
    SAY(CTL(REVOKE, k)), SAY(CTL(REVOKE, k)), SAY(CTL(READ, k, 0L, 0L)), SAY(CTL(DESCRIBE, k, 0L, 0L)), SAY(CTL(UPDATE, k, "x", 1L));
    SAY(CTL(SET_TIMEOUT, k, 5L)), SAY(CTL(LINK, k, (long)T)), SAY(request("user", "key", 0, 0));
    OK(add("user", "key", "fresh", 5, S));
    SAY(CTL(INVALIDATE, q)), SAY(CTL(INVALIDATE, q)), SAY(CTL(INVALIDATE, 0L));
    /* Who invalidates does not wait for the link to go. */
    for (int i = 0; i < 3000 && CTL(READ, (long)S, 0L, 0L) > 4; i++) usleep(1000);
    list(S);
    long r = add("keyring", "r", 0, 0, S);
    add("user", "in", "x", 1, r);
    SAY(CTL(CLEAR, r)), SAY(CTL(CLEAR, add("user", "in", "x", 1, r)));
    list(r);
    SAY(CTL(REVOKE, r)), SAY(CTL(CLEAR, r)), SAY(add("user", "in", "x", 1, r));
    SAY(ctl(99, 0L, 0L, 0L, 0L)), SAY(ctl(-1, 0L, 0L, 0L, 0L));
}

static void linking(void) {
    CTL(JOIN_SESSION_KEYRING, 0L);
    long a = add("keyring", "a", 0, 0, S), b = add("keyring", "b", 0, 0, a), c = add("keyring", "c", 0, 0, b), k = add("user", "key", "k", 1, c);
    SAY(CTL(LINK, a, a)), SAY(CTL(LINK, a, c)), SAY(CTL(LINK, c, a)), SAY(CTL(LINK, k, k)), SAY(CTL(LINK, k, 0L)), SAY(CTL(LINK, 0L, a));
    SAY(CTL(LINK, k, a)), SAY(CTL(LINK, k, a));
    list(a);
    SAY(CTL(UNLINK, k, a)), SAY(CTL(UNLINK, k, a)), SAY(CTL(UNLINK, a, k)), SAY(CTL(UNLINK, 1L, a));
    printf("found %d\n", CTL(SEARCH, (long)S, "user", "key", 0L) == k);
    SAY(CTL(SEARCH, (long)S, "user", "nokey", 0L)), SAY(CTL(SEARCH, (long)S, "none", "key", 0L)), SAY(CTL(SEARCH, k, "user", "key", 0L));
    SAY(CTL(SEARCH, (long)S, "user", 8L, 0L)), SAY(CTL(SEARCH, (long)S, "user", "key", k));
    printf("found %d\n", CTL(SEARCH, a, "user", "key", (long)P) == k);
    list(P);
    printf("ring itself %d\n", CTL(SEARCH, a, "keyring", "a", 0L) == a);
    SAY(CTL(MOVE, k, (long)P, a, 0L));
    list(P), list(a);
    SAY(CTL(MOVE, k, (long)P, a, 0L)), SAY(CTL(MOVE, k, a, c, (long)KEYCTL_MOVE_EXCL)), SAY(CTL(MOVE, k, a, c, 8L)), SAY(CTL(MOVE, k, a, a, 0L)), SAY(CTL(MOVE, k, k, a, 0L));
    SAY(CTL(MOVE, k, a, c, 0L));
    long d = c;
    long far = 0;
    for (int i = 0; i < 6; i++) {
        char name[10];
        sprintf(name, "deep%d", i);
        d = OK(add("keyring", name, 0, 0, d));
        if (i == 4) far = OK(add("user", "far", "f", 1, d));
    }
    long other = add("keyring", "other", 0, 0, T);
    SAY(CTL(SEARCH, (long)S, "user", "far", 0L));
    printf("found %d\n", CTL(SEARCH, b, "user", "far", 0L) == far);
    SAY(CTL(LINK, a, other)), SAY(CTL(LINK, b, other)), SAY(CTL(LINK, c, other)), SAY(CTL(LINK, (long)S, other));
    SAY(CTL(RESTRICT_KEYRING, other, 0L, 0L)), SAY(CTL(LINK, k, other)), SAY(add("user", "x", "x", 1, other)), SAY(CTL(RESTRICT_KEYRING, other, 0L, 0L));
    SAY(CTL(UNLINK, b, other)), SAY(CTL(CLEAR, other));
}

static void asking(void) {
    CTL(JOIN_SESSION_KEYRING, 0L);
    long k = add("user", "key", "k", 1, S);
    printf("found %d\n", request("user", "key", 0, 0) == k);
    printf("linked %d\n", request("user", "key", 0, P) == k);
    list(P);
    SAY(request("user", "gone", 0, 0)), SAY(request("none", "gone", 0, 0)), SAY(request("", "gone", 0, 0)), SAY(request((char *)8, "gone", 0, 0)), SAY(request("user", (char *)8, 0, 0));
    SAY(request("user", "gone", (char *)8, 0)), SAY(request("user", "gone", 0, 1)), SAY(request("keyring", "gone", "info", 0)), SAY(request("user", 0, 0, 0));
    SAY(CTL(SET_TIMEOUT, k, 1L));
    usleep(1100000);
    SAY(request("user", "key", 0, 0));
    payload(k);
    SAY(request("user", "made", "info", 0)), SAY(request("user", "made", "info", 0)), SAY(request("user", "made", 0, 0));
    list(P);
    SAY(request("user", "more", "info", S));
    list(S);
    OK(add("user", "made", "now", 3, P)), SAY(CTL(SEARCH, (long)P, "user", "more", 0L));
    list(P);
    SAY(CTL(SET_REQKEY_KEYRING, -1L)), SAY(CTL(SET_REQKEY_KEYRING, 1L)), SAY(CTL(SET_REQKEY_KEYRING, 7L)), SAY(CTL(SET_REQKEY_KEYRING, 6L)), SAY(CTL(SET_REQKEY_KEYRING, 9L));
    SAY(CTL(SET_REQKEY_KEYRING, 0L)), SAY(CTL(SET_REQKEY_KEYRING, 0L));
    SAY(CTL(INSTANTIATE, k, "x", 1L, 0L)), SAY(CTL(NEGATE, k, 1L, 0L)), SAY(CTL(REJECT, k, 1L, 1L, 0L)), SAY(CTL(REJECT, k, 1L, 0L, 0L));
    SAY(CTL(ASSUME_AUTHORITY, 0L)), SAY(CTL(ASSUME_AUTHORITY, -1L)), SAY(CTL(ASSUME_AUTHORITY, k));
    SAY(CTL(GET_KEYRING_ID, (long)KEY_SPEC_REQKEY_AUTH_KEY, 0L)), SAY(CTL(GET_KEYRING_ID, (long)KEY_SPEC_REQUESTOR_KEYRING, 0L)), SAY(CTL(GET_KEYRING_ID, (long)KEY_SPEC_GROUP_KEYRING, 0L));
}

static void *other_thread(void *process) {
    printf("thread: own ring %s", CTL(GET_KEYRING_ID, (long)T, 0L) < 0 ? "none" : "there");
    printf(", process's %d\n", CTL(GET_KEYRING_ID, (long)P, 0L) == (long)process);
    return 0;
}
static void special(void) {
    SAY(CTL(GET_KEYRING_ID, (long)T, 0L)), SAY(CTL(GET_KEYRING_ID, (long)P, 0L));
    long t = OK(CTL(GET_KEYRING_ID, (long)T, 1L)), p = OK(CTL(GET_KEYRING_ID, (long)P, 1L));
    describe(T), describe(P), describe(U), describe(US);
    list(US);
    long s = OK(CTL(JOIN_SESSION_KEYRING, 0L));
    describe(s);
    pthread_t h;
    pthread_create(&h, 0, other_thread, (void *)p);
    pthread_join(h, 0);
    fflush(stdout);
    if (fork() == 0) {
        printf("child: thread's %ld, process's %ld, session %d\n", CTL(GET_KEYRING_ID, (long)T, 0L), CTL(GET_KEYRING_ID, (long)P, 0L), CTL(GET_KEYRING_ID, (long)S, 0L) == s);
        fflush(stdout);
        OK(CTL(JOIN_SESSION_KEYRING, "named"));
        describe(S);
        SAY(CTL(JOIN_SESSION_KEYRING, ".x")), SAY(CTL(JOIN_SESSION_KEYRING, "")), SAY(CTL(JOIN_SESSION_KEYRING, 8L));
        /* The joined thread may not have left its process yet. */
        for (int i = 0; i < 5000 && CTL(SESSION_TO_PARENT) != 0; i++) usleep(1000);
        SAY(CTL(SESSION_TO_PARENT));
        _exit(0);
    }
    wait(0);
    describe(S);
    long per = OK(CTL(GET_PERSISTENT, -1L, (long)S));
    describe(per);
    SAY(CTL(GET_PERSISTENT, 0L, 1L));
    unsigned char caps[8];
    memset(caps, 9, 8);
    SAY(CTL(CAPABILITIES, caps, 8L));
    printf("%x %d\n", caps[0] & 0xb0, caps[7]);
    SAY(CTL(CAPABILITIES, 0L, 0L)), SAY(CTL(CAPABILITIES, 8L, 8L));
    (void)t;
}

static long shared;
static void as_user(void) {
    become(4321);
    CTL(JOIN_SESSION_KEYRING, 0L); /* it is no longer possessed */
    describe(shared), payload(shared);
    SAY(CTL(UPDATE, shared, "x", 1L)), SAY(CTL(SETPERM, shared, (long)POS(ALL))), SAY(CTL(LINK, shared, (long)T)), SAY(CTL(REVOKE, shared));
    SAY(CTL(CHOWN, shared, 4321L, -1L));
    SAY(CTL(GET_PERSISTENT, 0L, (long)T));
    long k = add("user", "mine", "m", 1, T);
    describe(T), describe(U);
    SAY(CTL(CHOWN, k, 0L, -1L)), SAY(CTL(CHOWN, k, -1L, 0L)), SAY(CTL(CHOWN, k, -1L, 4321L)), SAY(CTL(CHOWN, k, -1L, -1L));
    SAY(CTL(SETPERM, k, (long)POS(VIEW | SETATTR)));
    payload(k), describe(k);
    SAY(CTL(SETPERM, k, 0x40L)), SAY(CTL(SETPERM, k, (long)USR(SETATTR))), SAY(CTL(SETPERM, k, 0L)), SAY(CTL(SETPERM, k, 0L));
    line(k);
}
static void allowed(void) {
    CTL(JOIN_SESSION_KEYRING, 0L);
    shared = add("user", "shared", "text", 4, S);
    in_child(as_user);
    SAY(CTL(SETPERM, shared, (long)(POS(ALL) | VIEW | READ)));
    in_child(as_user);
    SAY(CTL(SETPERM, shared, (long)(POS(ALL) | USR(ALL) | VIEW | WRITE | LINK)));
    in_child(as_user);
    payload(shared);
    SAY(CTL(CHOWN, shared, 4321L, 4321L));
    describe(shared);
    in_child(as_user);
}

static void quotas(void) {
    static char big[20000];
    become(4322);
    SAY(add("user", "gone", "x", 1, T) > 0);
    usage();
    SAY(add("user", "size", big, 64, T) > 0);
    usage();
    SAY(add("user", "much", big, 19999, T)), SAY(add("user", "much", big, 12000, T) > 0), SAY(CTL(UPDATE, add("user", "size", big, 1, T), big, 4096L));
    /* No usage() here: a key that could not be made counts until it is collected. */
    CTL(CLEAR, (long)T);
    /* Nor does who clears wait for the keys. */
    char b[8000] = "", want[] = " 4322:";
    for (int i = 0; i < 3000; i++, usleep(1000)) {
        read_text("/proc/key-users", b, sizeof b);
        char *l = strstr(b, want), *quota = l ? strchr(l, '/') : 0;
        if (quota && strstr(quota, " 1/200 5/")) break;
    }
    int n = 0;
    char name[20];
    while (sprintf(name, "k%d", n), add("user", name, "x", 1, T) > 0) n++;
    printf("%d keys: %s\n", n, strerrorname_np(errno));
    usage();
}

int main(void) {
    char *two = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(two + 4096, 4096);
    edge = two + 4095;
    /* None of what waits for collection goes in between. */
    in_child(adding), in_child(reading), in_child(linking), in_child(asking), in_child(special), in_child(allowed), in_child(quotas);
    return 0;
}
