#include "tmod/facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

namespace tmod {

namespace {
constexpr const char* kControl = "/sys/kernel/tenon/module_control";
constexpr const char* kHealth = "/sys/kernel/tenon/module_health";

bool is_number(const Text& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == Text::npos;
}
}  // namespace

bool read_file(const Text& path, Text& out) {
    out.clear();
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    char chunk[4096];
    ssize_t n;
    while ((n = ::read(fd, chunk, sizeof chunk)) > 0) out.append(chunk, static_cast<size_t>(n));
    ::close(fd);
    if (n < 0) return false;
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return true;
}

Text read_text(const Text& path) {
    Text out;
    return read_file(path, out) ? out : Text();
}

List list_directory(const Text& path) {
    List out;
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return out;
    while (const dirent* entry = ::readdir(directory))
        if (entry->d_name[0] != '.') out.push_back(entry->d_name);
    ::closedir(directory);
    std::sort(out.begin(), out.end());
    return out;
}

bool exists(const Text& path) {
    return ::access(path.c_str(), F_OK) == 0;
}

Text link_name(const Text& path) {
    char target[512];
    const ssize_t n = ::readlink(path.c_str(), target, sizeof target);
    if (n <= 0) return {};
    const Text text(target, static_cast<size_t>(n));
    return text.substr(text.rfind('/') + 1);
}

List lines_of(std::string_view text) {
    List out;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        out.push_back(Text(text.substr(0, end)));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return out;
}

List words_of(std::string_view text) {
    List out;
    while (!text.empty()) {
        const size_t end = text.find(' ');
        if (end != 0) out.push_back(Text(text.substr(0, end)));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return out;
}

List loaded_modules() {
    List out;
    // Not all that is in /sys/module is loaded: under Linux, what is built in may be there, too.
    for (const Text& line : lines_of(read_text("/proc/modules")))
        out.push_back(line.substr(0, line.find(' ')));
    std::sort(out.begin(), out.end());
    return out;
}

Text folded(std::string_view name) {
    Text out(name);
    std::replace(out.begin(), out.end(), '-', '_');
    return out;
}

// "KIND WHAT 0xDETAIL SITE"; WHAT may hold spaces.
bool ledger_of(const Text& name, std::vector<Grant>& out) {
    Text text;
    if (!read_file(module_folder(name) + "/ledger", text)) return false;
    for (const Text& line : lines_of(text)) {
        Grant g;
        const size_t kind_end = line.find(' '), detail = line.find(" 0x");
        g.kind = line.substr(0, kind_end);
        if (detail != Text::npos) {
            if (detail > kind_end) g.what = line.substr(kind_end + 1, detail - kind_end - 1);
            const size_t detail_end = line.find(' ', detail + 1);
            g.detail = line.substr(detail + 1, detail_end - detail - 1);
            if (detail_end != Text::npos) g.site = line.substr(detail_end + 1);
        }
        out.push_back(g);
    }
    return true;
}

// "NAME STATE faults=N restarts=N at=SECONDS last=TEXT"
bool health_of(const Text& name, Health& out) {
    for (const Text& line : lines_of(read_text(kHealth))) {
        const List words = words_of(line);
        if (words.size() < 2 || words[0] != name) continue;
        out.state = words[1];
        const auto value = [&](const char* key) {
            const size_t at = line.find(key);
            if (at == Text::npos) return Text();
            const Text rest = line.substr(at + strlen(key));
            return strcmp(key, " last=") == 0 ? rest : rest.substr(0, rest.find(' '));
        };
        out.faults = value(" faults=");
        out.restarts = value(" restarts=");
        out.at = value(" at=");
        out.last = value(" last=");
        return true;
    }
    return false;
}

bool kernel_contains() {
    return exists(kControl);
}

int order(const Text& text) {
    const int fd = ::open(kControl, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    const ssize_t n = ::write(fd, text.data(), text.size());
    const int error = n < 0 ? errno : 0;
    ::close(fd);
    return error;
}

std::vector<OpenFile> open_files(const std::vector<unsigned>& majors) {
    std::vector<OpenFile> out;
    if (majors.empty()) return out;
    for (const Text& pid : list_directory("/proc")) {
        if (!is_number(pid)) continue;
        const Text folder = "/proc/" + pid + "/fd/";
        for (const Text& fd : list_directory(folder)) {
            struct stat facts;
            if (::stat((folder + fd).c_str(), &facts) != 0) continue;
            if (!S_ISCHR(facts.st_mode) && !S_ISBLK(facts.st_mode)) continue;
            if (std::find(majors.begin(), majors.end(), major(facts.st_rdev)) == majors.end())
                continue;
            char target[256];
            const ssize_t n = ::readlink((folder + fd).c_str(), target, sizeof target);
            out.push_back({pid, read_text("/proc/" + pid + "/comm"), fd,
                           n > 0 ? Text(target, static_cast<size_t>(n)) : Text("?")});
        }
    }
    return out;
}

std::vector<Inside> tasks_inside(const Text& module) {
    std::vector<Inside> out;
    const Text mark = "[" + module + "]";
    for (const Text& pid : list_directory("/proc")) {
        if (!is_number(pid)) continue;
        for (const Text& tid : list_directory("/proc/" + pid + "/task")) {
            const Text folder = "/proc/" + pid + "/task/" + tid;
            const Text stack = read_text(folder + "/stack");
            if (stack.find(mark) != Text::npos)
                out.push_back({tid, read_text(folder + "/comm"), stack});
        }
    }
    return out;
}

// "alias PATTERN MODULE"
List modules_for(const Text& modalias) {
    List out;
    utsname system;
    if (modalias.empty() || ::uname(&system) != 0) return out;
    const Text path = Text("/lib/modules/") + system.release + "/modules.alias";
    for (const Text& line : lines_of(read_text(path))) {
        const List words = words_of(line);
        if (words.size() != 3 || words[0] != "alias") continue;
        if (::fnmatch(words[1].c_str(), modalias.c_str(), 0) != 0) continue;
        const Text name = folded(words[2]);
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    }
    return out;
}

}  // namespace tmod
