#include "exports.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <unordered_map>

#include "tools/readable.h"

namespace modpost {

Exports Exports::read(const std::string& path) {
    std::ifstream in(path);
    if (!in) die("cannot read " + path);
    Exports out;
    std::string line;
    while (std::getline(in, line)) {
        std::istringstream words(line);
        std::string kind, number, name;
        words >> kind;
        if (kind == "M") {
            words >> out.module >> out.version;
        } else if (kind == "S" || kind == "T") {
            words >> number;
            std::getline(words >> std::ws, name);
            if (const size_t blank = name.find(' '); kind == "S" && blank != name.npos) {
                const std::string space = name.substr(blank + 1);
                name.resize(blank);
                out.space_of[name] = space;
            }
            (kind == "S" ? out.symbols : out.types)[name] =
                static_cast<uint32_t>(std::stoul(number, nullptr, 16));
        } else if (kind == "N") {
            std::getline(words >> std::ws, name);
            out.spaces.push_back(ExportSpace::parse(name));
        }
    }
    return out;
}

void Exports::write(const std::string& path) const {
    std::ostringstream out;
    out << "M " << module << " " << version << "\n" << std::hex;
    for (const auto& space : spaces) out << "N " << space.name << ": " << space.importers << "\n";
    for (const auto& [name, sum] : symbols) {
        const auto space = space_of.find(name);
        out << "S " << sum << " " << name;
        if (space != space_of.end()) out << " " << space->second;
        out << "\n";
    }
    for (const auto& [name, hash] : types) out << "T " << hash << " " << name << "\n";
    write_file_if_changed(path, out.str());
}

ExportSpace ExportSpace::parse(const std::string& text) {
    size_t end = 0;
    while (end < text.size() && (text[end] != ':' || text.compare(end, 2, "::") == 0))
        end += text[end] == ':' ? 2 : 1;
    end = std::min(end, text.size());
    ExportSpace out{text.substr(0, end), end < text.size() ? text.substr(end + 1) : ""};
    out.importers.erase(0, out.importers.find_first_not_of(' '));
    return out;
}

bool ExportSpace::admits(const std::string& module) const {
    std::istringstream words(importers);
    std::string pattern;
    bool any = true;
    while (words >> pattern) {
        any = false;
        if (fnmatch(pattern.c_str(), module.c_str(), 0) == 0) return true;
    }
    return any;
}

bool covers(const std::string& outer, const std::string& inner) {
    return inner.starts_with(outer) &&
           (inner.size() == outer.size() || inner.compare(outer.size(), 2, "::") == 0);
}

std::vector<std::string> modinfo_values(const std::string& info, const std::string& key) {
    std::vector<std::string> out;
    for (size_t at = 0; at < info.size(); at += std::strlen(&info[at]) + 1)
        if (info.compare(at, key.size() + 1, key + "=") == 0)
            out.push_back(&info[at + key.size() + 1]);
    return out;
}

Exports collect_exports(const ElfFile& file, TypeGraph& types) {
    Exports out;
    std::unordered_map<uint64_t, std::string> hashes;
    for (const Symbol& s : file.symbols()) {
        if (!s.exported()) continue;
        const auto [there, fresh] = hashes.emplace(hash64(s.name), s.name);
        if (!fresh && there->second != s.name)
            die(s.name + " and " + there->second + " have the same hash: rename one");
        out.symbols[s.name] = types.checksum(s.name);
    }
    for (const auto& text : modinfo_values(file.content(".modinfo"), "export_ns"))
        out.spaces.push_back(ExportSpace::parse(text));
    if (out.spaces.empty()) return out;
    std::set<std::string> used;
    for (const auto& [symbol, sum] : out.symbols) {
        const std::string name = readable(symbol.c_str());
        const ExportSpace* best = nullptr;
        for (const auto& space : out.spaces)
            if (name.starts_with(space.name + "::") &&
                (best == nullptr || space.name.size() > best->name.size()))
                best = &space;
        if (best != nullptr) used.insert(out.space_of[symbol] = best->name);
    }
    for (const auto& space : out.spaces)
        if (!used.contains(space.name))
            die(file.path() + ": nothing is exported in namespace " + space.name +
                ", which the manifest names");
    return out;
}

uint32_t headers_checksum(const std::vector<std::string>& folders) {
    namespace fs = std::filesystem;
    std::map<std::string, std::string> files;
    for (const auto& folder : folders)
        for (const auto& entry : fs::recursive_directory_iterator(folder))
            if (entry.is_regular_file() && entry.path().extension() == ".h")
                files[fs::relative(entry.path(), folder).generic_string()] = entry.path().string();
    uint64_t hash = hash64("tenon headers");
    for (const auto& [name, path] : files) {
        const auto bytes = read_file(path);
        hash = hash64(name, hash);
        hash = hash64({bytes.data(), bytes.size()}, hash);
    }
    return static_cast<uint32_t>(hash ^ (hash >> 32));
}

}  // namespace modpost
