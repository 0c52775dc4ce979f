#include <tenon/lib/format.h>
#include <tenon/process/system_name.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/exec/credentials.h"
#include "personality/linux/trace/core_dump.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

// A name must not lead elsewhere: slashes become exclamation marks, and it is not empty, . or ..
void put_name(fmt::BufferSink& out, std::string_view name) {
    char one[1];
    if (name.empty() || name == "." || name == "..") {
        out.write("!");
        name.remove_prefix(name.empty() ? 0 : 1);
    }
    for (char c : name) {
        one[0] = c == '/' ? '!' : c;
        out.write({one, 1});
    }
}

void put_executable(fmt::BufferSink& out, bool whole) {
    Process& process = current_process();
    Ref<vfs::File> file;
    {
        TreeGuard guard(tree_lock());
        file = process.executable;
    }
    std::unique_ptr<char[]> buffer(new (std::nothrow) char[PATH_MAX]);
    Result<std::string_view> text = Err(Error::nomem);
    if (file && buffer) text = vfs::path_text(file->path(), {}, {buffer.get(), PATH_MAX});
    if (!text) {
        const fmt::Line<64> unknown("{} (path unknown)", current()->name);
        return put_name(out, unknown.view());
    }
    std::string_view path = *text;
    if (!whole) path.remove_prefix(path.rfind('/') + 1);
    put_name(out, path);
}

// %c of the pattern.
void put_field(fmt::BufferSink& out, char c, u32 signal, bool& with_pid) {
    Process& process = current_process();
    const Credentials& cred = current_credentials();
    switch (c) {
        case '%':
            return out.write("%");
        case 'p':
            with_pid = true;
            [[fallthrough]];
        case 'P':
            return fmt::print(out, "{}", process.pid);
        case 'i':
        case 'I':
            return fmt::print(out, "{}", current()->tid);
        case 'u':
            return fmt::print(out, "{}", cred.uid);
        case 'g':
            return fmt::print(out, "{}", cred.gid);
        case 'd':
            return fmt::print(out, "{}", static_cast<u32>(process.dumpable));
        case 's':
            return fmt::print(out, "{}", signal);
        case 't':
            return fmt::print(out, "{}", time::realtime_ns() / 1'000'000'000);
        case 'h': {
            char name[kSystemNameBytes];
            system_name(SystemName::host, name);
            return put_name(out, name);
        }
        case 'e':
            return put_name(out, current()->name);
        case 'f':
            return put_executable(out, false);
        case 'E':
            return put_executable(out, true);
        case 'c': {
            SignalLock lock(process);
            const u64 limit = process.limits.value[Limits::core].soft;
            lock.release();
            return fmt::print(out, "{}", limit);
        }
        default:
            return;  // unknown ones are dropped
    }
}

bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

Result<void> make_core_name(CoreName& out, u32 signal) {
    char pattern[kCorePatternBytes];
    core_pattern(pattern);
    std::string_view rest(pattern);
    const bool program = rest.starts_with('|');
    if (program) rest.remove_prefix(1);
    if (rest.empty()) return Err(program ? Error::nomem : Error::noent);
    out.text.reset(new (std::nothrow) char[CoreName::kRoom]);
    if (!out.text) return Err(Error::nomem);
    out.arguments = program;
    bool with_pid = false, gap = false;
    fmt::BufferSink sink({out.text.get(), CoreName::kRoom});
    for (; !rest.empty(); rest.remove_prefix(1)) {
        const char c = rest.front();
        // Split before names are put in: those may hold blanks.
        if (program && is_blank(c)) {
            gap = !sink.text().empty();
            continue;
        }
        if (std::exchange(gap, false)) {
            sink.write({"", 1});
            ++out.arguments;
        }
        if (c != '%') {
            sink.write(rest.substr(0, 1));
        } else {
            rest.remove_prefix(1);
            if (rest.empty()) break;
            put_field(sink, rest.front(), signal, with_pid);
        }
    }
    if (!program && !with_pid && core_uses_pid()) fmt::print(sink, ".{}", current_process().pid);
    sink.write({"", 1});
    out.length = sink.text().size();
    if (sink.truncated()) return Err(Error::nametoolong);
    return out.length > 1 ? Result<void>() : Result<void>(Err(Error::noent));
}

}  // namespace tenon::personality::trace
