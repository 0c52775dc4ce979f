// What is asked of an .apk, or of an index of them, that lies outside of any root.
#include <stdio.h>
#include <time.h>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/verbs.h"
#include "pkg/lib/apk/file.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

using apk::ApkFile;
using apk::Signature;

Result<apk::KeyRing> trusted_keys(const Options& o) {
    if (!o.keys.empty()) return apk::KeyRing::load_host(o.keys);
    TRY_SET(Root root, Root::open(o.root));
    return apk::KeyRing::load(root);
}

std::string signed_by(const std::vector<Signature>& signatures) {
    std::string out;
    for (const auto& s : signatures) {
        if (!out.empty()) out += ", ";
        out += s.key + " (" + s.algorithm;
        if (s.state == Signature::State::good)
            out += ", good)";
        else if (s.state == Signature::State::unknown_key)
            out += ", the key is not trusted here)";
        else
            out += ", not supported)";
    }
    return out.empty() ? "nobody" : out;
}

// Metadata comes from outside: nothing in it may steer the terminal.
std::string printable(std::string_view s) {
    std::string out;
    for (char c : s) out += static_cast<unsigned char>(c) < ' ' || c == 127 ? '?' : c;
    return out;
}

void field(const char* name, const std::string& value) {
    if (!value.empty()) printf("%s: %s\n", name, printable(value).c_str());
}

void priority(const char* name, unsigned value) {
    if (value) printf("%s: %u\n", name, value);
}

}  // namespace

void print_package(const apk::Package& p) {
    field("Package", p.name);
    field("Version", p.version);
    field("Architecture", p.arch);
    field("Description", p.description);
    field("Homepage", p.url);
    field("License", p.license);
    field("Origin", p.origin);
    field("Maintainer", p.maintainer);
    field("Packager", p.packager);
    field("Commit", p.commit);
    if (p.build_time) {
        char text[64] = "";
        struct tm t;
        time_t when = p.build_time;
        if (gmtime_r(&when, &t)) strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &t);
        field("Built", text);
    }
    printf("Installed-Size: %llu\n", static_cast<unsigned long long>(p.installed_size_bytes));
    field("Depends", to_text(p.depends));
    field("Provides", to_text(p.provides));
    field("Replaces", to_text(p.replaces));
    field("Install-If", to_text(p.install_if));
    field("Recommends", to_text(p.recommends));
    priority("Provider-Priority", p.provider_priority);
    priority("Replaces-Priority", p.replaces_priority);
    field("Triggers", join(p.triggers, " "));
    field("Tags", join(p.tags, " "));
    field("Checksum", p.checksum.str());
}

namespace {

char type_letter(FileType type) {
    switch (type) {
        case FileType::regular:
        case FileType::hard_link:
            return '-';
        case FileType::symlink:
            return 'l';
        case FileType::directory:
            return 'd';
        case FileType::char_device:
            return 'c';
        case FileType::block_device:
            return 'b';
        case FileType::fifo:
            return 'p';
    }
    return '?';
}

// 'rwsr-xr-x', as ls writes it.
std::string mode_text(mode_t mode) {
    std::string out = "rwxrwxrwx";
    for (int i = 0; i < 9; i++)
        if (!(mode & (0400 >> i))) out[i] = '-';
    const struct {
        mode_t bit;
        size_t at;
        char letter;
    } kSpecial[] = {{04000, 2, 's'}, {02000, 5, 's'}, {01000, 8, 't'}};
    for (const auto& s : kSpecial)
        if (mode & s.bit)
            out[s.at] = out[s.at] == 'x' ? s.letter : static_cast<char>(s.letter - 32);
    return out;
}

Status verify_file(const std::string& path, const apk::KeyRing& keys) {
    if (path.ends_with(".adb") || path.ends_with(".tar.gz")) {
        TRY_SET(auto index, apk::open_index(path, keys));
        if (Status s = apk::require_good(index.signatures); !s)
            return std::unexpected(std::move(s.error()).in(path));
        printf("%s: good, an index of %zu packages, signed by %s\n", path.c_str(),
               index.packages.size(), printable(signed_by(index.signatures)).c_str());
        return {};
    }
    TRY_SET(ApkFile file, ApkFile::open(path, keys));
    TRY(file.require_good());
    TRY_SET(auto entries, file.check());
    printf("%s: good, %s with %zu files, signed by %s\n", path.c_str(),
           file.package().display_name().c_str(), entries.size(),
           printable(signed_by(file.signatures())).c_str());
    return {};
}

}  // namespace

bool names_apk_file(const std::string& word) {
    return word.ends_with(".apk");
}

Status info_of_apk(const Options& o, const std::string& path) {
    TRY_SET(auto keys, trusted_keys(o));
    TRY_SET(ApkFile file, ApkFile::open(path, keys));
    TRY_SET(auto entries, file.check());
    print_package(file.package());
    std::string scripts;
    for (const auto& [name, text] : file.scripts()) scripts += (scripts.empty() ? "" : ", ") + name;
    uint64_t total = 0;
    for (const auto& e : entries) total += e.size_bytes;
    printf(
        "\n%s: apk v%d, %zu files, %llu bytes unpacked; scripts: %s; signed by: %s; "
        "all of it checked\n",
        path.c_str(), file.format(), entries.size(), static_cast<unsigned long long>(total),
        scripts.empty() ? "none" : scripts.c_str(),
        printable(signed_by(file.signatures())).c_str());
    return {};
}

Status files_of_apk(const Options& o, const std::string& path) {
    TRY_SET(auto keys, trusted_keys(o));
    TRY_SET(ApkFile file, ApkFile::open(path, keys));
    TRY_SET(auto entries, file.check());
    for (const auto& e : entries) {
        std::string link;
        if (e.type == FileType::symlink) link = " -> " + e.link;
        if (e.type == FileType::hard_link) link = " link to " + e.link;
        printf("%c%s %s/%s %10llu %s%s\n", type_letter(e.type), mode_text(e.mode).c_str(),
               printable(e.user).c_str(), printable(e.group).c_str(),
               static_cast<unsigned long long>(e.size_bytes), printable(e.path).c_str(),
               printable(link).c_str());
    }
    return {};
}

Status run_verify_file(const Options& o, const Words& words) {
    if (words.empty()) return fail("verify-file: no FILE.rpm or FILE.apk given");
    size_t faults = 0;
    std::string last;
    auto verify = [&](const std::string& path) -> Status {
        if (names_rpm_file(path)) return verify_rpm(o, path);
        TRY_SET(auto keys, trusted_keys(o));
        return verify_file(path, keys);
    };
    for (const auto& path : words) {
        Status s = verify(path);
        if (s) continue;
        if (faults++) fprintf(stderr, "pkg: %s\n", last.c_str());
        last = s.error().text;
    }
    if (faults) return fail("%s", last.c_str());
    return {};
}

}  // namespace tenon::pkg
