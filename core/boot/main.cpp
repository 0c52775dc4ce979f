// kernel_main: the order in which the kernel comes up.
//
// Theory: the boot CPU runs straight down with interrupts off until the scheduler exists; it then
// starts pid 1 as a kernel thread and becomes its own idle task. Everything that may sleep (initrd,
// modules, the other CPUs, the first program) happens in pid 1. Nothing here knows a module by
// name: the boot manifest, a file of the initrd, does.
#include <tenon/arch/machine.h>
#include <tenon/arch/page_table.h>
#include <tenon/arch/smp.h>
#include <tenon/arch/time.h>
#include <tenon/boot/boot_info.h>
#include <tenon/lib/assert.h>
#include <tenon/mm/slab.h>
#include <tenon/process/process.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/lookup.h>

#include <array>
#include <span>
#include <string_view>

#include "core/boot/init.h"
#include "core/module/crossing.h"

namespace tenon::boot {

namespace {

constexpr std::string_view kManifestPath = "/boot/tenon.manifest";
constexpr std::string_view kDefaultInit = "/sbin/init";
constexpr usize kMaxManifestBytes = 16 * 1024;

// The whole of a small file as text, NUL-terminated; empty with an error logged by the caller.
Result<std::unique_ptr<char[]>> read_text(std::string_view path, usize& length) {
    vfs::OpenRequest request{.flags = vfs::kOpenRead};
    TRY_ASSIGN(auto file, vfs::open(vfs::lookup_start_of_current(), path, request));
    std::unique_ptr<char[]> text(new (std::nothrow) char[kMaxManifestBytes + 1]);
    if (!text) return Err(Error::nomem);
    auto buffer = vfs::IoBuffer::kernel(static_cast<void*>(text.get()), kMaxManifestBytes);
    TRY_ASSIGN(length, file->read(buffer));
    text[length] = '\0';
    return text;
}

// The argument of the manifest's last `keyword` line.
std::string_view manifest_value(std::string_view manifest, std::string_view keyword) {
    std::string_view found;
    while (!manifest.empty()) {
        usize end = manifest.find('\n');
        std::string_view line = manifest.substr(0, end);
        manifest.remove_prefix(end == std::string_view::npos ? manifest.size() : end + 1);
        if (line.starts_with(keyword) && line.size() > keyword.size() &&
            line[keyword.size()] == ' ')
            found = line.substr(keyword.size() + 1);
    }
    return found;
}

// The programs that may be the first one, in order: init=, the manifest's, then the customary
// places.
void run_first_program(std::string_view manifest) {
    std::array<std::string_view, 6> candidates{};
    usize count = 0;
    if (Parameter p = parameter("init"); p.found && !p.value.empty()) candidates[count++] = p.value;
    if (std::string_view v = manifest_value(manifest, "init"); !v.empty()) candidates[count++] = v;
    for (std::string_view path : {kDefaultInit, std::string_view("/init"),
                                  std::string_view("/bin/init"), std::string_view("/bin/sh")}) {
        if (count < candidates.size()) candidates[count++] = path;
    }
    for (usize i = 0; i < count; ++i) {
        Result<void> result = process::start_init(candidates[i]);
        if (result) return;  // pid 1 is on its way to user mode
        if (i == 0 || result.error() != Error::noent)
            log::err("init: cannot run {}: {}", candidates[i], result.error());
    }
    panic(
        "no init found: the root has none of the usual programs. Give one with init=PATH, or a "
        "root "
        "that holds /sbin/init");
}

// Pid 1's first life.
void init_task(void*) {
    for (const PhysRange& part : boot_info().initrd()) {
        const auto* bytes = static_cast<const u8*>(arch::phys_to_virt(part.start));
        if (auto r = vfs::init_root({bytes, part.length_bytes}); !r)
            log::err("initrd at {:#x}, {} bytes: {}: using what was unpacked", part.start.value,
                     part.length_bytes, r.error());
    }
    if (boot_info().initrd().empty()) log::err("no initrd: the root is empty");

    usize length = 0;
    std::string_view manifest;
    auto text = read_text(kManifestPath, length);
    if (text)
        manifest = {text->get(), length};
    else
        log::err("{}: {}: no modules are loaded", kManifestPath, text.error());
    if (u32 failed = module::load_boot_modules(manifest); failed != 0)
        log::err("{} boot modules failed to load", failed);
    // After the modules: a driver that finds its bus moves what the machine decodes (sizing a PCI
    // BAR), and no other CPU may touch memory meanwhile. QEMU before 8.1 crashes if one does.
    arch::start_cpus(sched::prepare_idle_task, sched::secondary_cpu_main);
    module::CallStack::provide();
    arch::start_watchdog(module::watch_period_ns());
    run_first_program(manifest);
}

}  // namespace

extern "C" void kernel_main() {
    const BootInfo& info = boot_info();
    mm::init(info);
    arch::init_machine(info);
    sched::init_boot_cpu();
    random::init(info);
    time::init();
    process::init();
    vfs::init();
    device::init();
    module::init();
    log::info("Tenon 6.1.0-tenon {}: {} CPUs possible, {} MiB of memory", arch::machine_name(),
              arch::possible_cpus(), mm::memory_stats().total_pages >> (20 - kPageShift));
    if (parameter("quiet").found) log::set_console_level(4);
    arch::irq_enable();
    sched::start_services();
    module::start_warden();
    if (auto r = process::spawn_init_task(init_task, nullptr); !r)
        panic("cannot make the init task");
    sched::run_idle(0);
}

}  // namespace tenon::boot
