// Faults and mappings; a module's way in and out.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

namespace bench {

extern const char* module_file;
extern const char* module_name;

void anonymous_fault() {
    constexpr std::size_t kPages = 512;
    double best = 1e300;
    for (int round = 0; round < 5; ++round) {
        auto* p = static_cast<volatile char*>(mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE,
                                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (p == MAP_FAILED) fail("mmap");
        madvise(const_cast<char*>(p), kPages * 4096, MADV_NOHUGEPAGE);
        std::uint64_t start = now_ns();
        for (std::size_t i = 0; i < kPages; ++i) p[i * 4096] = 1;
        double ns = static_cast<double>(now_ns() - start) / kPages;
        if (ns < best) best = ns;
        munmap(const_cast<char*>(p), kPages * 4096);
    }
    report("page_fault", best, "ns");
}

void file_fault() {
    constexpr std::size_t kPages = 256;
    int fd = open("/tmp/tenon-bench.map", O_RDWR | O_CREAT | O_TRUNC, 0600);
    static char page[4096];
    for (std::size_t i = 0; i < kPages; ++i) {
        if (write(fd, page, sizeof(page)) != sizeof(page)) fail("write");
    }
    double best = 1e300;
    for (int round = 0; round < 5; ++round) {
        auto* p =
            static_cast<volatile char*>(mmap(nullptr, kPages * 4096, PROT_READ, MAP_SHARED, fd, 0));
        if (p == MAP_FAILED) fail("mmap");
        std::uint64_t start = now_ns();
        for (std::size_t i = 0; i < kPages; ++i) (void)p[i * 4096];
        double ns = static_cast<double>(now_ns() - start) / kPages;
        if (ns < best) best = ns;
        munmap(const_cast<char*>(p), kPages * 4096);
    }
    close(fd);
    report("file_fault", best, "ns");
}

void map_unmap() {
    measure("mmap_munmap", 2000, [] {
        void* p = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) fail("mmap");
        munmap(p, 65536);
    });
}

void module_load() {
    if (module_file == nullptr) return;
    int fd = open(module_file, O_RDONLY);
    if (fd < 0) fail(module_file);
    double load = 1e300, unload = 1e300;
    for (int round = 0; round < 5; ++round) {
        std::uint64_t start = now_ns();
        if (syscall(SYS_finit_module, fd, "", 0) != 0) fail("finit_module");
        std::uint64_t middle = now_ns();
        if (syscall(SYS_delete_module, module_name, O_NONBLOCK) != 0) fail("delete_module");
        std::uint64_t end = now_ns();
        if (static_cast<double>(middle - start) < load) load = static_cast<double>(middle - start);
        if (static_cast<double>(end - middle) < unload) unload = static_cast<double>(end - middle);
    }
    close(fd);
    report("module_load", load, "ns");
    report("module_unload", unload, "ns");
}

}  // namespace bench
