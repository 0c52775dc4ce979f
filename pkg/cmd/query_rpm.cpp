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

void print_package(const Options& o, const rpm::Package& p) {
    InfoFields fields;
    auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) fields.emplace_back(name, value);
    };
    add("Name", p.name);
    add("Version", p.evr.str());
    add("Architecture", p.is_source ? "src" : p.arch);
    add("Summary", p.summary);
    add("License", p.license);
    add("Group", p.group);
    add("URL", p.url);
    add("Vendor", p.vendor);
    add("Packager", p.packager);
    add("Source", p.source_rpm);
    add("Format", format("rpm %u", p.format));
    add("Installed-Size", format("%llu bytes", static_cast<unsigned long long>(p.installed_bytes)));
    add("Provides", text_of(p.provides));
    add("Requires", text_of(p.requirements));
    add("Recommends", text_of(p.recommends));
    add("Suggests", text_of(p.suggests));
    add("Supplements", text_of(p.supplements));
    add("Enhances", text_of(p.enhances));
    add("Conflicts", text_of(p.conflicts));
    add("Obsoletes", text_of(p.obsoletes));
    for (const auto& [name, value] : fields) printf("%s: %s\n", name.c_str(), value.c_str());
    std::string scripts;
    for (const auto& s : p.scriptlets) {
        const std::string text =
            format("%s (%s)", rpm::to_string(s.kind), s.script.interpreter[0].c_str());
        printf("Script: %s\n", text.c_str());
        scripts += (scripts.empty() ? "" : ", ") + text;
    }
    if (!p.triggers.empty()) printf("Triggers: %zu\n", p.triggers.size());
    if (!p.description.empty()) printf("Description:\n%s\n", p.description.c_str());
    add("Scripts", scripts);
    add("Description", p.description);
    report_info(o, "rpm", fields);
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
