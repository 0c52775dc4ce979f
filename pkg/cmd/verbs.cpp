#include "pkg/cmd/verbs.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/inventory.h"
#include "pkg/cmd/plan.h"
#include "pkg/cmd/rpm_session.h"
#include "pkg/cmd/session.h"
#include "pkg/lib/text.h"
#include "pkg/lib/unpack_only.h"

namespace tenon::pkg {

Status with_engine(const Options& o, const std::function<Status(Engine&, Database&)>& action) {
    if (geteuid() != 0) return fail("this needs root's rights");
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, open_changing(root, o));
    Engine engine(root, *db, o.engine);
    TRY(engine.start());
    // What scripts make is for everybody to see unless they say otherwise.
    umask(022);
    Status done = action(engine, *db);
    Status finished = engine.finish();
    return done ? finished : done;
}

Result<std::vector<Package*>> packages_named(Database& db, const Words& words) {
    std::vector<Package*> out;
    for (const auto& w : words) {
        Package* p = db.find_spec(w);
        if (!p || p->state == State::not_installed) return fail("%s is not installed", w.c_str());
        out.push_back(p);
    }
    return out;
}

namespace {

Status run_unpack(const Options& o, const Words& words) {
    if (words.empty()) return fail("unpack: no FILE.deb given");
    bool as_root = geteuid() == 0;
    if (!as_root && o.ownership_file.empty())
        return fail("unpack: not root, so owners cannot be set; give --ownership-file FILE");
    TRY_SET(Root root, Root::open(o.root));
    // An image has no user yet whose data a power cut could take.
    root.set_sync(root.is_system());
    TRY_SET(auto db, open_changing(root, o));
    OwnershipLog log;
    if (!o.ownership_file.empty()) {
        TRY_SET(log, OwnershipLog::open(o.ownership_file));
    }
    std::vector<DebFile> debs;
    for (const auto& path : words) {
        TRY_SET(DebFile deb, DebFile::open(path));
        debs.push_back(std::move(deb));
    }
    TRY(merge_usr_if_asked(root, debs));
    for (const auto& deb : debs)
        TRY(unpack_only(root, *db, deb, as_root, o.ownership_file.empty() ? nullptr : &log));
    return db->checkpoint();
}

struct ByFamily {
    Words debs, apks, rpms;
};

// A name that dpkg's database knows is meant so; then Alpine's, then rpm's.
Result<ByFamily> by_family(const Options& o, const Words& words) {
    ByFamily out;
    TRY_SET(ApkView apk, look_at_apk(o));
    TRY_SET(RpmView rpm, look_at_rpm(o));
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    for (const auto& w : words) {
        Package* p = db->find_spec(w);
        if (p && p->state != State::not_installed)
            out.debs.push_back(w);
        else if (w.starts_with(kApkPrefix) || apk.find(w))
            out.apks.push_back(w);
        else if (w.starts_with(kRpmWord) || rpm.find(w))
            out.rpms.push_back(w);
        // "!NAME", which is installed nowhere.
        else if (apk.wants(w))
            out.apks.push_back(w);
        else
            out.debs.push_back(w);
    }
    return out;
}

// What --dry-run says of .deb packages.
Status judge_removal(const Options& o, const Words& words) {
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    TRY_SET(auto packages, packages_named(*db, words));
    TRY(Engine(root, *db, o.engine).check_removal(packages, o.purge));
    std::vector<std::string> names;
    for (const Package* p : packages) names.push_back(p->display_name());
    report_plan(o, "remove", names);
    printf("To remove: %s\n", join(names, ", ").c_str());
    return {};
}

Status run_remove(const Options& o, const Words& words) {
    if (words.empty()) return fail("remove: no package named");
    TRY_SET(ByFamily of, by_family(o, words));
    if (!of.debs.empty() && o.dry_run) TRY(judge_removal(o, of.debs));
    if (!of.debs.empty() && !o.dry_run)
        TRY(with_engine(o, [&](Engine& e, Database& db) -> Status {
            TRY_SET(auto packages, packages_named(db, of.debs));
            return e.remove(packages, o.purge);
        }));
    if (!of.apks.empty()) TRY(remove_apk(o, of.apks));
    if (!of.rpms.empty()) return remove_rpm(o, of.rpms);
    return {};
}

Status run_configure(const Options& o, const Words& words) {
    return with_engine(o, [&](Engine& e, Database& db) -> Status {
        TRY_SET(auto packages, packages_named(db, words));
        return e.configure(packages);
    });
}

constexpr Verb kVerbs[] = {
    {"install", run_install, Effect::changes_packages},
    {"remove", run_remove, Effect::changes_packages},
    {"configure", run_configure, Effect::changes_packages, DryRun::refused},
    {"unpack", run_unpack, Effect::changes_packages, DryRun::refused},
    {"list", run_list, Effect::looks},
    {"files", run_files, Effect::looks},
    {"info", run_info, Effect::looks},
    {"verify", run_verify, Effect::looks},
    {"history", run_history, Effect::looks},
    {"undo", run_undo, Effect::changes_packages},
    {"repair", run_repair, Effect::changes_packages},
    {"verify-file", run_verify_file, Effect::looks},
    {"update", run_update, Effect::changes_packages, DryRun::refused},
    {"search", run_search, Effect::looks},
    {"upgrade", run_upgrade, Effect::changes_packages},
    {"autoremove", run_autoremove, Effect::changes_packages},
    {"why", run_why, Effect::looks},
    {"why-not", run_why_not, Effect::looks},
    {"hold", run_hold, Effect::changes_packages, DryRun::refused},
    {"unhold", run_unhold, Effect::changes_packages, DryRun::refused},
};

}  // namespace

Status run_verb(const Verb& verb, const Options& options, const Words& words) {
    if (options.dry_run && verb.dry_run == DryRun::refused)
        return fail("%s: there is no --dry-run of it", verb.name);
    if (!options.report || verb.effect == Effect::looks || options.dry_run)
        return verb.run(options, words);
    TRY_SET(auto before, inventory(options));
    Status done = verb.run(options, words);
    TRY_SET(auto after, inventory(options));
    report_changes(*options.report, before, after);
    return done;
}

const Verb* find_verb(std::string_view name) {
    for (const Verb& v : kVerbs)
        if (name == v.name) return &v;
    return nullptr;
}

}  // namespace tenon::pkg
