#include <tenon/lib/format.h>
#include <tenon/process/system_name.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/trace/core_dump.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

// A name must not lead elsewhere: slashes become exclamation marks, and it is not . or ..
void put_name(fmt::BufferSink& out, std::string_view name) {
    char one[1];
    if (name == "." || name == "..") {
        out.write("!");
        name.remove_prefix(1);
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
    if (!file || !buffer) return put_name(out, current()->name);
    auto text = vfs::path_text(file->path(), {}, {buffer.get(), PATH_MAX});
    if (!text) return put_name(out, current()->name);
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
        case 'P':
            with_pid = true;
            return fmt::print(out, "{}", process.pid);
        case 'i':
        case 'I':
            return fmt::print(out, "{}", current()->tid);
        case 'u':
            return fmt::print(out, "{}", cred.uid);
        case 'g':
            return fmt::print(out, "{}", cred.gid);
        case 'd':
            return fmt::print(out, "{}", u32{process.dumpable});
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

}  // namespace

Result<void> make_core_name(CoreName& out, u32 signal) {
    char pattern[kCorePatternBytes];
    core_pattern(pattern);
    std::string_view rest(pattern);
    out.pipe = rest.starts_with('|');
    bool with_pid = false;
    fmt::BufferSink sink({out.text, sizeof(out.text) - 1});
    while (!rest.empty()) {
        const char c = rest.front();
        if (c != '%') {
            sink.write(rest.substr(0, 1));
        } else {
            rest.remove_prefix(1);
            if (rest.empty()) break;
            put_field(sink, rest.front(), signal, with_pid);
        }
        rest.remove_prefix(1);
    }
    if (!out.pipe && !with_pid && core_uses_pid()) fmt::print(sink, ".{}", current_process().pid);
    out.text[sink.text().size()] = '\0';
    if (sink.text().empty()) return Err(Error::noent);
    return {};
}

}  // namespace tenon::personality::trace
