// info, files and verify-file for RPM files.
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "pkg/cmd/rpm_session.h"
#include "pkg/cmd/verbs.h"
#include "pkg/lib/rpm/rpm_file.h"

namespace tenon::pkg {

namespace {

using rpm::CheckState;

// Where rpm's distributions keep the keys that they trust.
constexpr const char* kKeyDirectories[] = {"/etc/pki/rpm-gpg", "/usr/lib/sysimage/rpm/pubkeys"};

const char* word_of(CheckState state) {
    switch (state) {
        case CheckState::good:
            return "good";
        case CheckState::bad:
            return "BAD";
        case CheckState::unknown_key:
            return "unknown key";
        case CheckState::unsupported:
            return "not supported";
    }
    return "?";
}

void print_relations(const char* title, const std::vector<rpm::Relation>& relations) {
    std::string line;
    for (const auto& r : relations) line += (line.empty() ? "" : ", ") + r.str();
    if (!line.empty()) printf("%s: %s\n", title, line.c_str());
}

void print_text(const char* title, const std::string& text) {
    if (!text.empty()) printf("%s: %s\n", title, text.c_str());
}

void print_package(const rpm::Package& p) {
    print_text("Name", p.name);
    print_text("Version", p.evr.str());
    print_text("Architecture", p.is_source ? "src" : p.arch);
    print_text("Summary", p.summary);
    print_text("License", p.license);
    print_text("Group", p.group);
    print_text("URL", p.url);
    print_text("Vendor", p.vendor);
    print_text("Packager", p.packager);
    print_text("Source", p.source_rpm);
    printf("Format: rpm %u\nInstalled-Size: %llu bytes\n", p.format,
           static_cast<unsigned long long>(p.installed_bytes));
    print_relations("Provides", p.provides);
    print_relations("Requires", p.requirements);
    print_relations("Recommends", p.recommends);
    print_relations("Suggests", p.suggests);
    print_relations("Supplements", p.supplements);
    print_relations("Enhances", p.enhances);
    print_relations("Conflicts", p.conflicts);
    print_relations("Obsoletes", p.obsoletes);
    for (const auto& s : p.scriptlets)
        printf("Script: %s (%s)\n", rpm::to_string(s.kind), s.script.interpreter[0].c_str());
    if (!p.triggers.empty()) printf("Triggers: %zu\n", p.triggers.size());
    if (!p.description.empty()) printf("Description:\n%s\n", p.description.c_str());
}

}  // namespace

Result<openpgp::Keyring> rpm_keyring_of(const Options& o) {
    openpgp::Keyring keys;
    if (!o.keys.empty()) {
        TRY(keys.add_directory(o.keys));
        return keys;
    }
    for (const char* d : kKeyDirectories) {
        std::string path = (o.root == "/" ? "" : o.root) + d;
        struct stat st;
        if (stat(path.c_str(), &st) == 0) TRY(keys.add_directory(path));
    }
    return keys;
}

void info_of_installed_rpm(const rpm::Installed& p) {
    print_package(p.package);
    printf("\ninstalled, %zu files\n", p.package.files.size());
}

Result<size_t> verify_installed_rpm(RpmView& view, const rpm::Installed& p) {
    TRY_SET(auto faults, rpm::verify(view.home->root(), p));
    for (const auto& f : faults)
        printf("%s  %c %s%s\n", f.what.c_str(), f.kind, view.home->prefix.c_str(), f.path.c_str());
    return faults.size();
}

bool names_rpm_file(const std::string& word) {
    return word.ends_with(".rpm") || (word.contains('/') && rpm::looks_like_rpm(word));
}

Status info_of_rpm(const Options& o, const std::string& path) {
    TRY_SET(auto file, rpm::RpmFile::open(path));
    TRY_SET(openpgp::Keyring keys, rpm_keyring_of(o));
    TRY_SET(rpm::Verdict verdict, file.verify(keys));
    if (!verdict.damage.empty()) return fail("%s: %s", path.c_str(), verdict.damage.c_str());
    print_package(file.package());
    std::string trust = !verdict.is_signed         ? "not signed"
                        : verdict.distrust.empty() ? "signed, and the signature is good"
                                                   : verdict.distrust;
    printf("\n%s: %zu files; all of it checked; %s\n", path.c_str(), file.package().files.size(),
           trust.c_str());
    for (const auto& c : verdict.checks)
        if (c.is_signature && c.state == CheckState::bad)
            return fail("%s: %s", path.c_str(), verdict.distrust.c_str());
    return {};
}

Status files_of_rpm(const std::string& path) {
    TRY_SET(auto file, rpm::RpmFile::open(path));
    for (const auto& f : file.package().files)
        puts(file.package().is_source ? f.path.c_str() + 1 : f.path == "/." ? "/" : f.path.c_str());
    return {};
}

Status verify_rpm(const Options& o, const std::string& path) {
    TRY_SET(openpgp::Keyring keys, rpm_keyring_of(o));
    TRY_SET(auto file, rpm::RpmFile::open(path));
    TRY_SET(rpm::Verdict verdict, file.verify(keys));
    for (const auto& c : verdict.checks)
        printf("  %s: %s%s%s%s\n", c.what.c_str(), word_of(c.state), c.text.empty() ? "" : " (",
               c.text.c_str(), c.text.empty() ? "" : ")");
    if (!verdict.damage.empty())
        return fail("%s is damaged: %s", path.c_str(), verdict.damage.c_str());
    if (!verdict.distrust.empty())
        return fail("%s is not trusted: %s", path.c_str(), verdict.distrust.c_str());
    printf("%s: good, %s\n", path.c_str(), verdict.is_signed ? "signed" : "not signed");
    return {};
}

}  // namespace tenon::pkg
