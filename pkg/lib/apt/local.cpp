// Packages that lie about as .deb files, as part of what is available.
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>

#include "pkg/lib/apt/update.h"
#include "pkg/lib/deb_file.h"
#include "pkg/lib/package.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apt {

namespace {

// Above what any repository has.
constexpr int kLocalPriority = 1001;

// "file:/PATH", with what a URI cannot hold escaped by download_of().
Origin local_origin() {
    Origin o;
    o.base_uri = "file:";
    o.priority = kLocalPriority;
    return o;
}

Result<std::string> stanza_of(const std::string& path) {
    TRY_SET(DebFile deb, DebFile::open(path));
    auto checked = Package::from_control(deb.control());
    if (!checked) return std::unexpected(std::move(checked.error()).in(path));
    std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), free);
    if (!real) return fail_errno("%s", path.c_str());
    for (const char* c = real.get(); *c; c++)
        if (static_cast<unsigned char>(*c) < ' ')
            return fail("%s: its path has a control character in it", path.c_str());
    TRY_SET(tenon::pkg::Source file, tenon::pkg::Source::open(path));
    Hash hash(HashAlgorithm::sha256);
    HashingStream tap(file, {&hash});
    TRY(tap.drain());
    Stanza s = deb.control();
    for (const char* f : {"Filename", "Size", "SHA256", "SHA512"}) s.erase(f);
    std::string description = s.get("Description");
    s.set("Description", description.substr(0, description.find('\n')));
    s.set("Filename", real.get());
    s.set("Size", format("%llu", static_cast<unsigned long long>(file.size_bytes())));
    s.set("SHA256", to_hex(hash.finish()));
    return s.str() + "\n";
}

}  // namespace

Status add_files(Available& available, const std::vector<std::string>& paths) {
    std::string text;
    for (const auto& path : paths) {
        TRY_SET(std::string stanza, stanza_of(path));
        text += stanza;
    }
    auto number = static_cast<uint32_t>(available.origins.size());
    available.origins.push_back(local_origin());
    return available.catalog.add_text(std::move(text), number);
}

Status add_directory(Available& available, const std::string& directory) {
    std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
    if (!dir) return fail_errno("cannot open the directory %s", directory.c_str());
    std::vector<std::string> paths;
    while (dirent* e = readdir(dir.get()))
        if (std::string_view(e->d_name).ends_with(".deb"))
            paths.push_back(directory + "/" + e->d_name);
    std::sort(paths.begin(), paths.end());
    return add_files(available, paths);
}

}  // namespace tenon::pkg::apt
