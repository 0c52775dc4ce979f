// The rest of the top directory.
#include <tenon/boot/boot_info.h>
#include <tenon/device/device.h>
#include <tenon/module/loader.h>
#include <tenon/process/system_name.h>
#include <tenon/sched/scheduler.h>
#include <tenon/time/clock.h>
#include <tenon/trace/metrics.h>
#include <tenon/vfs/char_device.h>
#include <tenon/vfs/file.h>

#include "devices.h"
#include "files.h"

namespace tenon::procfs {

Result<void> show_uptime(Text& out, const Subject&) {
    u64 idle = 0;
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) idle += sched::cpu_times(cpu).idle_ns;
    const u64 up = ticks(time::boottime_ns());
    idle = ticks(idle);
    out.print("{}.{:02} {}.{:02}\n", up / 100, up % 100, idle / 100, idle % 100);
    return {};
}

Result<void> show_loadavg(Text& out, const Subject&) {
    const sched::LoadAverages load = sched::load_averages();
    for (u32 fixed : load.fixed) {
        const u64 hundredths = (u64{fixed} * 100 + 1024) >> 11;
        out.print("{}.{:02} ", hundredths / 100, hundredths % 100);
    }
    out.print("{}/{} {}\n", load.running, process::thread_total(), process::last_pid());
    return {};
}

Result<void> show_version(Text& out, const Subject&) {
    out.print("{} version {} (tenon@tenon) (gcc) {}\n", process::kSystemType,
              process::kSystemRelease, process::kSystemVersion);
    return {};
}

Result<void> show_cmdline(Text& out, const Subject&) {
    out.print("{}\n", boot::boot_info().command_line());
    return {};
}

Result<void> show_filesystems(Text& out, const Subject&) {
    vfs::for_each_file_system(
        [](std::string_view name, bool needs_device, void* context) {
            static_cast<Text*>(context)->print("{}\t{}\n", needs_device ? "" : "nodev", name);
        },
        &out);
    return {};
}

Result<void> show_modules(Text& out, const Subject&) {
    module::for_each_module(
        [](module::Module& mod, const module::ModuleInfo& info, void* context) {
            auto& text = *static_cast<Text*>(context);
            const char* state = info.state == module::State::live    ? "Live"
                                : info.state == module::State::going ? "Unloading"
                                                                     : "Loading";
            text.print("{} {} {} ", info.name, info.size_bytes, info.references);
            const usize before = text.size();
            module::for_each_holder(
                mod,
                [](std::string_view holder, void* c) {
                    static_cast<Text*>(c)->print("{},", holder);
                },
                &text);
            if (text.size() == before) text.print("-");
            text.print(" {} {:#018x}", state, info.base_address);
            if (info.taint_flags != 0) text.print(" (O)");
            text.print("\n");
        },
        &out);
    return {};
}

Result<void> show_devices(Text& out, const Subject&) {
    out.print("Character devices:\n");
    vfs::for_each_char_device(
        [](u32 major, std::string_view name, void* context) {
            static_cast<Text*>(context)->print("{:3} {}\n", major, name);
        },
        &out);
    out.print("\nBlock devices:\n");
    vfs::for_each_block_device(
        [](u32 major, std::string_view name, void* context) {
            static_cast<Text*>(context)->print("{:3} {}\n", major, name);
        },
        &out);
    return {};
}

Result<void> show_misc(Text&, const Subject&) {
    return {};
}

Result<void> show_locks(Text& out, const Subject&) {
    if (const vfs::FileHooks* hooks = vfs::file_hooks()) hooks->show_locks(out, nullptr, nullptr);
    return {};
}

namespace {

bool is_disk(const device::Device& d) {
    return d.node().is_block;
}

}  // namespace

Result<void> show_partitions(Text& out, const Subject&) {
    bool any = false;
    each_device(&is_disk, [&](device::Device& d) {
        char text[32];
        fmt::BufferSink size(text);
        show_attribute(d, "size", size);
        u64 sectors = 0;
        for (char c : size.text())
            if (c >= '0' && c <= '9') sectors = sectors * 10 + static_cast<u64>(c - '0');
        if (!std::exchange(any, true)) out.print("major minor  #blocks  name\n\n");
        out.print("{:4}  {:7} {:10} {}\n", d.node().major, d.node().minor, sectors / 2, d.name());
    });
    return {};
}

Result<void> show_diskstats(Text& out, const Subject&) {
    each_device(&is_disk, [&](device::Device& d) {
        out.print("{:4} {:7} {}", d.node().major, d.node().minor, d.name());
        // The same numbers as in sysfs, without the padding.
        char text[320];
        fmt::BufferSink stat(text);
        show_attribute(d, "stat", stat);
        char last = ' ';
        out.print(" ");
        for (char c : stat.text())
            if (const char before = std::exchange(last, c); c != ' ' || before != ' ')
                out.print("{}", c);
    });
    return {};
}

Result<void> show_consoles(Text& out, const Subject&) {
    out.print("ttyS0                -W- (EC p a)    4:64\n");
    return {};
}

Result<void> show_iomem(Text& out, const Subject&) {
    const bool shown = process::capable(process::Capability::sys_admin);
    for (const boot::MemoryRange& range : boot::boot_info().memory()) {
        using enum boot::MemoryKind;
        const char* name = range.kind == acpi_tables ? "ACPI Tables"
                           : range.kind == acpi_nvs  ? "ACPI Non-volatile Storage"
                           : range.kind == reserved || range.kind == bad ? "Reserved"
                                                                         : "System RAM";
        out.print("{:08x}-{:08x} : {}\n", shown ? range.start.value : 0,
                  shown ? range.end().value - 1 : 0, name);
    }
    return {};
}

// Terminals by the numbers that their drivers took. Spec: Linux fs/proc/proc_tty.c.
Result<void> show_tty_drivers(Text& out, const Subject&) {
    bool taken[256] = {};
    vfs::for_each_char_device(
        [](u32 major, std::string_view, void* context) {
            if (major < 256) static_cast<bool*>(context)[major] = true;
        },
        taken);
    constexpr u32 kSerial = 4, kAuxiliary = 5, kPtySlave = 136;
    if (taken[kAuxiliary]) {
        out.print("{:<20} {:<12} {:3} {:7} {}\n", "/dev/tty", "/dev/tty", 5, 0, "system:/dev/tty");
        out.print("{:<20} {:<12} {:3} {:7} {}\n", "/dev/console", "/dev/console", 5, 1,
                  "system:console");
    }
    if (taken[kPtySlave])
        out.print("{:<20} {:<12} {:3} {:7} {}\n", "/dev/ptmx", "/dev/ptmx", 5, 2, "system");
    if (taken[kSerial])
        out.print("{:<20} {:<12} {:3} {} {}\n", "serial", "/dev/ttyS", 4, "64-95", "serial");
    if (taken[kPtySlave])
        out.print("{:<20} {:<12} {:3} {} {}\n", "pty_slave", "/dev/pts", 136, "0-4095",
                  "pty:slave");
    return {};
}
Result<void> show_line_disciplines(Text& out, const Subject&) {
    out.print("{:<10} {:2}\n", "n_tty", 0);
    return {};
}

Result<void> show_exec_domains(Text& out, const Subject&) {
    out.write("0-0\tLinux           \t[kernel]\n");
    return {};
}

Result<void> show_cgroups(Text& out, const Subject&) {
    out.print("#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
    return {};
}

Result<void> show_metrics(Text& out, const Subject&) {
    metrics::write_all(out);
    return {};
}

}  // namespace tenon::procfs
