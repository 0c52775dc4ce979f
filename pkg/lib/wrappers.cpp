#include "pkg/lib/wrappers.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

constexpr const char* kPathDirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                     "/usr/bin",        "/sbin",          "/bin"};
constexpr const char* kWrapperDirs[] = {"/usr/local/bin", "/usr/local/sbin"};
constexpr const char* kBeside = ".pkg-new";
constexpr int kLinksMax = 40, kInterpretersMax = 4;
constexpr size_t kInterpreterMaxBytes = 4096, kWrapperMaxBytes = 64 << 10;

// The path without links, as seen inside: an absolute link in a prefix means the prefix.
Result<std::string> real_path(Root& inner, const std::string& path) {
    std::deque<std::string> rest;
    auto push_front = [&](std::string_view p) {
        std::vector<std::string> parts;
        for (std::string_view c : split(p, '/'))
            if (!c.empty() && c != ".") parts.emplace_back(c);
        rest.insert(rest.begin(), parts.begin(), parts.end());
    };
    push_front(path);
    std::string at;
    for (int links = 0; !rest.empty();) {
        std::string name = std::move(rest.front());
        rest.pop_front();
        if (name == "..") {
            at.resize(at.empty() ? 0 : at.rfind('/'));
            continue;
        }
        const std::string next = at + "/" + name;
        TRY_SET(auto st, inner.lstat(next));
        if (!st) return fail("%s leads to nothing", path.c_str());
        if (!S_ISLNK(st->st_mode)) {
            at = next;
            continue;
        }
        if (++links > kLinksMax) return fail("%s is a loop of links", path.c_str());
        TRY_SET(std::string target, inner.readlink(next));
        if (target.starts_with('/')) at.clear();
        push_front(target);
    }
    return at;
}

// The interpreter that an ELF program names; empty for a static one.
Result<std::string> elf_interpreter(int fd, const Elf64_Ehdr& head) {
    if (head.e_phentsize != sizeof(Elf64_Phdr)) return fail("is no program of this machine");
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr p;
        if (pread(fd, &p, sizeof(p), static_cast<off_t>(head.e_phoff + i * sizeof(p))) !=
            static_cast<ssize_t>(sizeof(p)))
            return fail("is truncated");
        if (p.p_type != PT_INTERP) continue;
        if (p.p_filesz < 2 || p.p_filesz > kInterpreterMaxBytes) return fail("is malformed");
        std::string text(p.p_filesz, '\0');
        if (pread(fd, text.data(), text.size(), static_cast<off_t>(p.p_offset)) !=
            static_cast<ssize_t>(text.size()))
            return fail("is truncated");
        text.resize(strnlen(text.data(), text.size()));
        return text;
    }
    return std::string();
}

std::string base_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

// Where the program's loader is, as the wrapper will name it; empty when there is none.
Result<std::string> loader_of(Root& outer, Root& inner, const PrefixLayout& layout,
                              const std::string& interpreter) {
    if (auto own = real_path(inner, interpreter)) return layout.prefix + *own;
    if (!layout.borrows_loader || !interpreter.starts_with('/')) return std::string();
    TRY_SET(auto st, outer.stat_follow(interpreter));
    return st && S_ISREG(st->st_mode) && (st->st_mode & 0111) ? interpreter : std::string();
}

Result<std::vector<std::string>> command_for(Root& outer, Root& inner, const PrefixLayout& layout,
                                             const std::string& path, int depth) {
    std::vector<std::string> none;
    const std::string& prefix = layout.prefix;
    auto real = real_path(inner, path);
    if (!real) return none;
    TRY_SET(auto st, inner.lstat(*real));
    if (!st || !S_ISREG(st->st_mode) || !(st->st_mode & 0111)) return none;
    TRY_SET(Fd fd, inner.open_read(*real));
    char head[kInterpreterMaxBytes];
    ssize_t n = pread(fd.get(), head, sizeof(head), 0);
    if (n < 4) return none;
    const std::string program = prefix + *real;
    if (memcmp(head, ELFMAG, SELFMAG) == 0) {
        Elf64_Ehdr elf;
        if (n < static_cast<ssize_t>(sizeof(elf)) || head[EI_CLASS] != ELFCLASS64) return none;
        memcpy(&elf, head, sizeof(elf));
        auto interpreter = elf_interpreter(fd.get(), elf);
        if (!interpreter) return none;
        if (interpreter->empty()) return std::vector<std::string>{program};
        TRY_SET(std::string loader, loader_of(outer, inner, layout, *interpreter));
        if (loader.empty()) return none;
        std::string libraries;
        for (const auto& d : layout.library_dirs)
            libraries += (libraries.empty() ? "" : ":") + prefix + d;
        return std::vector<std::string>{loader,    "--library-path", libraries,
                                        "--argv0", base_name(path),  program};
    }
    if (!std::string_view(head, 2).starts_with("#!") || depth == 0) return none;
    std::string_view line(head + 2, static_cast<size_t>(n) - 2);
    line = trim(line.substr(0, line.find('\n')));
    auto words = split_words(line);
    if (words.empty()) return none;
    TRY_SET(auto command, command_for(outer, inner, layout, std::string(words[0]), depth - 1));
    // The root's own interpreter, then.
    if (command.empty()) return std::vector<std::string>{program};
    // As the kernel does it: all that follows is one argument.
    std::string_view argument = trim(line.substr(words[0].size()));
    if (!argument.empty()) command.emplace_back(argument);
    command.push_back(program);
    return command;
}

std::string quoted(const std::string& word) {
    auto plain = [](char c) {
        return is_alpha(c) || is_digit(c) || std::string_view("/._+:=,@%-").contains(c);
    };
    if (std::all_of(word.begin(), word.end(), plain)) return word;
    std::string out = "'";
    for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string marker(const std::string& family, const PrefixProgram& p) {
    return "# pkg: of " + family + ", package " + p.package + ", program " + p.path + "\n";
}

std::string text_of(const std::vector<std::string>& command, const std::string& marked) {
    std::string out = "#!/bin/sh\n" + marked + "exec";
    for (const auto& word : command) out += " " + quoted(word);
    return out + " \"$@\"\n";
}

// Path -> the marker line, of all wrappers of the family.
Result<std::map<std::string, std::string>> wrappers_there(Root& root, const std::string& family) {
    std::map<std::string, std::string> out;
    for (const char* dir : kWrapperDirs) {
        TRY_SET(auto st, root.stat_follow(dir));
        if (!st || !S_ISDIR(st->st_mode)) continue;
        TRY_SET(auto names, root.list(dir));
        for (const auto& name : names) {
            const std::string path = std::string(dir) + "/" + name;
            TRY_SET(auto file, root.lstat(path));
            if (!file || !S_ISREG(file->st_mode) || file->st_size > off_t{kWrapperMaxBytes})
                continue;
            TRY_SET(std::string text, root.read_file(path));
            size_t first = text.find('\n'), second = text.find('\n', first + 1);
            if (first == std::string::npos || second == std::string::npos) continue;
            std::string line = text.substr(first + 1, second - first);
            size_t program = line.rfind('/');
            if (!line.starts_with("# pkg: of " + family + ", ") || program == std::string::npos)
                continue;
            // Under another name it is a copy, and nobody's business.
            const std::string own = line.substr(program + 1, line.size() - program - 2);
            if (name == own || name == own + "." + family) out[path] = line;
        }
    }
    return out;
}

}  // namespace

bool is_program_dir(std::string_view dir) {
    for (std::string_view base : {"", "usr/", "usr/local/"})
        for (std::string_view leaf : {"bin", "sbin"})
            if (dir == std::string(base) + std::string(leaf)) return true;
    return false;
}

Result<std::vector<std::string>> command_of(Root& outer, Root& inner, const PrefixLayout& layout,
                                            const std::string& path) {
    return command_for(outer, inner, layout, path, kInterpretersMax);
}

Result<std::vector<WrapperChange>> sync_wrappers(Root& root, Root& inner,
                                                 const PrefixLayout& layout,
                                                 const std::vector<PrefixProgram>& programs) {
    const std::string& family = layout.family;
    using Kind = WrapperChange::Kind;
    std::vector<WrapperChange> changes;
    TRY_SET(auto there, wrappers_there(root, family));
    std::map<std::string, std::string> place_of;  // marker -> where it is
    for (const auto& [path, line] : there) place_of[line] = path;
    std::map<std::string, bool> wanted;
    std::map<std::string, std::string> fresh;  // place -> text
    for (const auto& p : programs) {
        TRY_SET(auto command, command_of(root, inner, layout, p.path));
        if (command.empty()) continue;
        const std::string line = marker(family, p);
        wanted[line] = true;
        const std::string text = text_of(command, line);
        if (auto it = place_of.find(line); it != place_of.end()) {
            TRY_SET(auto now, root.read_if_there(it->second));
            if (now != text) fresh[it->second] = text;
            continue;
        }
        const std::string name = base_name(p.path);
        const std::string dir = p.path.contains("/sbin/") ? "/usr/local/sbin" : "/usr/local/bin";
        std::string place;
        for (const std::string& candidate : {name, name + "." + family}) {
            bool taken = false;
            for (const char* d : kPathDirs) {
                TRY_SET(bool exists, root.exists(std::string(d) + "/" + candidate));
                taken |= exists;
            }
            if (taken || fresh.contains(dir + "/" + candidate)) continue;
            place = dir + "/" + candidate;
            changes.push_back({p.path, place, candidate == name ? Kind::made : Kind::made_beside});
            break;
        }
        if (place.empty()) {
            changes.push_back({p.path, "", Kind::no_name});
            continue;
        }
        TRY(root.mkdir_all(dir, 0755));
        fresh[place] = text;
        place_of[line] = place;
    }
    // A name without its contents, after a crash, would be nobody's: contents first, all at once.
    const bool durable = root.sync();
    root.set_sync(false);
    for (const auto& [place, text] : fresh) TRY(root.write_file(place + kBeside, text, 0755));
    root.set_sync(durable);
    if (!fresh.empty()) TRY(root.sync_all());
    for (const auto& [place, text] : fresh) TRY(root.rename(place + kBeside, place));
    for (const auto& [path, line] : there) {
        if (wanted.contains(line)) continue;
        TRY(root.unlink(path));
        changes.push_back({"", path, Kind::gone});
    }
    return changes;
}

}  // namespace tenon::pkg
