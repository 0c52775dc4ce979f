// tenon-bench: the guest's half of `./tenon bench`. Plain Linux, static; the same binary runs under
// both kernels.
//   tenon-bench [NAME...]     all, or those named; `--list` names them; `--module FILE.ko NAME` for
//   module_load
#include <cstdio>
#include <cstring>

#include "harness.h"

namespace bench {
const char* module_file = nullptr;
const char* module_name = nullptr;
}  // namespace bench

using namespace bench;

static const Entry kAll[] = {
    {"null_syscall", null_syscall},
    {"read_4k", read_4k},
    {"write_4k", write_4k},
    {"stat", stat_path},
    {"fstat", fstat_file},
    {"open_close", open_close},
    {"create_unlink", create_unlink},
    {"select_10", select_10},
    {"poll_10", poll_10},
    {"epoll_one", epoll_one},
    {"signal_install", signal_install},
    {"signal_catch", signal_catch},
    {"protection_fault", protection_fault},
    {"pipe_latency", pipe_latency},
    {"pipe_bandwidth", pipe_bandwidth},
    {"unix_latency", unix_latency},
    {"context_switch", context_switch},
    {"futex_wake", futex_wake},
    {"thread_create", thread_create},
    {"fork_exit", fork_exit},
    {"fork_exec", fork_exec},
    {"shell", shell},
    {"page_fault", anonymous_fault},
    {"file_fault", file_fault},
    {"mmap_munmap", map_unmap},
    {"record_lock", record_lock},
    {"module_load_unload", module_load},
};

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "--exit") == 0) return 0;
    if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
        for (const Entry& e : kAll) std::puts(e.name);
        return 0;
    }
    int first = 1;
    if (argc > 3 && std::strcmp(argv[1], "--module") == 0) {
        module_file = argv[2];
        module_name = argv[3];
        first = 4;
    }
    int known = 0;
    for (const Entry& e : kAll) {
        bool wanted = first >= argc;
        for (int i = first; i < argc; ++i) wanted |= std::strcmp(argv[i], e.name) == 0;
        if (!wanted) continue;
        ++known;
        e.run();
    }
    if (known == 0) std::fprintf(stderr, "tenon-bench: no such benchmark (see --list)\n");
    return known == 0 ? 2 : 0;
}
