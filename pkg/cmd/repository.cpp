// Verbs that deal with repositories: update, search, install, upgrade.
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/rpm_session.h"
#include "pkg/cmd/session.h"
#include "pkg/lib/family.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// Is the root itself one of Alpine's family?
Result<bool> alpine_root(const Options& o) {
    if (o.initdb) return true;
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(Family family, family_of(root));
    return family == Family::alpine;
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
        if (o.report)
            o.report->add(
                "sources",
                JsonObject{{"source", name},
                           {"ok", report.has_value()},
                           {"error", report ? Json() : Json(report.error().text)},
                           {"changed", report && !report->unchanged},
                           {"packages", Json::count(report ? report->packages : 0)},
                           {"signed_by", report ? Json::or_null(report->signer) : Json()},
                           {"warnings", report ? Json::strings(report->warnings) : Json()}});
        if (!report) {
            failed++;
            fflush(stdout);
            fprintf(stderr, "pkg: %s\n", report.error().text.c_str());
            continue;
        }
        for (const auto& w : report->warnings)
            fprintf(stderr, "pkg: warning: %s: %s\n", name.c_str(), w.c_str());
        std::string what =
            report->unchanged ? "no change" : format("%zu packages in new lists", report->packages);
        printf("%s: %s%s\n", name.c_str(), what.c_str(),
               report->signer.empty() ? ", trusted unsigned"
                                      : (", signed by " + report->signer).c_str());
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
    TRY_SET(bool alpine, alpine_root(o));
    if (alpine) return update_apk(o);
    // What is wrong with the prefix's list does not keep the root's own back.
    auto apks = knows_apk_repositories(o);
    if (apks && !*apks) return update_apt(o);
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto sources, apt::read_sources(root, "amd64"));
    Status debs = sources.empty() ? Status() : update_apt(o);
    Status done = update_apk(o);
    if (!debs && !done) fprintf(stderr, "pkg: %s\n", debs.error().text.c_str());
    return done ? debs : done;
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
    found += apks;
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

Result<Family> family_here(const Options& o) {
    TRY_SET(Root root, Root::open(o.root));
    return family_of(root);
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
    TRY_SET(Family family, family_here(o));
    if (!rpms.empty()) {
        if (rpms.size() != words.size())
            return fail(
                "install: .rpm files and packages of another family, each in a run of its own");
        return install_rpm(o, rpms);
    }
    const bool alpine = family == Family::alpine || o.initdb;
    // "apk:NAME" is one of the prefix.
    const bool prefixed = std::any_of(
        names.begin(), names.end(), [](const std::string& n) { return n.starts_with(kApkPrefix); });
    const bool others = std::any_of(names.begin(), names.end(), [](const std::string& n) {
        return !n.starts_with(kApkPrefix);
    });
    if (!apks.empty() || prefixed || (alpine && files.empty())) {
        if (!files.empty() || (others && !alpine))
            return fail(
                "install: .apk files and packages of another family, each in a run of its "
                "own");
        return install_apk(o, apks, names);
    }
    if (alpine)
        return fail(
            "a .deb in a root of Alpine's family would need a prefix of its own, which is "
            "not there yet");
    if (family == Family::rpm)
        return fail(
            "this root is of rpm's family: .rpm files can be installed; repositories of them and "
            "a prefix for .deb files are not there yet");
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
    TRY_SET(bool alpine, alpine_root(o));
    if (alpine) {
        TRY_SET(bool known, knows_apk_repositories(o));
        if (!known) return fail("there is no repository in /etc/apk/repositories");
        return upgrade_apk(o);
    }
    TRY(upgrade_debs(o));
    TRY_SET(bool solved, solves_apk(o));
    return solved ? upgrade_apk(o) : Status();
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
