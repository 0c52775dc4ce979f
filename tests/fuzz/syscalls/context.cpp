#include "context.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "values.h"

namespace fuzz {

namespace {

constexpr const char* kOwnPaths[] = {
    "f0",    "f1",  "f2", "f3",         "d0",       "d1",        "d0/f0",    "d0/f1",
    "d0/d2", "l0",  "l1", "loop",       "fifo",     "sock",      "big",      "f0/",
    "d0/",   ".",   "",   "missing/f0", "f0/below", "./d0/./f0", "d0/../f1", "dangling",
    "exec",  "elf", "m0", "m0/f0",      "m1",
};
// For those who can do no harm there.
constexpr const char* kWorldPaths[] = {
    "/",
    "..",
    "../..",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/ptmx",
    "/dev/tty",
    "/dev/pts/0",
    "/dev/console",
    "/dev/kmsg",
    "/proc/self/maps",
    "/proc/self/mem",
    "/proc/self/status",
    "/proc/self/exe",
    "/proc/self/cwd",
    "/proc/self/root",
    "/proc/self/fd",
    "/proc/self/fd/3",
    "/proc/self/fd/5",
    "/proc/self/fdinfo/4",
    "/proc/self/task",
    "/proc/self/smaps",
    "/proc/self/stat",
    "/proc/self/environ",
    "/proc/self/comm",
    "/proc/self/oom_score_adj",
    "/proc/self/clear_refs",
    "/proc/self/pagemap",
    "/proc/self/auxv",
    "/proc/self/mountinfo",
    "/proc/self/syscall",
    "/proc/self/coredump_filter",
    "/proc/1/maps",
    "/proc/1/fd",
    "/proc/1/stat",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/interrupts",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/core_pattern",
    "/proc/kallsyms",
    "/proc/kmsg",
    "/proc/sysvipc/shm",
    "/proc/locks",
    "/sys",
    "/sys/kernel",
    "/sys/devices",
    "/sys/module",
    "/sys/kernel/tenon/module_control",
    "/etc",
    "/etc/passwd",
    "/tmp",
    "/bin/sh",
    "/root",
};
constexpr const char* kAdminPaths[] = {"/",    "/f0",  "/d0/f1", "null", "zero",
                                       "full", "ptmx", "tty",    "/null"};
constexpr const char* kPrograms[] = {"exec", "elf", "elf",  "/bin/true", "/bin/sh",
                                     "f0",   "d0",  "fifo", "missing"};
constexpr const char* kFileSystems[] = {"tmpfs", "tmpfs", "ramfs", "devpts", "mqueue",
                                        "proc",  "sysfs", "ext4",  "none",   ""};
constexpr const char* kQueues[] = {"fz0", "fz1", "fz2", "", "fz/0", ".", "missing"};

}  // namespace

const char* Context::path_text() {
    static thread_local char longest[8200];
    if (random.one_in(40)) {  // a name or a path that is too long, or just not
        const size_t bytes = random.of(
            {size_t{254}, size_t{255}, size_t{256}, size_t{4095}, size_t{4096}, size_t{8000}});
        for (size_t i = 0; i < bytes; i++) longest[i] = bytes > 300 && i % 64 == 63 ? '/' : 'x';
        longest[bytes] = 0;
        return longest;
    }
    if (profile == Profile::user)
        return random.one_in(3) ? random.of(kWorldPaths) : random.of(kOwnPaths);
    return random.one_in(6) ? random.of(kAdminPaths) : random.of(kOwnPaths);
}

u64 Context::path() {
    const char* const text = path_text();
    // No structure is as short as a path: its null byte may lie on the page that is not there.
    return arena.place(random, text, strlen(text) + 1);
}

u64 Context::fd() {
    static constexpr u64 kOdd[] = {
        ~u64{0}, static_cast<u64>(AT_FDCWD), 0, 1, 2, 1000, 0x7fffffff, 0x80000000, 255, 63};
    if (random.one_in(20)) return random.of(kOdd);
    if (random.one_in(16)) return recent();
    return 3 + random.below(random.one_in(4) ? 61 : 30);
}

u64 Context::pid() {
    const u64 self = static_cast<u64>(getpid());
    switch (random.below(8)) {
        case 0:
            return 0;
        case 1:
            return self + 1 + random.below(3);
        case 2:
            return random.of({u64{0x7fffffff}, u64{0x80000000}, u64{4194305}, -u64{0x7fffffff}});
        case 3:
            return profile == Profile::user
                       ? random.of({u64{1}, ~u64{0}, u64{2}, random.below(300)})
                       : -self;
        case 4:
            return recent() > 300 ? recent() : self;
        default:
            return self;
    }
}

u64 Context::small_time() {
    i64 time[4];  // as a timespec or an interval and a value
    for (unsigned i = 0; i < 4; i += 2) {
        time[i] = random.one_in(16) ? static_cast<i64>(draw_number(random)) : 0;
        time[i + 1] = random.one_in(16) ? static_cast<i64>(draw_number(random))
                                        : static_cast<i64>(random.below(2'000'000));
        if (random.one_in(24))
            time[i + 1] =
                random.of({i64{999'999'999}, i64{1'000'000'000}, i64{-1}, i64{1'000'000}});
    }
    return arena.place(random, time, sizeof(time));
}

void Context::remember(i64 result) {
    if (result <= 2) return;
    results_[next_result_] = static_cast<u64>(result);
    next_result_ = (next_result_ + 1) % kResults;
}

u64 Context::pointer(const Call& call, std::string_view name) {
    if (random.one_in(14)) return 0;
    u64 made;
    if (!random.one_in(10) && draw_structure(*this, call, name, made)) return made;
    if (random.one_in(3))
        return arena.room(
            random, random.of({size_t{4}, size_t{8}, size_t{128}, size_t{4096}, size_t{16384}}));
    // Noise that now and then means something: descriptors, small numbers, pointers.
    u64 noise[64];
    for (u64& word : noise) {
        switch (random.below(6)) {
            case 0:
                word = fd();
                break;
            case 1:
                word = reinterpret_cast<u64>(arena.allocate(64));
                break;
            case 2:
                word = draw_number(random);
                break;
            case 3:
                word = random.below(4096);
                break;
            default:
                word = 0;
        }
    }
    return arena.place(random, noise, sizeof(noise) >> random.below(5));
}

u64 Context::draw(const Call& call, unsigned index) {
    const Argument& argument = call.arguments[index];
    if (random.one_in(200)) return random.next();
    if (call.name == "mount" && argument.name == "type") {
        const char* const type = random.of(kFileSystems);
        return arena.place(random, type, strlen(type) + 1);
    }
    if (call.name.starts_with("exec") && argument.kind == Kind::path) {
        const char* const program = random.of(kPrograms);
        return arena.place(random, program, strlen(program) + 1);
    }
    if (call.name.starts_with("mq_") && argument.kind == Kind::path) {
        const char* const queue = random.of(kQueues);
        return arena.place(random, queue, strlen(queue) + 1);
    }
    if (const Values* values = values_for(call, argument)) return draw_value(random, *values);
    switch (argument.kind) {
        case Kind::fd:
            if (argument.name.ends_with("dfd") && !random.one_in(3))
                return static_cast<u64>(AT_FDCWD);
            return fd();
        case Kind::pid:
            return pid();
        case Kind::path:
            return path();
        case Kind::size:
            return draw_size(random);
        case Kind::offset:
            return draw_offset(random);
        case Kind::address:
            return Arena::field_address(random);
        case Kind::pointer:
            return pointer(call, argument.name);
        default:
            break;
    }
    // Numbers that some call gave: identifiers of System V IPC and timers, watches, contexts of
    // AIO.
    if (argument.name == "pid" || argument.name == "who" || argument.name == "pgid") return pid();
    if (argument.name == "ctx" || argument.name == "ctx_id") return recent();
    if (argument.name == "id" || argument.name == "key")
        return random.one_in(3) ? recent() : random.below(6);
    if (argument.name == "arg" && random.one_in(2)) return pointer(call, argument.name);
    if (argument.name == "data" || argument.name == "addr")
        return random.one_in(2) ? arena.room(random, 512) : draw_number(random);
    if (argument.name.ends_with("uid") || argument.name.ends_with("gid") ||
        argument.name == "user" || argument.name == "group")
        return random.of(
            {u64{geteuid()}, u64{getegid()}, u64{geteuid()}, ~u64{0}, u64{0}, random.below(70000)});
    if (argument.name.ends_with("count") || argument.name == "vlen" || argument.name == "nr" ||
        argument.name == "nr_segs" || argument.name == "nr_futexes")
        return random.one_in(6) ? draw_number(random) : random.below(9);
    if (argument.name.ends_with("len")) return draw_size(random);
    return random.one_in(10) ? recent() : draw_number(random);
}

}  // namespace fuzz
