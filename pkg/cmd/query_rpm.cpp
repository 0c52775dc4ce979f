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

std::string text_of(const std::vector<rpm::Relation>& relations) {
    std::string line;
    for (const auto& r : relations) line += (line.empty() ? "" : ", ") + r.str();
    return line;
}

}  // namespace

void print_package(const Options& o, const rpm::Package& p) {
    InfoFields f;
    f.add("Name", p.name);
    f.add("Version", p.evr.str());
    f.add("Architecture", p.is_source ? "src" : p.arch);
    f.add("Summary", p.summary);
    f.add("License", p.license);
    f.add("Group", p.group);
    f.add("URL", p.url);
    f.add("Vendor", p.vendor);
    f.add("Packager", p.packager);
    f.add("Source", p.source_rpm);
    f.add("Format", format("rpm %u", p.format));
    f.add("Installed-Size",
          format("%llu bytes", static_cast<unsigned long long>(p.installed_bytes)));
    f.add("Provides", text_of(p.provides));
    f.add("Requires", text_of(p.requirements));
    f.add("Recommends", text_of(p.recommends));
    f.add("Suggests", text_of(p.suggests));
    f.add("Supplements", text_of(p.supplements));
    f.add("Enhances", text_of(p.enhances));
    f.add("Conflicts", text_of(p.conflicts));
    f.add("Obsoletes", text_of(p.obsoletes));
    f.print();
    std::string scripts;
    for (const auto& s : p.scriptlets) {
        const std::string text =
            format("%s (%s)", rpm::to_string(s.kind), s.script.interpreter[0].c_str());
        printf("Script: %s\n", text.c_str());
        scripts += (scripts.empty() ? "" : ", ") + text;
    }
    if (!p.triggers.empty()) printf("Triggers: %zu\n", p.triggers.size());
    if (!p.description.empty()) printf("Description:\n%s\n", p.description.c_str());
    f.add("Scripts", scripts);
    f.add("Description", p.description);
    f.report(o, "rpm");
}

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

void info_of_installed_rpm(const Options& o, const rpm::Installed& p) {
    print_package(o, p.package);
    printf("\ninstalled, %zu files\n", p.package.files.size());
}

Result<size_t> verify_installed_rpm(const Options& o, RpmView& view, const rpm::Installed& p) {
    TRY_SET(auto faults, rpm::verify(view.home->root(), p));
    for (const auto& f : faults) {
        const std::string path = view.home->prefix + f.path;
        printf("%s  %c %s\n", f.what.c_str(), f.kind, path.c_str());
        report_fault(o.report, "rpm", p.package.name, f.what, f.kind, path);
    }
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
    print_package(o, file.package());
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

Status files_of_rpm(const Options& o, const std::string& path) {
    TRY_SET(auto file, rpm::RpmFile::open(path));
    for (const auto& f : file.package().files)
        list_file(o, file.package().is_source ? f.path.substr(1) : f.path == "/." ? "/" : f.path);
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
