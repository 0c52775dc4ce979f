#include "pkg/cmd/rpm_session.h"

#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "pkg/cmd/plan.h"
#include "pkg/cmd/session.h"
#include "pkg/lib/rpm/install/checkpoint.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

PrefixLayout layout_of(const Home& home) {
    return {.prefix = home.prefix,
            .family = "rpm",
            .library_dirs = {"/lib64", "/usr/lib64", "/lib", "/usr/lib"},
            .borrows_loader = true};
}

Status settle(Home& home, const std::vector<rpm::Installed>& packages) {
    std::vector<PrefixProgram> programs;
    for (const auto& p : packages)
        for (const auto& f : p.package.files) {
            const size_t slash = f.path.rfind('/');
            if (slash > 0 && is_program_dir(std::string_view(f.path).substr(1, slash - 1)))
                programs.push_back({p.package.name, f.path});
        }
    return settle_wrappers(home, layout_of(home), programs);
}

// One run at a time in a prefix: rpm's own lock lies in a database that may not be there yet. Held
// as long as the descriptor is open, by a <lua> script that outlives pkg, too.
Result<Fd> lock_prefix(Home& home) {
    if (home.prefix.empty()) return Fd();
    TRY_SET(Fd fd, home.outer->open_dir(home.prefix));
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return fail("another program is working in %s", home.prefix.c_str());
    // Or it was given up just before.
    struct stat mine;
    TRY_SET(auto there, home.outer->lstat(home.prefix));
    if (fstat(fd.get(), &mine) != 0 || !there || there->st_ino != mine.st_ino)
        return fail("another program is working in %s", home.prefix.c_str());
    return fd;
}

// A prefix without packages goes: what never began, its database, its directories. Under its lock.
// `had`: there were some before this run.
Status give_up_if_empty(const Options& o, Home& home, bool had) {
    if (home.prefix.empty()) return {};
    TRY_SET(bool waiting, rpm::is_interrupted(*home.inner));
    if (waiting) return {};
    TRY_SET(bool empty, rpm::drop_empty_database(*home.inner));
    if (!empty) return {};
    TRY(home.inner->remove_tree(rpm::kRpmTransaction));
    if (o.purge == Purge::yes) TRY(home.outer->remove_tree(home.prefix));
    // rpm leaves directories that no package owns.
    if (o.purge == Purge::no) TRY(remove_empty_dirs(*home.outer, home.prefix));
    tidy_prefix(*home.outer, home.prefix);
    TRY_SET(bool left, home.outer->exists(home.prefix));
    if (left && had)
        printf("What scripts made and what was changed stays in %s\n", home.prefix.c_str());
    return {};
}

Result<std::optional<Home>> rpm_home(const Options& o, Home::Create create) {
    return Home::find(o, Family::rpm, kRpmPrefix, create);
}

using Action = std::function<Result<rpm::Report>(Home&, const rpm::InstallOptions&)>;

Status with_rpm(const Options& o, Home::Create create, const Action& action,
                Downgrade downgrade = Downgrade::refused) {
    if (!rpm::present())
        return fail("this pkg was built without SQLite, and cannot work with rpm's database");
    TRY_SET(auto keys, rpm_keyring_of(o));
    TRY_SET(auto home, rpm_home(o, create));
    if (!home) return fail("no package of rpm's family is installed");
    TRY_SET(Fd lock, lock_prefix(*home));
    rpm::InstallOptions options;
    options.ignore_depends = o.engine.ignore_depends;
    options.reinstall = true;
    options.allow_downgrade = downgrade == Downgrade::allowed;
    options.only_judge = o.dry_run;
    options.keys = &keys;
    const rpm::Settle settled = [&](const std::vector<rpm::Installed>& now) {
        return settle(*home, now);
    };
    if (!home->prefix.empty()) {
        options.around = home->outer.get();
        options.settle = &settled;
    }
    auto before = rpm::installed(home->root());
    auto report = action(*home, options);
    // A refused first installation leaves no prefix, a last removal neither.
    if (Status s = give_up_if_empty(o, *home, before && !before->empty()); !s && report) return s;
    if (!report) return std::unexpected(std::move(report.error()));
    const std::string where = home->prefix.empty() ? "" : ", in " + home->prefix;
    for (const auto& w : report->warnings)
        fprintf(stderr, "pkg: warning%s: %s\n", where.c_str(), w.c_str());
    if (o.dry_run) report_plan(o, "install", report->installed);
    if (o.dry_run) report_plan(o, "remove", report->removed);
    if (o.dry_run && !report->installed.empty())
        printf("To install: %s\n", join(report->installed, ", ").c_str());
    if (o.dry_run && !report->removed.empty())
        printf("To remove: %s\n", join(report->removed, ", ").c_str());
    return {};
}

}  // namespace

Result<std::optional<Home>> find_rpm_home(const Options& o) {
    return rpm_home(o, Home::Create::no);
}

Status finish_rpm(const Options& o) {
    if (!rpm::present()) return {};
    TRY_SET(auto home, rpm_home(o, Home::Create::no));
    if (!home) return {};
    // Interrupted, or staged and never begun.
    TRY_SET(bool waiting, home->root().exists(rpm::kRpmTransaction));
    if (!waiting && home->inner) {
        // Or a prefix that was just begun, or was about to go.
        TRY_SET(auto packages, rpm::installed(*home->inner));
        waiting = packages.empty();
        // Or one that waits for its first package, with its repositories written down.
        TRY_SET(bool begun, rpm::has_database(*home->inner));
        TRY_SET(bool configured, home->inner->exists("/etc/yum.repos.d"));
        if (!begun && configured) waiting = false;
    }
    if (!waiting) return {};
    umask(022);
    Options real = o;
    real.dry_run = false;
    return with_rpm(real, Home::Create::no, [](Home& h, const rpm::InstallOptions& options) {
        return rpm::resume(h.root(), options);
    });
}

const rpm::Installed* RpmView::find(const std::string& word) const {
    std::string_view name = word;
    if (name.starts_with(kRpmWord)) name.remove_prefix(kRpmWord.size());
    for (const auto& p : packages)
        if (rpm::is_named(p.package, name)) return &p;
    return nullptr;
}

Result<RpmView> look_at_rpm(const Options& o) {
    RpmView view;
    if (!rpm::present()) return view;
    TRY_SET(view.home, rpm_home(o, Home::Create::no));
    if (!view.home) return view;
    TRY_SET(view.packages, rpm::installed(view.home->root()));
    return view;
}

Status install_rpm_files(const Options& o, const Words& files, Downgrade downgrade) {
    umask(022);
    if (!o.dry_run) TRY(finish_rpm(o));
    return with_rpm(
        o, Home::Create::yes,
        [&](Home& h, const rpm::InstallOptions& options) {
            return rpm::install(h.root(), files, options);
        },
        downgrade);
}

Status install_rpm(const Options& o, const Words& files, const Words& names) {
    TRY_SET(bool solved, solves_rpm(o));
    if (solved) return install_solved_rpm(o, files, names);
    if (!names.empty())
        return fail(
            "there is no repository of rpm's family, or no solver in this pkg: only .rpm files can "
            "be installed");
    if (o.download_only) return fail("--download-only: there is nothing to fetch for a file");
    return install_rpm_files(o, files);
}

Status remove_rpm(const Options& o, const Words& words) {
    if (geteuid() != 0) return fail("this needs root's rights");
    umask(022);
    if (!o.dry_run) TRY(finish_rpm(o));
    return with_rpm(o, Home::Create::no, [&](Home& h, const rpm::InstallOptions& options) {
        Words names;
        for (const auto& w : words)
            names.push_back(w.starts_with(kRpmWord) ? w.substr(kRpmWord.size()) : w);
        return rpm::erase(h.root(), names, options);
    });
}

}  // namespace tenon::pkg
