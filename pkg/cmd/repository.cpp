// Verbs that deal with repositories: update, search, install, upgrade.
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/rpm_session.h"
#include "pkg/cmd/session.h"
#include "pkg/cmd/source_news.h"
#include "pkg/lib/family.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// What the root itself is.
Result<Family> family_here(const Options& o) {
    if (o.initdb) return Family::alpine;
    TRY_SET(Root root, Root::open(o.root));
    return family_of(root);
}

Status update_apt(const Options& o) {
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, open_changing(root, o));
    TRY_SET(auto sources, apt::read_sources(root, db->native_arch()));
    if (sources.empty())
        return fail("there is no source in /etc/apt/sources.list and /etc/apt/sources.list.d");
    Fetcher fetcher(root);
    size_t failed = 0;
    for (const auto& source : sources) {
        std::string name = source.uri + " " + source.suite;
        auto report = apt::update_source(root, fetcher, source, db->archs(), time(nullptr));
        if (!report) {
            failed++;
            tell_failure(o, name, report.error());
            continue;
        }
        tell(o, {.source = name,
                 .packages = report->packages,
                 .unchanged = report->unchanged,
                 .signer = report->signer,
                 .warnings = report->warnings});
    }
    TRY(apt::prune_lists(root, sources, db->archs()));
    if (failed)
        return fail("%zu of %zu sources were not updated; their old lists stay", failed,
                    sources.size());
    return {};
}

}  // namespace

Status run_update(const Options& o, const Words& words) {
    if (!words.empty()) return fail("update: takes no name; 'pkg upgrade' installs new versions");
    if (geteuid() != 0) return fail("this needs root's rights");
    TRY_SET(Family family, family_here(o));
    if (family == Family::alpine) return update_apk(o);
    if (family == Family::rpm) return update_rpm(o);
    // The root's own first, then those of prefixes; what is wrong with one does not keep the others
    // back.
    auto apks = knows_apk_repositories(o), rpms = knows_rpm_repositories(o);
    const bool has_apks = !apks || *apks, has_rpms = !rpms || *rpms;
    if (!has_apks && !has_rpms) return update_apt(o);
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto sources, apt::read_sources(root, "amd64"));
    std::vector<Status> all;
    if (!sources.empty()) all.push_back(update_apt(o));
    if (has_apks) all.push_back(update_apk(o));
    if (has_rpms) all.push_back(update_rpm(o));
    Status done;
    for (Status& s : all) {
        if (s) continue;
        if (!done) fprintf(stderr, "pkg: %s\n", done.error().text.c_str());
        done = std::move(s);
    }
    return done;
}

Status run_search(const Options& o, const Words& words) {
    if (words.empty()) return fail("search: what for?");
    TRY_SET(Session s, Session::open(o, Access::read));
    size_t found = 0;
    if (o.report) o.report->add_none("packages");
    for (uint32_t n : s.candidates) {
        const apt::Record& r = s.record(n);
        std::string_view description = r.get("Description");
        bool all = true;
        for (const auto& w : words) all &= icontains(r.name, w) || icontains(description, w);
        if (!all) continue;
        found++;
        const Package* p = s.replaced_by(r);
        std::string state = !p ? ""
                            : p->version.str() == r.version
                                ? " [installed]"
                                : " [installed: " + p->version.str() + "]";
        if (o.report)
            o.report->add("packages", JsonObject{{"package", r.name},
                                                 {"architecture", r.arch},
                                                 {"version", r.version},
                                                 {"installed", p ? Json(p->version.str()) : Json()},
                                                 {"description", description}});
        printf("%s%s - %s\n", r.spec().c_str(), state.c_str(), printable(description).c_str());
    }
    TRY_SET(size_t apks, search_apk(o, words));
    TRY_SET(size_t rpms, search_rpm(o, words));
    found += apks + rpms;
    if (found == 0) return fail("nothing has '%s' in its name or description", words[0].c_str());
    return {};
}

namespace {

Status plan_or_fail(const solver::Answer& answer) {
    if (answer.possible) return {};
    return fail("nothing is installed:%s", problems_text(answer).c_str());
}

// Packages that come from files count as named.
void add_files_to(const Session& s, const Words& files, std::vector<uint32_t>& wanted) {
    if (files.empty()) return;
    auto origin = static_cast<uint32_t>(s.available->origins.size() - 1);
    const auto& records = s.available->catalog.records();
    for (size_t i = 0; i < records.size(); i++)
        if (records[i].origin == origin) wanted.push_back(static_cast<uint32_t>(i));
}

Status install_solved(const Options& o, const Words& files, const Words& names) {
    TRY_SET(Session s, Session::open(o, o.dry_run ? Access::read : Access::write, files));
    solver::Request request{.recommends = o.recommends};
    add_files_to(s, files, request.install);
    std::vector<const Package*> there;
    for (const auto& name : names) {
        TRY_SET(auto number, s.find(name));
        if (number) {
            request.install.push_back(*number);
            continue;
        }
        const Package* p = s.db->find_spec(name);
        printf("%s is installed in the newest version already%s\n", name.c_str(),
               p ? (" (" + p->version.str() + ")").c_str() : "");
        if (p) there.push_back(p);
    }
    if (!o.dry_run && !o.download_only && !there.empty()) {
        TRY_SET(apt::Marks marks, s.marks());
        for (const Package* p : there) marks.set_automatic(*p, false);
        TRY(marks.save(*s.root, *s.db));
    }
    if (request.install.empty()) return {};
    TRY_SET(solver::Answer answer, solve(s, request));
    TRY(plan_or_fail(answer));
    return carry_out(o, s, answer, request.install);
}

// Is there a list of any repository? Without one, files are the engine's own business.
Result<bool> knows_repositories(const Options& o) {
    if (!solver::present()) return false;
    if (!o.from.empty()) return true;
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto sources, apt::read_sources(root, "amd64"));
    if (sources.empty()) return false;
    auto names = root.list(apt::kLists);
    return names && !names->empty();
}

// Does the word name a package of a family by its prefix?
bool is_plain(const std::string& word) {
    return !word.starts_with(kApkPrefix) && !word.starts_with(kRpmWord);
}

}  // namespace

Status run_install(const Options& o, const Words& words) {
    if (words.empty()) return fail("install: no package named");
    if (geteuid() != 0 && !o.dry_run) return fail("this needs root's rights");
    Words files, names;
    Words apks, rpms;
    for (const auto& w : words)
        (names_apk_file(w)   ? apks
         : names_rpm_file(w) ? rpms
         : names_deb_file(w) ? files
                             : names)
            .push_back(w);
    for (const Words* list : {&apks, &rpms})
        for (const auto& f : *list)
            if (access(f.c_str(), R_OK) != 0) return fail_errno("%s", f.c_str());
    // "apk:NAME" and "rpm:NAME" are of a prefix, where the root is of another family.
    TRY_SET(Family family, family_here(o));
    struct {
        Family family;
        std::string_view word;
        const Words& files;
        Status (*install)(const Options&, const Words&, const Words&);
    } const others[] = {{Family::rpm, kRpmWord, rpms, install_rpm},
                        {Family::alpine, kApkPrefix, apks, install_apk}};
    for (const auto& f : others) {
        auto is_meant = [&](const std::string& n) {
            return n.starts_with(f.word) || (family == f.family && is_plain(n));
        };
        if (f.files.empty() && std::none_of(names.begin(), names.end(), is_meant)) continue;
        if (!std::all_of(names.begin(), names.end(), is_meant) ||
            f.files.size() + names.size() != words.size())
            return fail("install: packages of different families, each in a run of its own");
        return f.install(o, f.files, names);
    }
    if (family == Family::alpine)
        return fail(
            "a .deb in a root of Alpine's family would need a prefix of its own, which is "
            "not there yet");
    if (family == Family::rpm)
        return fail(
            "a .deb in a root of rpm's family would need a prefix of its own, which is not there "
            "yet");
    for (const auto& f : files)
        if (access(f.c_str(), R_OK) != 0) return fail_errno("%s", f.c_str());
    if (names.empty()) {
        TRY_SET(bool known, knows_repositories(o));
        if (!known) {
            if (o.dry_run || o.download_only)
                return fail("there is no repository to ask: files alone are just installed");
            return with_engine(o, [&](Engine& e, Database&) { return e.install(files); });
        }
    }
    return install_solved(o, files, names);
}

namespace {

Status upgrade_debs(const Options& o) {
    TRY_SET(Session s, Session::open(o, o.dry_run ? Access::read : Access::write));
    solver::Request request{.upgrade = true, .recommends = o.recommends};
    TRY_SET(solver::Answer answer, solver::solve(*s.db, *s.available, s.candidates, request));
    TRY(plan_or_fail(answer));
    std::set<std::string_view> going;
    for (uint32_t n : answer.install) going.insert(s.record(n).name);
    std::vector<std::string> kept, held;
    for (uint32_t n : s.candidates) {
        const apt::Record& r = s.record(n);
        const Package* p = s.replaced_by(r);
        if (p && p->version.str() != r.version && !going.contains(r.name))
            (p->want == Want::hold ? held : kept).push_back(p->display_name());
    }
    if (o.report) o.report->set("held", Json::strings(held));
    if (o.report) o.report->set("kept_back", Json::strings(kept));
    if (!held.empty()) printf("Held: %s\n", join(held, ", ").c_str());
    if (!kept.empty()) printf("Kept back: %s\n", join(kept, ", ").c_str());
    if (answer.install.empty()) return puts("Nothing to upgrade"), Status();
    return carry_out(o, s, answer, {});
}

}  // namespace

Status run_upgrade(const Options& o, const Words& words) {
    if (!words.empty()) return fail("upgrade: takes no name; 'pkg install NAME' upgrades one");
    if (geteuid() != 0 && !o.dry_run) return fail("this needs root's rights");
    TRY_SET(Family family, family_here(o));
    if (family == Family::alpine) {
        TRY_SET(bool known, knows_apk_repositories(o));
        if (!known) return fail("there is no repository in /etc/apk/repositories");
        return upgrade_apk(o);
    }
    if (family == Family::rpm) {
        TRY_SET(bool known, solves_rpm(o));
        if (!known) return fail("there is no repository in /etc/yum.repos.d, or no solver here");
        return upgrade_rpm(o);
    }
    TRY(upgrade_debs(o));
    TRY_SET(bool apks, solves_apk(o));
    if (apks) TRY(upgrade_apk(o));
    TRY_SET(bool rpms, solves_rpm(o));
    return rpms ? upgrade_rpm(o) : Status();
}

Status run_why_not(const Options& o, const Words& words) {
    if (words.size() != 1) return fail("why-not: one package name is needed");
    TRY_SET(Session s, Session::open(o, Access::read));
    TRY_SET(auto number, s.find(words[0]));
    if (o.report) o.report->set("installed", !number);
    if (!number) return printf("%s is installed\n", words[0].c_str()), Status();
    TRY_SET(solver::Answer answer, solve(s, {.install = {*number}, .recommends = o.recommends}));
    if (o.report) o.report->set("possible", answer.possible);
    if (o.report) o.report->set("problems", Json::strings(answer.problems));
    if (!answer.possible) {
        printf("%s cannot be installed:%s\n", s.record(*number).spec().c_str(),
               problems_text(answer).c_str());
        return {};
    }
    printf("%s can be installed\n", s.record(*number).spec().c_str());
    print_plan(o, s, answer);
    return {};
}

}  // namespace tenon::pkg
