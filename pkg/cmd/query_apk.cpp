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

// None is 0.
std::string priority(unsigned value) {
    return value ? std::to_string(value) : "";
}

}  // namespace

void print_package(const Options& o, const apk::Package& p) {
    InfoFields f;
    f.add("Package", p.name);
    f.add("Version", p.version);
    f.add("Architecture", p.arch);
    f.add("Description", p.description);
    f.add("Homepage", p.url);
    f.add("License", p.license);
    f.add("Origin", p.origin);
    f.add("Maintainer", p.maintainer);
    f.add("Packager", p.packager);
    f.add("Commit", p.commit);
    if (p.build_time) {
        char text[64] = "";
        struct tm t;
        time_t when = p.build_time;
        if (gmtime_r(&when, &t)) strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &t);
        f.add("Built", text);
    }
    f.add("Installed-Size", std::to_string(p.installed_size_bytes));
    f.add("Depends", to_text(p.depends));
    f.add("Provides", to_text(p.provides));
    f.add("Replaces", to_text(p.replaces));
    f.add("Install-If", to_text(p.install_if));
    f.add("Recommends", to_text(p.recommends));
    f.add("Provider-Priority", priority(p.provider_priority));
    f.add("Replaces-Priority", priority(p.replaces_priority));
    f.add("Triggers", join(p.triggers, " "));
    f.add("Tags", join(p.tags, " "));
    f.add("Checksum", p.checksum.str());
    f.print();
    f.report(o, "apk");
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
    print_package(o, file.package());
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
        if (o.report)
            o.report->add("files", JsonObject{{"path", e.path},
                                              {"type", std::string(1, type_letter(e.type))},
                                              {"mode", format("%04o", e.mode & 07777u)},
                                              {"user", e.user},
                                              {"group", e.group},
                                              {"size", Json::count(e.size_bytes)},
                                              {"link", Json::or_null(e.link)}});
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
        if (o.report)
            o.report->add("files", JsonObject{{"path", path},
                                              {"good", s.has_value()},
                                              {"error", s ? Json() : Json(s.error().text)}});
        if (s) continue;
        if (faults++) fprintf(stderr, "pkg: %s\n", last.c_str());
        last = s.error().text;
    }
    if (faults) return fail("%s", last.c_str());
    return {};
}

}  // namespace tenon::pkg
