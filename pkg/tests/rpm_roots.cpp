#include "pkg/tests/rpm_roots.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "pkg/lib/hash.h"
#include "pkg/lib/rpm/install/header_blob.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::test {

namespace {

constexpr rpm::Tag kInstallTime = 1008, kInstallTid = 1128;

std::string joined(const std::vector<std::string>& words) {
    return join(words, " ");
}

// rpm's flags for our options.
std::string flags_of(const rpm::InstallOptions& o) {
    std::string out = o.replace_older ? "-U" : "-i";
    if (o.ignore_depends) out += " --nodeps";
    if (o.ignore_arch) out += " --ignorearch";
    if (o.ignore_os) out += " --ignoreos";
    if (!o.run_scripts) out += " --noscripts --notriggers";
    if (o.allow_downgrade) out += " --oldpackage";
    if (o.reinstall) out += " --replacepkgs";
    return out;
}

}  // namespace

void RpmRoots::SetUp() {
    if (access("/usr/bin/rpm", X_OK) != 0) GTEST_SKIP() << "needs Debian's rpm";
    if (geteuid() != 0) GTEST_SKIP() << "needs root's rights";
    setenv("LC_ALL", "C.UTF-8", 1);  // scripts see it
    can_build_ = access("/usr/bin/rpmbuild", X_OK) == 0;
    clear();
}

void RpmRoots::clear() {
    shell("cd " + scratch_.dir() + " && rm -rf theirs ours && mkdir theirs ours");
}

bool RpmRoots::add_shell() {
    if (access("/bin/busybox", X_OK) != 0) return false;
    in_both(
        "mkdir -p bin tmp var/tmp var/lib && cp -p /bin/busybox bin/ && for a in sh cat echo env "
        "ls rm "
        "sort tr touch sleep kill pwd; do ln -s busybox bin/$a; done; mkdir dev; "
        "mknod -m 666 dev/null c 1 3");
    return true;
}

void RpmRoots::in_both(const std::string& commands) {
    write_temp(scratch_.dir(), "commands", "set -e\n" + commands + "\n");
    std::string log;
    for (const auto& root : {theirs(), ours()})
        EXPECT_EQ(shell("cd " + root + " && sh " + scratch_.dir() + "/commands 2>&1", &log), 0)
            << log;
    // What they made is as old in both.
    for (const auto& root : {theirs(), ours()})
        shell("find " + root + " ! -type d -mmin -30 -exec touch -h -d @1000000000 {} +");
}

std::string RpmRoots::build(const std::string& name, const std::string& version,
                            const std::string& rest) {
    const std::string dir = scratch_.dir(), spec = name + "-" + version + ".spec";
    write_temp(dir, spec,
               "Name: " + name + "\nVersion: " + version +
                   "\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n" + rest);
    std::string log;
    int status =
        shell("cd " + dir + " && rpmbuild -bb --define '_topdir " + dir + "/top' " + spec + " 2>&1",
              &log);
    EXPECT_EQ(status, 0) << log;
    return dir + "/top/RPMS/noarch/" + name + "-" + version + "-1.noarch.rpm";
}

std::string RpmRoots::rpm(const std::string& arguments, int* status, const std::string& root) {
    const std::string log = scratch_.dir() + "/rpm.log";
    int s = shell("rpm --root " + (root.empty() ? theirs() : root) + " --dbpath " + kRpmDatabase +
                  " " + arguments + " > " + log + " 2>&1 </dev/null");
    if (status) *status = s;
    // Debian's warns against its own use.
    std::string out;
    const std::string all = slurp(log);
    for (std::string_view line : split_lines(all))
        if (!line.starts_with("rpm: ")) out += std::string(line) + "\n";
    return out;
}

Result<rpm::Report> RpmRoots::install(const std::vector<std::string>& files,
                                      rpm::InstallOptions options) {
    TRY_SET(Root root, Root::open(ours()));
    root.set_sync(false);
    return rpm::install(root, files, options);
}

Result<rpm::Report> RpmRoots::erase(const std::vector<std::string>& names,
                                    rpm::InstallOptions options) {
    TRY_SET(Root root, Root::open(ours()));
    root.set_sync(false);
    return rpm::erase(root, names, options);
}

void RpmRoots::install_both(const std::vector<std::string>& files, rpm::InstallOptions options) {
    SCOPED_TRACE(joined(files));
    std::string said = rpm(flags_of(options) + " " + joined(files));
    auto report = install(files, options);
    EXPECT_TRUE(report) << report.error().text << "\nrpm: " << said;
}

void RpmRoots::erase_both(const std::vector<std::string>& names, rpm::InstallOptions options) {
    SCOPED_TRACE(joined(names));
    const std::string quiet = options.run_scripts ? "" : " --noscripts --notriggers ";
    std::string said = rpm("-e --nodeps " + quiet + joined(names));
    auto report = erase(names, options);
    EXPECT_TRUE(report) << report.error().text << "\nrpm: " << said;
}

void RpmRoots::expect_equal() {
    EXPECT_EQ(tree_of(ours()), tree_of(theirs()));
    EXPECT_EQ(database_of(ours()), database_of(theirs()));
    for (const char* question :
         {"-qa --qf '%{NEVRA} %{SIZE} %{SIGMD5} %{FILESTATES}\\n[%{FILENAMES} %{FILESTATES}\\n]'",
          "-qal", "-Va --nodeps --noscripts", "-q --whatprovides /opt/a",
          "-q --whatrequires /bin/sh", "-qa --provides"})
        EXPECT_EQ(rpm(question, nullptr, ours()), rpm(question)) << question;
}

std::string tree_of(const std::string& root) {
    namespace fs = std::filesystem;
    std::map<std::string, std::string> out;
    for (auto it = fs::recursive_directory_iterator(root); it != fs::end(it); ++it) {
        const std::string path = it->path(), name = path.substr(root.size());
        if (name == kRpmDatabase) {
            it.disable_recursion_pending();
            continue;
        }
        struct stat st;
        if (lstat(path.c_str(), &st) != 0) continue;
        std::string text = format("%o %u:%u", st.st_mode, st.st_uid, st.st_gid);
        if (S_ISLNK(st.st_mode)) text += " -> " + fs::read_symlink(it->path()).string();
        if (S_ISREG(st.st_mode)) {
            text += " " + to_hex(hash_of(HashAlgorithm::sha256, slurp(path)));
            text += format(" links %u", static_cast<unsigned>(st.st_nlink));
            char value[256];
            ssize_t n = lgetxattr(path.c_str(), "security.capability", value, sizeof(value));
            if (n > 0) text += " " + to_hex(std::string_view(value, static_cast<size_t>(n)));
        }
        // A log that scripts write is as new as its root.
        if (!S_ISDIR(st.st_mode) && name != "/log")
            text += format(" %lld", static_cast<long long>(st.st_mtime));
        out[name] = text;
    }
    std::string lines;
    for (const auto& [name, text] : out) lines += name + " " + text + "\n";
    return lines;
}

std::string database_of(const std::string& root) {
    std::vector<std::string> out;
    sqlite3* db = nullptr;
    const std::string path = root + kRpmDatabase + "/rpmdb.sqlite";
    if (access(path.c_str(), R_OK) != 0) return "";
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
    auto rows = [&](const std::string& sql, const auto& each) {
        sqlite3_stmt* s = nullptr;
        EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &s, nullptr), SQLITE_OK)
            << sqlite3_errmsg(db);
        while (sqlite3_step(s) == SQLITE_ROW) {
            std::vector<std::string> row;
            for (int i = 0; i < sqlite3_column_count(s); i++) {
                auto p = static_cast<const char*>(sqlite3_column_blob(s, i));
                row.emplace_back(p ? p : "", static_cast<size_t>(sqlite3_column_bytes(s, i)));
            }
            each(row);
        }
        sqlite3_finalize(s);
    };
    std::vector<std::string> tables;
    rows("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY rowid",
         [&](const auto& row) {
             out.push_back(row[0] + ": " + row[1]);
             if (row[1].starts_with("CREATE TABLE '")) tables.push_back(row[0]);
         });
    for (const auto& t : tables) {
        if (t == "Packages") continue;
        // The key of Installtid is a time.
        std::string columns = t == "Installtid" ? "hnum, idx" : "quote(key), hnum, idx";
        rows("SELECT " + columns + " FROM '" + t + "' ORDER BY rowid",
             [&](const auto& row) { out.push_back(t + " " + join(row, " ")); });
    }
    rows("SELECT hnum, blob FROM Packages ORDER BY hnum", [&](const auto& row) {
        auto header = rpm::parse_blob(row[1]);
        ASSERT_TRUE(header) << header.error().text;
        for (const auto& e : header->entries()) {
            bool is_time = e.tag == kInstallTime || e.tag == kInstallTid;
            out.push_back(format("Packages %s %u %u %u ", row[0].c_str(), e.tag, e.type, e.count) +
                          (is_time ? std::string() : to_hex(e.data)));
        }
    });
    sqlite3_close(db);
    return join(out, "\n");
}

}  // namespace tenon::pkg::test
