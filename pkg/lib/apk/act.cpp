// Installer: what changes the root, and going on with it after an interruption.
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/apk/checkpoint.h"
#include "pkg/lib/apk/installer.h"
#include "pkg/lib/program.h"
#include "pkg/lib/stage.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apk {

namespace {

constexpr const char* kExecDir = "/lib/apk/exec";
constexpr const char* kScriptPath = "/usr/sbin:/usr/bin:/sbin:/bin";

// Scripts expect them; a root that is only being filled has none.
Status make_devices(Root& root, bool redo) {
    if (root.is_system() || geteuid() != 0) return {};
    TRY_SET(auto dev, root.stat_follow("/dev"));
    if (!dev) TRY(root.mkdir("/dev", 0755));
    const struct {
        const char* path;
        unsigned minor;
    } kDevices[] = {{"/dev/null", 3}, {"/dev/zero", 5}, {"/dev/random", 8}, {"/dev/urandom", 9}};
    for (const auto& d : kDevices) {
        TRY_SET(bool there, root.exists(d.path));
        if (!there) TRY(root.mknod(d.path, S_IFCHR | 0666, makedev(1, d.minor)));
        if (!there || redo) TRY(root.chmod(d.path, 0666));
    }
    return {};
}

std::string shown_dir(const DirRecord& dir) {
    return "/" + dir.name;
}

}  // namespace

Status Installer::save_candidate(const Candidate& c) {
    TRY_SET(auto texts, texts_of(c.package));
    for (const auto& [name, text] : texts) TRY(root_.write_file(c.stage + "/" + name, text));
    return Stage::save_files(root_, c.stage, c.files);
}

Status Installer::load_candidate(const std::string& stage) {
    auto c = std::make_unique<Candidate>();
    c->stage = stage;
    std::map<std::string, std::string> texts;
    for (const char* name : {"installed", "scripts.tar", "triggers"}) {
        TRY_SET(texts[name], root_.read_file(stage + "/" + name));
    }
    TRY_SET(auto alone, Database::parse(root_, texts));
    if (alone->packages().size() != 1) return fail("%s is damaged", stage.c_str());
    c->package = *alone->packages()[0];
    TRY_SET(c->files, Stage::load_files(root_, stage));
    set_.push_back(std::move(c));
    return {};
}

// One line a fact: "WORD ARGUMENTS".
Status Installer::save(Phase phase) {
    std::string out =
        format("phase %s\noptions %d\n", phase == Phase::act ? "act" : "done", options_.purge);
    for (const Act& a : order_)
        out += a.candidate ? "package " + a.candidate->stage + "\n" : "remove " + a.remove + "\n";
    ApkCheckpoint database(db_.get());
    return transaction_->save(database, out);
}

Status Installer::begin() {
    TRY(transaction_->open());
    return save(Phase::act);
}

Status Installer::resume() {
    transaction_ = std::make_unique<Transaction>(root_, kApkTransaction);
    TRY_SET(auto saved, transaction_->resume());
    // The database was read before it was set back.
    TRY_SET(auto db, Database::open(root_, Database::Access::read));
    db->take_lock_from(*db_);
    db_ = std::move(db);
    TRY_SET(protected_, ProtectedPaths::load(root_));
    redo_ = true;
    bool done = true;
    std::vector<std::string> lines, names;
    for (std::string_view line : split_lines(saved.state)) lines.emplace_back(line);
    lines.insert(lines.end(), saved.log.begin(), saved.log.end());
    for (const std::string& line : lines) {
        auto w = split_words(line);
        if (w.size() != 2) return fail("the journal has the line '%s'", line.c_str());
        const std::string value(w[1]);
        if (w[0] == "phase") done = value == "done";
        if (w[0] == "options") options_.purge = value == "1";
        if (w[0] == "package" && !done) {
            TRY(load_candidate(value));
            order_.push_back({.candidate = set_.back().get(), .remove = {}});
            names.push_back(set_.back()->package.package.display_name());
        }
        if (w[0] == "remove") {
            removals_.push_back(value);
            order_.push_back({.remove = value});
            names.push_back(value);
        }
        if (w[0] == "pre-deinstall") after_pre_deinstall_.insert(value);
    }
    if (done) return transaction_->close();
    fprintf(stderr, "pkg: going on with what was interrupted: %s\n", join(names, ", ").c_str());
    TRY(root_.remove_tree(kExecDir));
    // What fails now fails as it would have done then: the run that found it goes on.
    if (Status s = act(); !s) fprintf(stderr, "pkg: %s\n", s.error().text.c_str());
    order_.clear();
    set_.clear();
    removals_.clear();
    failed_scripts_.clear();
    new_packages_.clear();
    changed_dirs_.clear();
    redo_ = false;
    return {};
}

Status Installer::act() {
    Status done = carry_out();
    // What was done is recorded whatever came after it.
    if (Status s = run_triggers(); done && !s) done = s;
    if (Status s = settle_ ? settle_(*db_) : Status(); done && !s) done = s;
    TRY(save(Phase::done));
    TRY(transaction_->close());
    if (db_->packages().empty() && !removals_.empty()) (void)root_.rmdir(kExecDir);
    if (done && !failed_scripts_.empty())
        return fail("all is in its place, but scripts failed: %s",
                    join(failed_scripts_, ", ").c_str());
    return done;
}

Status Installer::carry_out() {
    Status done;
    for (const Act& a : order_) {
        if (done) done = a.candidate ? install_one(*a.candidate) : remove_one(a.remove);
        if (!done && a.candidate) take_back_world(*a.candidate);
    }
    return done;
}

void Installer::take_back_world(const Candidate& c) {
    const std::string& name = c.package.package.name;
    for (auto& d : db_->world())
        if (d.name == name) d = Dependency{.name = name, .version = {}, .tag = d.tag};
    if (!db_->find(name))
        std::erase_if(db_->world(), [&](const Dependency& d) { return d.name == name; });
}

Status Installer::install_one(Candidate& c) {
    const Package& p = c.package.package;
    auto in_package = [&](Error e) { return std::unexpected(std::move(e).in(p.display_name())); };
    const Installed* now = db_->find(p.name);
    const bool upgrade = now != nullptr;
    std::vector<std::string> args = {p.version};
    Installed old;
    if (upgrade) {
        old = *now;
        args.push_back(old.package.version);
        const int order = compare_versions(old.package.version, p.version);
        if (order == 0)
            printf("Installing %s (%s) again ...\n", p.name.c_str(), p.version.c_str());
        else
            printf("%s %s (%s -> %s) ...\n", order < 0 ? "Upgrading" : "Downgrading",
                   p.name.c_str(), old.package.version.c_str(), p.version.c_str());
    } else {
        printf("Installing %s (%s) ...\n", p.name.c_str(), p.version.c_str());
    }
    // The accounts that a pre-install makes count.
    bool script_ok = run_script(c.package, upgrade ? "pre-upgrade" : "pre-install", args);
    Accounts accounts;
    TRY(accounts.load(root_));
    auto all = [](const std::string&) { return false; };
    c.package.dirs = records_of(c.files, accounts, c.package.is_sha256(), all);
    ApkPlacement placement(
        root_, *db_, protected_, c.package,
        [this](const Installed& i, const std::string& path) { return leaves(i, path); });
    Extractor x(root_, p.name, c.files, placement, geteuid() == 0, nullptr);
    TRY(x.use_stage(c.stage, redo_ ? Extractor::Attempt::redo : Extractor::Attempt::first));
    if (Status s = x.check(); !s) return in_package(s.error());
    auto undo = [&](Error e) {
        (void)x.rollback();
        return in_package(std::move(e));
    };
    if (Status s = x.place(); !s) return undo(s.error());
    if (Status s = x.commit(); !s) return undo(s.error());
    for (size_t i = 0; i < c.files.size(); i++)
        if (x.real_path(i).ends_with(".apk-new") && !c.files[i].entry.path.ends_with(".apk-new"))
            printf("  %s was changed here: the package's is %s\n", c.files[i].entry.path.c_str(),
                   x.real_path(i).c_str());
    c.package.dirs =
        records_of(c.files, accounts, c.package.is_sha256(),
                   [&](const std::string& path) { return placement.is_left_out(path); });
    c.package.broken_script = !script_ok;
    db_->put(c.package);
    if (upgrade) {
        TRY(remove_files(old, &c));
        TRY(remove_dirs(old));
    }
    TRY(x.finish());
    for (const auto& dir : c.package.dirs) changed_dirs_.insert(shown_dir(dir));
    new_packages_.insert(p.name);
    if (!run_script(c.package, upgrade ? "post-upgrade" : "post-install", args)) {
        c.package.broken_script = true;
        db_->put(c.package);
    }
    return {};
}

// The files of `p`, all of them, or those that `by`, its new version, has no more.
Status Installer::remove_files(const Installed& p, const Candidate* by) {
    std::set<std::string> kept;
    std::set<std::pair<dev_t, ino_t>> kept_inodes;
    if (by)
        for (const auto& f : by->files) {
            if (f.entry.type == FileType::directory) continue;
            kept.insert(f.entry.path);
            // One file may have two names, when a directory became a link.
            TRY_SET(auto st, root_.lstat(f.entry.path));
            if (st) kept_inodes.emplace(st->st_dev, st->st_ino);
        }
    for (const auto& dir : p.dirs) {
        changed_dirs_.insert(shown_dir(dir));
        for (const auto& file : dir.files) {
            const std::string path = Installed::path_of(dir, file);
            if (kept.contains(path)) continue;
            const Installed* owner = db_->owner(path).package;
            if (owner && owner->package.name != p.package.name) continue;
            TRY_SET(auto st, root_.lstat(path));
            const bool is_protected = protected_.covers(path);
            if (is_protected) TRY(root_.unlink(path + ".apk-new"));
            if (!st || S_ISDIR(st->st_mode)) continue;
            if (kept_inodes.contains({st->st_dev, st->st_ino})) continue;
            if (is_protected && !options_.purge && !file.digest.empty()) {
                TRY_SET(std::string now, digest_on_disk(root_, path, p.is_sha256()));
                if (now != file.digest) {
                    printf("  %s was changed here and stays\n", path.c_str());
                    continue;
                }
            }
            TRY(root_.unlink(path));
        }
    }
    return {};
}

// Those that no package has any more, if they are empty.
Status Installer::remove_dirs(const Installed& p) {
    std::set<std::string> names;
    for (const auto& dir : p.dirs)
        for (std::string name = dir.name; !name.empty();) {
            names.insert(name);
            size_t slash = name.rfind('/');
            name = slash == std::string::npos ? "" : name.substr(0, slash);
        }
    // The deepest first: a longer name sorts behind the one that it begins with.
    for (auto it = names.rbegin(); it != names.rend(); ++it) {
        if (!db_->dir_owners(*it).empty()) continue;
        TRY_SET(auto st, root_.lstat(*it));
        if (st && S_ISDIR(st->st_mode)) (void)root_.rmdir(*it);
    }
    return {};
}

Status Installer::remove_one(const std::string& name) {
    const Installed* found = db_->find(name);
    if (!found) return {};
    const Installed p = *found;
    printf("Removing %s (%s) ...\n", name.c_str(), p.package.version.c_str());
    const std::vector<std::string> args = {p.package.version};
    // It may call programs that the removal deletes: never a second time.
    if (!after_pre_deinstall_.contains(name)) {
        run_script(p, "pre-deinstall", args);
        TRY(transaction_->log("pre-deinstall " + name));
    }
    TRY(remove_files(p, nullptr));
    db_->remove(name);
    TRY(remove_dirs(p));
    run_script(p, "post-deinstall", args);
    return {};
}

bool Installer::run_script(const Installed& p, const std::string& kind,
                           const std::vector<std::string>& args) {
    auto it = p.scripts.find(kind);
    if (it == p.scripts.end()) return true;
    const std::string path = std::string(kExecDir) + "/" + p.package.display_name() + "." + kind;
    auto run = [&]() -> Status {
        TRY(make_devices(root_, redo_));
        TRY(root_.mkdir_all(kExecDir, 0755));
        TRY(root_.write_file(path, it->second, 0755));
        Program program{.path = path,
                        .args = args,
                        .what = kind + " of " + p.package.display_name(),
                        .prepare = {},
                        .limit_s = options_.script_limit_s};
        program.prepare = [&] {
            clearenv();
            setenv("PATH", kScriptPath, 1);
            setenv("APK_SCRIPT", kind.c_str(), 1);
            setenv("APK_PACKAGE", p.package.name.c_str(), 1);
            umask(022);
        };
        return run_in_root(root_, program);
    };
    Status done = run();
    (void)root_.unlink(path);
    (void)root_.rmdir(kExecDir);
    if (done) return true;
    fprintf(stderr, "pkg: warning: %s\n", done.error().text.c_str());
    failed_scripts_.push_back(p.package.display_name() + "." + kind);
    return false;
}

// A package that is new sees every directory that its globs name, others those that changed.
Status Installer::run_triggers() {
    std::set<std::string> dirs;
    for (const Installed* p : db_->packages())
        for (const auto& dir : p->dirs) dirs.insert(shown_dir(dir));
    std::set<std::string> all = dirs;
    all.insert(changed_dirs_.begin(), changed_dirs_.end());
    std::vector<std::pair<Installed, std::vector<std::string>>> pending;
    for (const Installed* p : db_->packages()) {
        if (p->package.triggers.empty() || !p->scripts.contains("trigger")) continue;
        const bool is_new = new_packages_.contains(p->package.name);
        std::vector<std::string> args;
        bool fires = false;
        for (const auto& dir : all) {
            const bool changed = changed_dirs_.contains(dir);
            if (!is_new && !changed) continue;
            for (std::string glob : p->package.triggers) {
                const bool only_changed = glob.starts_with('+');
                if (only_changed) glob.erase(0, 1);
                if (!glob.starts_with('/') || fnmatch(glob.c_str(), dir.c_str(), FNM_PATHNAME) != 0)
                    continue;
                fires = true;
                if (!only_changed || changed) args.push_back(dir);
                break;
            }
        }
        if (fires) pending.emplace_back(*p, std::move(args));
    }
    for (auto& [p, args] : pending) {
        if (run_script(p, "trigger", args)) continue;
        p.broken_script = true;
        db_->put(p);
    }
    return {};
}

}  // namespace tenon::pkg::apk
