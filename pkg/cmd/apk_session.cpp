#include "pkg/cmd/apk_session.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/cmd/rpm_session.h"
#include "pkg/lib/apk/checkpoint.h"
#include "pkg/lib/family.h"
#include "pkg/lib/fetch/fetch.h"
#include "pkg/lib/text.h"
#include "pkg/lib/wrappers.h"

namespace tenon::pkg {

namespace {

constexpr const char* kFamilyName = "alpine";

Result<std::optional<Home>> apk_home(const Options& o, Home::Create create) {
    return Home::find(o, Family::alpine, kAlpinePrefix, create);
}

Status settle(Home& home, const apk::Database& db) {
    std::vector<PrefixProgram> programs;
    for (const apk::Installed* p : db.packages())
        for (const auto& dir : p->dirs) {
            if (!is_program_dir(dir.name)) continue;
            for (const auto& file : dir.files)
                programs.push_back({p->package.name, apk::Installed::path_of(dir, file)});
        }
    return settle_wrappers(home, {.prefix = home.prefix, .family = kFamilyName}, programs);
}

// A prefix without packages goes: what was made for scripts, its database, its directories.
// `had`: there were some before this run.
Status give_up(const Options& o, Home& home, apk::Installer& installer, bool had) {
    for (const char* d : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"})
        TRY(home.inner->unlink(d));
    (void)home.inner->rmdir("/dev");
    TRY(installer.drop_database());
    if (o.purge == Purge::yes) TRY(home.outer->remove_tree(home.prefix));
    tidy_prefix(*home.outer, home.prefix);
    TRY_SET(bool left, home.outer->exists(home.prefix));
    if (left && had)
        printf("What scripts made and what was changed stays in %s\n", home.prefix.c_str());
    return {};
}

apk::InstallOptions options_of(const Options& o) {
    return {.allow_untrusted = o.allow_untrusted,
            .ignore_depends = o.engine.ignore_depends,
            .purge = o.purge == Purge::yes};
}

}  // namespace

Result<std::optional<Home>> find_apk_home(const Options& o) {
    return apk_home(o, Home::Create::no);
}

Status with_apk_installer(const Options& o, Home::Create create,
                          const std::function<Status(Home&, apk::Installer&)>& action) {
    TRY_SET(auto home, apk_home(o, create));
    if (!home) return fail("no package of Alpine's family is installed");
    apk::Installer installer(home->root(), options_of(o),
                             [&](const apk::Database& db) { return settle(*home, db); });
    Status done = installer.open();
    const bool had = installer.is_open() && !installer.database().packages().empty();
    if (done) done = action(*home, installer);
    if (home->prefix.empty()) return done;
    // A refused first installation leaves no prefix, a last removal neither.
    TRY_SET(bool waiting, home->inner->exists(apk::kApkTransaction));
    // Not open: somebody else is at work in it.
    if (installer.is_open() && !waiting && installer.database().packages().empty())
        TRY(give_up(o, *home, installer, had));
    return done;
}

Result<apk::KeyRing> apk_keys_of(const Options& o, Home& home) {
    if (!o.keys.empty()) return apk::KeyRing::load_host(o.keys);
    TRY_SET(apk::KeyRing ring, apk::KeyRing::load(*home.outer));
    if (!home.inner) return ring;
    // A prefix trusts what the root around it trusts.
    TRY(ring.load_more(*home.inner));
    return ring;
}

Status finish_apk(const Options& o) {
    TRY_SET(auto home, apk_home(o, Home::Create::no));
    if (!home) return {};
    TRY_SET(bool waiting, home->root().exists(apk::kApkTransaction));
    if (home->inner) {
        // Or a prefix that was just begun, or was about to go.
        TRY_SET(auto installed, home->inner->stat_follow("/lib/apk/db/installed"));
        waiting |= !installed || installed->st_size == 0;
        // Or one that waits for its first package, with its repositories written down.
        TRY_SET(bool configured, home->inner->exists("/etc/apk/repositories"));
        TRY_SET(bool begun, home->inner->exists("/lib/apk"));
        if (!begun && configured) waiting = false;
    }
    if (!waiting) return {};
    umask(022);
    return with_apk_installer(o, Home::Create::no, [](Home&, apk::Installer&) { return Status(); });
}

Result<std::unique_ptr<Database>> open_changing(Root& root, const Options& o) {
    TRY(finish_apk(o));
    TRY(finish_rpm(o));
    return open_for_change(root, o.engine);
}

const apk::Installed* ApkView::find(const std::string& word) const {
    if (!db) return nullptr;
    std::string_view name = word;
    if (name.starts_with(kApkPrefix)) name.remove_prefix(kApkPrefix.size());
    return db->find(name);
}

bool ApkView::wants(const std::string& word) const {
    return db && std::any_of(db->world().begin(), db->world().end(),
                             [&](const apk::Dependency& d) { return d.name == word; });
}

Result<ApkView> look_at_apk(const Options& o) {
    ApkView view;
    TRY_SET(view.home, apk_home(o, Home::Create::no));
    if (!view.home) return view;
    TRY_SET(view.db, apk::Database::open(view.home->root(), apk::Database::Access::read));
    return view;
}

Status install_apk(const Options& o, const Words& files, const Words& names) {
    TRY_SET(bool solved, solves_apk(o));
    if (solved) return install_solved_apk(o, files, names);
    if (geteuid() != 0) return fail("this needs root's rights");
    if (o.dry_run || o.download_only)
        return fail(
            "--dry-run and --download-only need a repository in etc/apk/repositories, and "
            "pkg_full");
    umask(022);
    return with_apk_installer(o, Home::Create::yes, [&](Home& home, apk::Installer& i) -> Status {
        std::vector<std::string> directories = o.from;
        const std::string archives = o.engine.archives.empty() ? kArchives : o.engine.archives;
        directories.push_back((home.outer->is_system() ? "" : home.outer->dir()) + archives);
        auto offers = apk::read_offers(directories);
        Words chosen = files;
        for (const auto& word : names) {
            const bool prefixed = word.starts_with(kApkPrefix);
            const std::string name = prefixed ? word.substr(kApkPrefix.size()) : word;
            TRY_SET(auto wanted, apk::Dependency::parse(name));
            const apk::Offer* offer = apk::best_offer(offers, wanted);
            if (!offer)
                return fail(
                    "there is no package %s in the given directories, and no repository "
                    "in %s/etc/apk/repositories",
                    name.c_str(), home.prefix.c_str());
            chosen.push_back(offer->path);
        }
        TRY_SET(auto keys, apk_keys_of(o, home));
        return i.install(chosen, offers, keys);
    });
}

Status remove_apk(const Options& o, const Words& words) {
    TRY_SET(bool solved, solves_apk(o));
    if (solved) return remove_solved_apk(o, words);
    if (geteuid() != 0) return fail("this needs root's rights");
    if (o.dry_run)
        return fail("--dry-run needs a repository in etc/apk/repositories, and pkg_full");
    umask(022);
    return with_apk_installer(o, Home::Create::no, [&](Home&, apk::Installer& i) -> Status {
        Words names;
        for (const auto& w : words)
            names.push_back(w.starts_with(kApkPrefix) ? w.substr(kApkPrefix.size()) : w);
        return i.remove(names);
    });
}

void info_of_installed_apk(const Options& o, const apk::Installed& p) {
    print_package(o, p.package);
    std::string scripts;
    size_t files = 0;
    for (const auto& [kind, text] : p.scripts) scripts += (scripts.empty() ? "" : ", ") + kind;
    for (const auto& dir : p.dirs) files += dir.files.size();
    printf("\ninstalled, %zu files; scripts: %s\n", files,
           scripts.empty() ? "none" : scripts.c_str());
}

// In the words of verify_package().
Result<size_t> verify_apk(const Options& o, ApkView& view, const apk::Installed& p) {
    TRY_SET(auto paths, apk::ProtectedPaths::load(view.home->root()));
    size_t faults = 0;
    for (const auto& dir : p.dirs)
        for (const auto& file : dir.files) {
            const std::string path = apk::Installed::path_of(dir, file);
            const char kind = paths.covers(path) ? 'c' : ' ';
            const std::string shown = view.home->prefix + path;
            TRY_SET(auto st, view.home->root().lstat(path));
            if (!st) {
                printf("missing   %c %s\n", kind, shown.c_str());
                report_fault(o.report, "apk", p.package.name, "missing", kind, shown);
                faults++;
                continue;
            }
            if (file.digest.empty()) continue;
            TRY_SET(std::string now, apk::digest_on_disk(view.home->root(), path, p.is_sha256()));
            if (now == file.digest) continue;
            printf("??5?????? %c %s\n", kind, shown.c_str());
            report_fault(o.report, "apk", p.package.name, "??5??????", kind, shown);
            faults++;
        }
    return faults;
}

}  // namespace tenon::pkg
