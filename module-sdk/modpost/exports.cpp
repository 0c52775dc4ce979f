#include "exports.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unordered_map>

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
            (kind == "S" ? out.symbols : out.types)[name] =
                static_cast<uint32_t>(std::stoul(number, nullptr, 16));
        }
    }
    return out;
}

void Exports::write(const std::string& path) const {
    std::ostringstream out;
    out << "M " << module << " " << version << "\n" << std::hex;
    for (const auto& [name, sum] : symbols) out << "S " << sum << " " << name << "\n";
    for (const auto& [name, hash] : types) out << "T " << hash << " " << name << "\n";
    write_file_if_changed(path, out.str());
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
