// Spec: Linux, Documentation/filesystems/ramfs-rootfs-initramfs.rst and admin-guide/init.rst.
#include "personality/linux/process/first_program.h"

#include <tenon/mm/page_alloc.h>
#include <tenon/process/task.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/lookup.h>

namespace tenon::personality {

namespace {

constexpr vfs::DeviceNumber kConsole{5, 1};

Result<Ref<vfs::File>> open_console() {
    constexpr std::string_view kPath = "/dev/console";
    const vfs::LookupStart start = vfs::lookup_start_of_current();
    const vfs::OpenRequest request{.flags = vfs::kOpenRead | vfs::kOpenWrite | vfs::kOpenNoCtty};
    auto file = vfs::open(start, kPath, request);
    if (file || file.error() != Error::noent) return file;
    if (auto r = vfs::make_node(start, "/dev", vfs::kDirectory | 0755, {});
        !r && r.error() != Error::exist)
        return Err(r.error());
    TRY(vfs::make_node(start, kPath, vfs::kCharDevice | 0600, kConsole));
    return vfs::open(start, kPath, request);
}

}  // namespace

void set_first_limits(process::Limits& limits) {
    using L = process::Limits;
    limits.value[L::nofile] = {1024, 4096};
    limits.value[L::stack] = {8ull << 20, ~u64{0}};
    limits.value[L::core] = {0, ~u64{0}};
    limits.value[L::memlock] = {8ull << 20, 8ull << 20};
    limits.value[L::msgqueue] = {819200, 819200};
    limits.value[L::nice] = {0, 0};
    limits.value[L::rtprio] = {0, 0};
    const u64 threads = mm::memory_stats().total_pages / 16;  // as Linux: an eighth of memory / 2
    limits.value[L::nproc] = {threads, threads};
    limits.value[L::sigpending] = {threads, threads};
}

void open_first_console() {
    vfs::FileTable& files = *current()->files;
    if (files.next_open(0) >= 0) return;
    auto console = open_console();
    for (i32 fd = 0; fd < 3 && console; ++fd) {
        if (auto r = files.install(*console, false, 3); !r) console = Err(r.error());
    }
    if (!console) log::warn("init: cannot open /dev/console: {}", console.error());
}

}  // namespace tenon::personality
