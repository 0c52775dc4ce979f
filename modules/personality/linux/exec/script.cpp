// Spec: man 2 execve, "Interpreter scripts"; Linux fs/binfmt_script.c.
#include "personality/linux/exec/script.h"

#include <tenon/vfs/lookup.h>

#include <cstring>

#include "personality/linux/exec/arguments.h"

namespace tenon::personality::script {

namespace {

constexpr u32 kMaxDepth = 5;  // scripts in a row. Spec: Linux fs/exec.c, exec_binprm()

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

struct Line {
    std::string_view interpreter, argument;
};

// The first line, which must end within the bytes read unless the interpreter's name does.
Result<Line> parse(std::string_view head) {
    head.remove_prefix(2);
    usize end = head.find('\n');
    const bool cut = end == std::string_view::npos;
    std::string_view line = head.substr(0, end);
    if (cut) {
        if (usize nul = line.find('\0'); nul != std::string_view::npos)
            line = line.substr(0, nul);
        else if (usize b = line.find_first_not_of(" \t");
                 b == std::string_view::npos ||
                 line.find_first_of(" \t", b) == std::string_view::npos)
            return Err(Error::noexec);  // the name may go on beyond what we see
    }
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    if (line.empty()) return Err(Error::noexec);
    const usize gap = line.find_first_of(" \t");
    Line out{line.substr(0, gap), {}};
    if (gap != std::string_view::npos) {
        out.argument = line.substr(gap);
        while (is_blank(out.argument.front())) out.argument.remove_prefix(1);
    }
    return out;
}

}  // namespace

Result<void> exec(process::ExecRequest& request) {
    const auto* head = reinterpret_cast<const char*>(request.head);
    if (head[0] != '#' || head[1] != '!') return Err(Error::noexec);
    if (request.depth >= kMaxDepth) return Err(Error::loop);
    // The interpreter would open a name that is closed by then.
    if (request.close_on_exec) return Err(Error::noent);
    TRY_ASSIGN(const Line line, parse({head, sizeof(request.head)}));

    // interpreter [argument] path, then what followed argv[0]. Of an interpreter that is a script
    // itself, the path is the name that it was called by, which the first round put into argv[0].
    ArgumentBlock& old = arguments_of(request);
    const std::string_view path_of_script =
        request.depth == 0 ? std::string_view(request.path) : std::string_view(old.bytes());
    ArgumentBlock fresh;
    TRY(fresh.append(line.interpreter));
    fresh.argc = 2;
    if (!line.argument.empty()) {
        TRY(fresh.append(line.argument));
        ++fresh.argc;
    }
    TRY(fresh.append(path_of_script));
    usize skip = 0;
    if (old.argc != 0) {
        skip = std::strlen(old.bytes()) + 1;
        fresh.argc += old.argc - 1;
    }
    fresh.envc = old.envc;
    const usize rest = old.used() - skip;
    if (rest != 0) {
        TRY_ASSIGN(char* to, fresh.reserve(rest));
        std::memcpy(to, old.bytes() + skip, rest);
        fresh.commit(rest);
    }
    old.swap(fresh);

    char path[256];
    line.interpreter.copy(path, line.interpreter.size());
    path[line.interpreter.size()] = '\0';
    vfs::OpenRequest open{.flags = vfs::kOpenRead | vfs::kOpenExec};
    TRY_ASSIGN(request.file,
               vfs::open(vfs::lookup_start_of_current(), {path, line.interpreter.size()}, open));
    // AT_EXECFN stays what the caller named, as in Linux.
    ++request.depth;
    return process::exec(request);
}

}  // namespace tenon::personality::script
