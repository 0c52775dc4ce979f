#include "pkg/lib/family.h"

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// Not Debian's /root/.rpmdb: it is there on purpose so that nobody takes it for the system's.
constexpr const char* kRpmDatabases[] = {
    "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/Packages",     "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages.db",           "/var/lib/rpm/Packages"};
constexpr std::string_view kRpmDistributions[] = {"fedora",   "rhel",   "centos",      "suse",
                                                  "opensuse", "mageia", "openmandriva"};

Result<bool> says_rpm(Root& root, const std::string& os_release) {
    TRY_SET(auto text, root.read_if_there(os_release));
    if (!text) return false;
    for (std::string_view line : split_lines(*text)) {
        if (!line.starts_with("ID=") && !line.starts_with("ID_LIKE=")) continue;
        std::string value(line.substr(line.find('=') + 1));
        std::erase_if(value, [](char c) { return c == '"' || c == '\''; });
        for (std::string_view word : split_words(value))
            for (std::string_view known : kRpmDistributions)
                if (word == known) return true;
    }
    return false;
}

}  // namespace

Result<Family> family_of(Root& root) {
    TRY_SET(auto status, root.read_if_there("/var/lib/dpkg/status"));
    if (status && status->contains("Package:")) return Family::debian;
    TRY_SET(bool apk, root.exists("/lib/apk/db/installed"));
    if (apk) return Family::alpine;
    for (const char* path : kRpmDatabases) {
        TRY_SET(bool there, root.exists(path));
        if (there) return Family::rpm;
    }
    for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
        TRY_SET(bool rpm, says_rpm(root, path));
        if (rpm) return Family::rpm;
    }
    return Family::none;
}

Status remove_empty_dirs(Root& root, const std::string& dir) {
    TRY_SET(auto names, root.list(dir));
    for (const auto& name : names) {
        const std::string path = dir + "/" + name;
        TRY_SET(auto st, root.lstat(path));
        if (!st || !S_ISDIR(st->st_mode)) continue;
        TRY(remove_empty_dirs(root, path));
        // Not empty is fine.
        (void)root.rmdir(path);
    }
    return {};
}

void tidy_prefix(Root& root, const std::string& prefix) {
    for (std::string at = prefix; at.size() > 1; at.resize(at.rfind('/'))) {
        auto gone = root.rmdir(at);
        if (!gone) return;
    }
}

}  // namespace tenon::pkg
