// A task's small files.
#include <tenon/linux/task_facts.h>
#include <tenon/mm/address_space.h>
#include <tenon/mm/slab.h>
#include <tenon/process/tree.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "files.h"

namespace tenon::procfs {

namespace {

// Copies [start, end) of the task's memory.
Result<void> write_memory_range(Text& out, mm::AddressSpace& space, u64 start, u64 end) {
    char chunk[256];
    while (start < end) {
        const usize n = std::min<u64>(end - start, sizeof(chunk));
        auto got = space.access(start, chunk, n, false, true);
        if (!got || *got == 0) break;
        out.write({chunk, *got});
        start += *got;
    }
    return {};
}

}  // namespace

Result<void> show_arguments(Text& out, const Subject& about) {
    Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return {};
    const auto& layout = space->layout;
    // A program that set its title wrote over the end of its arguments, into the environment: then
    // the text ends at its first NUL.
    char last = '\0';
    if (layout.arg_end > layout.arg_start)
        (void)space->access(layout.arg_end - 1, &last, 1, false, true);
    TRY(write_memory_range(out, *space, layout.arg_start, layout.arg_end));
    if (last == '\0') return {};
    TRY(write_memory_range(out, *space, layout.env_start, layout.env_end));
    return {};
}

Result<void> show_environment(Text& out, const Subject& about) {
    Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return {};
    return write_memory_range(out, *space, space->layout.env_start, space->layout.env_end);
}

Result<void> show_comm(Text& out, const Subject& about) {
    out.print("{}\n", static_cast<const char*>(about.task->name));
    return {};
}

Result<void> store_comm(const Subject& about, std::string_view text) {
    // Only a thread of the same process may.
    if (about.process.get() != &process::current_process()) return Err(Error::inval);
    // As it is: what echo writes ends with its newline.
    text = text.substr(0, sizeof(about.task->name) - 1);
    char name[sizeof(about.task->name)] = {};
    std::memcpy(name, text.data(), text.size());
    std::memcpy(about.task->name, name, sizeof(name));
    return {};
}

Result<void> show_limits(Text& out, const Subject& about) {
    struct Row {
        const char* name;
        const char* unit;
    };
    static constexpr Row kRows[] = {
        {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
        {"Max data size", "bytes"},      {"Max stack size", "bytes"},
        {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
        {"Max processes", "processes"},  {"Max open files", "files"},
        {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
        {"Max file locks", "locks"},     {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
        {"Max realtime priority", ""},   {"Max realtime timeout", "us"},
    };
    out.print("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (u32 i = 0; i < std::size(kRows); ++i) {
        const auto& pair = about.process->limits.value[i];
        out.print("{:<25} ", kRows[i].name);
        for (u64 value : {pair.soft, pair.hard}) {
            if (value == ~u64{0})
                out.print("{:<20} ", "unlimited");
            else
                out.print("{:<20} ", value);
        }
        if (kRows[i].unit[0] != '\0')
            out.print("{:<10}\n", kRows[i].unit);
        else
            out.write("\n");
    }
    return {};
}

Result<void> show_auxv(Text& out, const Subject& about) {
    Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) return {};
    out.write(
        {reinterpret_cast<const char*>(space->layout.aux), space->layout.aux_count * sizeof(u64)});
    return {};
}

Result<void> show_oom_score(Text& out, const Subject& about) {
    i64 score = 0;
    if (Ref<mm::AddressSpace> space = process::space_of(*about.task)) {
        const u64 total = std::max<u64>(mm::memory_stats().total_pages, 1);
        const i64 points = static_cast<i64>(space->resident_pages() * 1000 / total) +
                           about.process->oom_score_adjust;
        score = std::max<i64>(0, (1000 + points) * 2 / 3);
    }
    out.print("{}\n", score);
    return {};
}

Result<void> show_oom_score_adjust(Text& out, const Subject& about) {
    out.print("{}\n", about.process->oom_score_adjust);
    return {};
}

Result<void> store_oom_score_adjust(const Subject& about, std::string_view text) {
    TRY_ASSIGN(const i64 value, parse_number(text));
    if (value < -1000 || value > 1000) return Err(Error::inval);
    if (value < about.process->oom_score_adjust &&
        !process::capable(process::Capability::sys_resource))
        return Err(Error::acces);
    process::set_oom_score_adjust(*about.process, static_cast<i32>(value));
    return {};
}

Result<void> show_wchan(Text& out, const Subject&) {
    out.write("0");
    return {};
}

Result<void> show_id_map(Text& out, const Subject&) {
    out.print("{:10} {:10} {:10}\n", 0, 0, 4294967295);
    return {};
}

Result<void> show_setgroups(Text& out, const Subject&) {
    out.write("allow\n");
    return {};
}

Result<void> show_login_id(Text& out, const Subject&) {
    out.write("4294967295");
    return {};
}

Result<void> show_session_id(Text& out, const Subject&) {
    out.write("4294967295");
    return {};
}

Result<void> show_personality(Text& out, const Subject& about) {
    if (!may_look(about)) return Err(Error::perm);
    linux_task::Facts facts;
    if (auto tasks = module::find_service<linux_task::Tasks>(linux_task::kService))
        facts = tasks->call(&linux_task::Tasks::facts_of, *about.task);
    out.print("{:08x}\n", facts.persona);
    return {};
}

Result<void> show_timer_slack(Text& out, const Subject& about) {
    out.print("{}\n", about.process->timer_slack_ns);
    return {};
}

Result<void> store_timer_slack(const Subject& about, std::string_view text) {
    TRY_ASSIGN(const i64 value, parse_number(text));
    process::set_timer_slack(*about.process, value <= 0 ? 50000 : static_cast<u32>(value));
    return {};
}

Result<void> show_coredump_filter(Text& out, const Subject& about) {
    out.print("{:08x}\n", about.process->core_filter);
    return {};
}

Result<void> store_coredump_filter(const Subject& about, std::string_view text) {
    // Hexadecimal with 0x, as it is mostly written.
    while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
    u32 value = 0;
    if (text.starts_with("0x")) {
        const char* const end = text.data() + text.size();
        const auto r = std::from_chars(text.data() + 2, end, value, 16);
        if (r.ec != std::errc() || r.ptr != end) return Err(Error::inval);
    } else {
        TRY_ASSIGN(const i64 number, parse_number(text));
        value = static_cast<u32>(number);
    }
    constexpr u32 kKinds = 0x1ff;  // of mappings, a bit each
    process::set_core_filter(*about.process, value & kKinds);
    return {};
}

Result<void> show_nothing(Text&, const Subject&) {
    return {};
}

Result<void> store_ignored(const Subject&, std::string_view) {
    return {};
}

}  // namespace tenon::procfs
