// Verbs that deal with repositories of rpm's family: update, install, upgrade, search, info.
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "pkg/cmd/plan.h"
#include "pkg/cmd/rpm_session.h"
#include "pkg/cmd/source_news.h"
#include "pkg/lib/rpm/repositories.h"
#include "pkg/lib/rpm/rpm_file.h"
#include "pkg/lib/solver/rpm_solver.h"
#include "pkg/lib/solver/solver.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

std::string without_prefix(const std::string& word) {
    return word.starts_with(kRpmWord) ? word.substr(kRpmWord.size()) : word;
}

// The repositories of this root's home for the family, as the options want them judged.
Result<std::vector<rpm::Repository>> repositories_of(const Options& o, Home& home) {
    TRY_SET(auto list, rpm::read_repositories(home.root()));
    for (auto& r : list)
        if (o.allow_untrusted) r.check_packages = r.check_metadata = false;
    return list;
}

Result<openpgp::Keyring> keys_of(const Options& o, Home& home, const rpm::Repository& r) {
    TRY_SET(auto known, rpm_keyring_of(o));
    return rpm::keys_of(home.root(), r, known);
}

// All that there is to choose from. Stays where it is: the solver's answers point into it.
struct Offered {
    std::vector<rpm::Metadata> metadata;
    // Files of the command line, as a repository before the others.
    std::vector<rpm::RepositoryPackage> files;
    std::vector<std::string> missing;  // what is not there, and why, as sentences

    Status load(const Options& o, Home& home, rpm::Details details) {
        TRY_SET(auto list, repositories_of(o, home));
        for (const auto& r : list) {
            TRY_SET(auto keys, keys_of(o, home, r));
            auto one = rpm::load_metadata(*home.outer, r, keys, time(nullptr), details);
            if (one)
                metadata.push_back(std::move(*one));
            else
                missing.push_back(one.error().text);
        }
        return {};
    }
    Status add_files(const Words& paths) {
        for (const auto& path : paths) {
            TRY_SET(auto file, rpm::RpmFile::open(path));
            rpm::RepositoryPackage p;
            p.package = file.package();
            p.href = path;
            files.push_back(std::move(p));
        }
        return {};
    }
    const rpm::RepositoryPackage& package(const solver::RpmChange& c) const {
        return c.repository == 0 ? files[c.package]
                                 : metadata[c.repository - 1].packages[c.package];
    }
};

solver::RpmSystem system_of(const RpmView& view, const Offered& offered) {
    solver::RpmSystem s;
    for (const auto& p : view.packages) s.installed.push_back(&p.package);
    s.repositories.push_back({.packages = &offered.files, .priority = 0});
    for (const auto& m : offered.metadata)
        s.repositories.push_back({.packages = &m.packages, .priority = m.repository.priority});
    if (!view.home->prefix.empty())
        s.elsewhere = rpm::provided_around(*view.home->outer, *view.home->inner, view.packages);
    return s;
}

void print_plan(const Options& o, const Offered& offered, const solver::RpmAnswer& answer) {
    using Action = PlannedChange::Action;
    PlanText plan;
    for (const auto& c : answer.changes) {
        const rpm::Package& p = offered.package(c).package;
        PlannedChange out{.action = Action::install,
                          .package = p.name,
                          .architecture = p.arch,
                          .before = c.before ? c.before->evr.str() : "",
                          .after = p.evr.str(),
                          .shown = ""};
        if (c.before) {
            const int order = rpm::compare(c.before->evr, p.evr);
            out.action = order < 0   ? Action::upgrade
                         : order > 0 ? Action::downgrade
                                     : Action::reinstall;
        }
        if (out.action == Action::install || out.action == Action::reinstall) out.shown = p.nevra();
        plan.add(std::move(out));
    }
    for (const rpm::Package* p : answer.obsoleted)
        plan.add({.action = Action::remove,
                  .package = p->name,
                  .architecture = p->arch,
                  .before = p->evr.str(),
                  .after = "",
                  .shown = p->nevra()});
    plan.print(o);
}

Status carry_out(const Options& o, Home& home, const Offered& offered,
                 const solver::RpmAnswer& answer) {
    if (!answer.possible) {
        std::string text;
        for (const auto& problem : answer.problems)
            for (std::string_view line : split_lines(problem)) text += "\n  " + std::string(line);
        return fail("nothing is changed:%s", text.c_str());
    }
    if (answer.changes.empty()) return puts("Nothing to do"), Status();
    print_plan(o, offered, answer);
    if (o.dry_run) return {};
    Words paths;
    std::vector<Download> downloads;
    bool down = false;
    for (const auto& c : answer.changes) {
        const auto& p = offered.package(c);
        down |= c.before && rpm::compare(p.package.evr, c.before->evr) < 0;
        if (c.repository == 0) {
            paths.push_back(p.href);
            continue;
        }
        TRY_SET(Download d, rpm::download_of(offered.metadata[c.repository - 1], p));
        downloads.push_back(std::move(d));
    }
    Fetcher fetcher(*home.outer);
    if (uint64_t bytes = fetcher.bytes_to_fetch(downloads))
        printf("Fetching %.1f MB ...\n", static_cast<double>(bytes) / 1e6);
    fflush(stdout);
    if (!downloads.empty()) TRY(fetcher.get(downloads));
    if (o.download_only) return {};
    for (const auto& d : downloads) paths.push_back(d.path);
    return install_rpm_files(o, paths, down ? Downgrade::allowed : Downgrade::refused);
}

Status ask_and_carry(const Options& o, const solver::RpmRequest& request, const Words& files) {
    if (geteuid() != 0 && !o.dry_run) return fail("this needs root's rights");
    umask(022);
    if (!o.dry_run) TRY(finish_rpm(o));
    TRY_SET(RpmView view, look_at_rpm(o));
    if (!view.home) return fail("no package of rpm's family is installed");
    Offered offered;
    TRY(offered.load(o, *view.home, rpm::Details::no));
    TRY(offered.add_files(files));
    // By half a view nothing is upgraded.
    if (request.upgrade && !offered.missing.empty())
        return fail("nothing is upgraded: %s", join(offered.missing, "\n  ").c_str());
    for (const auto& m : offered.missing) fprintf(stderr, "pkg: warning: %s\n", m.c_str());
    solver::RpmRequest wish = request;
    for (const auto& f : offered.files) wish.install.push_back(f.package.nevra());
    TRY_SET(auto answer, solve_rpm(system_of(view, offered), wish));
    if (!answer.possible && !answer.missing_files.empty() && geteuid() == 0) {
        // The lists of all files are as large as everything else: they come when they are needed.
        const std::set<std::string> paths(answer.missing_files.begin(), answer.missing_files.end());
        Fetcher fetcher(*view.home->outer);
        for (auto& m : offered.metadata) TRY(rpm::add_files(*view.home->outer, fetcher, m, paths));
        TRY_SET(answer, solve_rpm(system_of(view, offered), wish));
    }
    return carry_out(o, *view.home, offered, answer);
}

}  // namespace

Result<bool> knows_rpm_repositories(const Options& o) {
    TRY_SET(auto home, find_rpm_home(o));
    if (!home) return false;
    TRY_SET(auto list, rpm::read_repositories(home->root()));
    return !list.empty();
}

Result<bool> solves_rpm(const Options& o) {
    if (!solver::present() || !rpm::present()) return false;
    return knows_rpm_repositories(o);
}

Status update_rpm(const Options& o) {
    if (geteuid() != 0) return fail("this needs root's rights");
    umask(022);
    TRY(finish_rpm(o));
    TRY_SET(auto home, find_rpm_home(o));
    if (!home) return fail("no package of rpm's family is installed");
    TRY_SET(auto list, repositories_of(o, *home));
    if (list.empty())
        return fail("there is no repository in %s/etc/yum.repos.d", home->prefix.c_str());
    Fetcher fetcher(*home->outer);
    size_t failed = 0;
    for (const auto& r : list) {
        TRY_SET(auto keys, keys_of(o, *home, r));
        auto report = rpm::update_repository(*home->outer, fetcher, r, keys, time(nullptr));
        if (!report) {
            failed++;
            tell_failure(o, r.id, report.error());
            continue;
        }
        tell(o, {.source = r.id,
                 .packages = report->packages,
                 .unchanged = report->unchanged,
                 .signer = report->signer});
    }
    TRY(rpm::prune_metadata(*home->outer, list));
    if (failed)
        return fail("%zu of %zu repositories were not updated; their old metadata stays", failed,
                    list.size());
    return {};
}

Status install_solved_rpm(const Options& o, const Words& files, const Words& names) {
    solver::RpmRequest request{.install = {}, .recommends = o.recommends};
    for (const auto& n : names) request.install.push_back(without_prefix(n));
    return ask_and_carry(o, request, files);
}

Status upgrade_rpm(const Options& o) {
    return ask_and_carry(o, {.install = {}, .upgrade = true, .recommends = o.recommends}, {});
}

Result<size_t> search_rpm(const Options& o, const Words& words) {
    TRY_SET(bool solved, solves_rpm(o));
    if (!solved) return 0;
    TRY_SET(RpmView view, look_at_rpm(o));
    Offered offered;
    TRY(offered.load(o, *view.home, rpm::Details::no));
    std::map<std::string, const rpm::Package*> found;
    for (const auto& m : offered.metadata)
        for (const auto& entry : m.packages) {
            const rpm::Package& p = entry.package;
            bool all = true;
            for (const auto& w : words) all &= icontains(p.name, w) || icontains(p.summary, w);
            if (!all) continue;
            auto& best = found[p.name];
            if (!best || rpm::compare(best->evr, p.evr) < 0) best = &p;
        }
    for (const auto& [name, p] : found) {
        const rpm::Installed* have = view.find(name);
        const std::string version = p->evr.str(), old = have ? have->package.evr.str() : "";
        const std::string state = !have            ? ""
                                  : old == version ? " [installed]"
                                                   : " [installed: " + old + "]";
        if (o.report)
            o.report->add("packages", JsonObject{{"family", "rpm"},
                                                 {"package", name},
                                                 {"architecture", p->arch},
                                                 {"version", version},
                                                 {"installed", Json::or_null(old)},
                                                 {"description", p->summary}});
        printf("%s%s %s%s - %s\n", std::string(kRpmWord).c_str(), name.c_str(), version.c_str(),
               state.c_str(), printable(p->summary).c_str());
    }
    return found.size();
}

Result<bool> info_of_offered_rpm(const Options& o, const std::string& word) {
    TRY_SET(bool solved, solves_rpm(o));
    if (!solved) return false;
    TRY_SET(RpmView view, look_at_rpm(o));
    Offered offered;
    TRY(offered.load(o, *view.home, rpm::Details::yes));
    const std::string name = without_prefix(word);
    const rpm::Package* best = nullptr;
    const rpm::Metadata* where = nullptr;
    for (const auto& m : offered.metadata)
        for (const auto& entry : m.packages) {
            const rpm::Package& p = entry.package;
            if (!rpm::is_named(p, name) || (best && rpm::compare(best->evr, p.evr) >= 0)) continue;
            best = &p;
            where = &m;
        }
    if (!best) return false;
    print_package(o, *best);
    printf("\nnot installed; in %s\n", where->repository.id.c_str());
    return true;
}

}  // namespace tenon::pkg
