// Verbs that deal with Alpine's repositories: update, install, remove, upgrade, search, why.
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/plan.h"
#include "pkg/cmd/source_news.h"
#include "pkg/lib/apk/file.h"
#include "pkg/lib/apk/repositories.h"
#include "pkg/lib/solver/apk_solver.h"
#include "pkg/lib/solver/solver.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

using Kind = solver::ApkChange::Kind;
using Ask = solver::ApkRequest::Verb;

std::string without_prefix(const std::string& word) {
    return word.starts_with(kApkPrefix) ? word.substr(kApkPrefix.size()) : word;
}

Words without_prefix(const Words& words) {
    Words out;
    for (const auto& w : words) out.push_back(without_prefix(w));
    return out;
}

// All that there is to choose from. Stays where it is: the solver's answers point into it.
struct Offered {
    apk::KeyRing keys;
    apk::Indexes indexes;
    // What lies in directories and files; each is a repository behind those of the indexes.
    std::vector<std::vector<apk::Offer>> local;
    std::vector<std::vector<apk::Package>> local_packages;
    std::vector<solver::ApkRepository> repositories;

    Status load(const Options& o, Home& home, const apk::Database& db) {
        TRY_SET(keys, apk_keys_of(o, home));
        TRY_SET(auto list, apk::read_repositories(home.root()));
        TRY_SET(indexes, apk::load_indexes(*home.outer, list, db.archs(), keys, o.allow_untrusted));
        return {};
    }
    void add(std::vector<apk::Offer> offers) {
        std::vector<apk::Package> packages;
        for (const auto& offer : offers) packages.push_back(offer.package);
        local.push_back(std::move(offers));
        local_packages.push_back(std::move(packages));
    }
    void finish() {
        for (const auto& index : indexes.list)
            repositories.push_back({.packages = &index.packages, .tag = index.repository.tag});
        for (const auto& packages : local_packages) repositories.push_back({.packages = &packages});
    }
    void warn() const {
        for (const auto& what : indexes.missing)
            fprintf(stderr, "pkg: warning: %s\n", what.c_str());
    }
    // The package as its repository has it: of one build the solver names any.
    const apk::Package* in_repository(const solver::ApkChange& c, size_t* at) const {
        if (c.repository < 0) return nullptr;
        const auto& list = *repositories[static_cast<size_t>(c.repository)].packages;
        for (*at = 0; *at < list.size(); ++*at)
            if (list[*at].name == c.to->name && list[*at].version == c.to->version &&
                (&list[*at] == c.to || apk::same_identity(list[*at].checksum, c.to->checksum)))
                return &list[*at];
        return nullptr;
    }
};

solver::ApkSystem system_of(const apk::Database& db, const Offered& offered,
                            const std::vector<apk::Dependency>& world) {
    solver::ApkSystem s{.archs = db.archs(), .repositories = offered.repositories, .world = world};
    for (const apk::Installed* p : db.packages())
        s.installed.push_back({.package = &p->package,
                               .tag = p->repository_tag,
                               .broken = p->broken_files || p->broken_script || p->broken_xattr});
    return s;
}

PlannedChange::Action action_of(Kind kind) {
    using Action = PlannedChange::Action;
    switch (kind) {
        case Kind::install:
            return Action::install;
        case Kind::upgrade:
            return Action::upgrade;
        case Kind::downgrade:
            return Action::downgrade;
        case Kind::replace:
        case Kind::reinstall:
            return Action::reinstall;
        case Kind::retag:
            return Action::retag;
        case Kind::purge:
            return Action::remove;
    }
    return Action::install;
}

PlanText plan_text(const solver::ApkAnswer& answer) {
    PlanText plan;
    for (const auto& stage : answer.stages)
        for (const auto& c : stage.changes) {
            const apk::Package& p = c.to ? *c.to : *c.from;
            PlannedChange out{.action = action_of(c.kind),
                              .package = p.name,
                              .architecture = p.arch,
                              .before = c.from ? c.from->version : "",
                              .after = c.to ? c.to->version : "",
                              .shown = p.display_name()};
            if (c.kind == Kind::upgrade || c.kind == Kind::downgrade) out.shown.clear();
            if (c.kind == Kind::retag)
                out.shown = p.name + (c.tag.empty() ? " (none)" : " @" + c.tag);
            plan.add(std::move(out));
        }
    return plan;
}

// The changes as the installer wants them, and what has to be fetched for them.
Status work_out(const Offered& offered, const solver::ApkAnswer& answer, apk::Plan& plan,
                std::vector<Download>& downloads, std::vector<size_t>& fetched_for) {
    plan.world = answer.world;
    for (const auto& stage : answer.stages)
        for (const auto& c : stage.changes) {
            if (c.kind == Kind::purge) {
                plan.steps.push_back({.remove = c.from->name});
                continue;
            }
            if (c.kind == Kind::retag) {
                plan.retagged[c.to->name] = c.tag;
                continue;
            }
            size_t at = 0;
            const apk::Package* p = offered.in_repository(c, &at);
            if (!p) return fail("no repository that is here has %s", c.to->display_name().c_str());
            apk::Plan::Step step{.name = p->name, .version = p->version, .tag = c.tag};
            const auto repository = static_cast<size_t>(c.repository);
            if (repository < offered.indexes.list.size()) {
                TRY_SET(Download d,
                        apk::download_of(offered.indexes.list[repository], *p, offered.keys));
                downloads.push_back(std::move(d));
                fetched_for.push_back(plan.steps.size());
                step.identity = p->checksum;
                step.arch = p->arch;
            } else {
                // Of a directory: its own signature has to be good.
                step.path = offered.local[repository - offered.indexes.list.size()][at].path;
            }
            plan.steps.push_back(std::move(step));
        }
    return {};
}

bool same_world(const std::vector<apk::Dependency>& a, const std::vector<apk::Dependency>& b) {
    std::multiset<std::string> x, y;
    for (const auto& d : a) x.insert(d.str());
    for (const auto& d : b) y.insert(d.str());
    return x == y;
}

// From an answer to the end. `installer`: null for a dry run.
Status carry_out(const Options& o, Home& home, const Offered& offered,
                 const std::vector<apk::Dependency>& world, const solver::ApkAnswer& answer,
                 apk::Installer* installer) {
    for (const auto& note : answer.notes) printf("%s\n", note.c_str());
    if (!answer.possible) {
        std::string text;
        for (const auto& problem : answer.problems)
            for (std::string_view line : split_lines(problem)) text += "\n  " + std::string(line);
        return fail("nothing is changed:%s", text.c_str());
    }
    if (answer.stages.empty() && same_world(answer.world, world))
        return puts("Nothing to do"), Status();
    plan_text(answer).print(o);
    if (o.dry_run || !installer) return {};
    apk::Plan plan;
    std::vector<Download> downloads;
    std::vector<size_t> fetched_for;
    TRY(work_out(offered, answer, plan, downloads, fetched_for));
    Fetcher fetcher(*home.outer);
    if (uint64_t bytes = fetcher.bytes_to_fetch(downloads))
        printf("Fetching %.1f MB ...\n", static_cast<double>(bytes) / 1e6);
    fflush(stdout);
    if (!downloads.empty()) TRY(fetcher.get(downloads));
    if (o.download_only) return {};
    for (size_t i = 0; i < downloads.size(); i++)
        plan.steps[fetched_for[i]].path = downloads[i].path;
    TRY(installer->carry(plan, offered.keys));
    if (plan.steps.empty()) puts("Only the world has changed");
    return {};
}

// Files on the command line are the repository that is asked first; each is wanted as it is.
Result<std::vector<apk::Offer>> offers_of(const Options& o, const Words& files,
                                          const apk::KeyRing& keys, Words& wanted) {
    std::vector<apk::Offer> out;
    for (const auto& path : files) {
        TRY_SET(auto file, apk::ApkFile::open(path, keys));
        if (!o.allow_untrusted)
            if (Status s = file.require_good(); !s) {
                s.error().text += "; --allow-untrusted installs it all the same";
                return std::unexpected(s.error());
            }
        apk::Checksum sum = file.package().checksum;
        sum.bytes = sum.bytes.substr(0, apk::kIdentityBytes);
        if (sum.kind == apk::Checksum::Kind::sha256) sum.kind = apk::Checksum::Kind::sha256_160;
        wanted.push_back(file.package().name + "><" + sum.str());
        out.push_back({path, file.package()});
    }
    return out;
}

Status ask_and_carry(const Options& o, Home& home, const apk::Database& db,
                     const std::vector<apk::Dependency>& world, solver::ApkRequest request,
                     const Words& files, apk::Installer* installer) {
    Offered offered;
    TRY(offered.load(o, home, db));
    if (!files.empty()) {
        TRY_SET(auto offers, offers_of(o, files, offered.keys, request.arguments));
        offered.add(std::move(offers));
    }
    if (!o.from.empty()) offered.add(apk::read_offers(o.from));
    offered.finish();
    // By half a view nothing is upgraded; what is only taken away needs no repository.
    if (request.verb == Ask::upgrade && !offered.indexes.missing.empty())
        return fail("nothing is upgraded: %s", join(offered.indexes.missing, "\n  ").c_str());
    if (request.verb != Ask::del) offered.warn();
    TRY_SET(auto answer, solve_apk(system_of(db, offered, world), request));
    return carry_out(o, home, offered, world, answer, installer);
}

Status run_request(const Options& o, const solver::ApkRequest& request, const Words& files) {
    if (o.dry_run) {
        TRY_SET(ApkView view, look_at_apk(o));
        if (!view.home) return fail("no package of Alpine's family is installed");
        return ask_and_carry(o, *view.home, *view.db, view.db->world(), request, files, nullptr);
    }
    if (geteuid() != 0) return fail("this needs root's rights");
    umask(022);
    return with_apk_installer(o, Home::Create::no, [&](Home& home, apk::Installer& i) -> Status {
        const auto world = i.database().world();
        Status done = ask_and_carry(o, home, i.database(), world, request, files, &i);
        if (i.database().packages().empty() && i.database().world().empty())
            i.database().undo_open();
        return done;
    });
}

}  // namespace

Result<bool> knows_apk_repositories(const Options& o) {
    TRY_SET(auto home, find_apk_home(o));
    if (!home) return false;
    TRY_SET(auto list, apk::read_repositories(home->root()));
    return !list.empty();
}

Result<bool> solves_apk(const Options& o) {
    if (!solver::present()) return false;
    return knows_apk_repositories(o);
}

Status update_apk(const Options& o) {
    if (geteuid() != 0) return fail("this needs root's rights");
    umask(022);
    return with_apk_installer(o, Home::Create::no, [&](Home& home, apk::Installer& i) -> Status {
        auto& db = i.database();
        auto update = [&]() -> Status {
            TRY_SET(auto list, apk::read_repositories(home.root()));
            if (list.empty())
                return fail("there is no repository in %s/etc/apk/repositories",
                            home.prefix.c_str());
            TRY_SET(auto keys, apk_keys_of(o, home));
            Fetcher fetcher(*home.outer);
            size_t failed = 0;
            for (const auto& r : list) {
                auto report = apk::update_repository(*home.outer, fetcher, r, db.archs(), keys,
                                                     o.allow_untrusted);
                if (!report) {
                    failed++;
                    tell_failure(o, r.str(), report.error());
                    continue;
                }
                tell(o, {.source = r.str(),
                         .packages = report->packages,
                         .unchanged = report->unchanged,
                         .signer = report->signer});
            }
            TRY(apk::prune_indexes(*home.outer, list, db.archs()));
            if (failed)
                return fail("%zu of %zu repositories were not updated; their old indexes stay",
                            failed, list.size());
            return {};
        };
        Status done = update();
        if (db.packages().empty() && db.world().empty()) db.undo_open();
        return done;
    });
}

Status install_solved_apk(const Options& o, const Words& files, const Words& names) {
    return run_request(o, {.verb = Ask::add, .arguments = without_prefix(names)}, files);
}

Status remove_solved_apk(const Options& o, const Words& names) {
    return run_request(o, {.verb = Ask::del, .arguments = without_prefix(names)}, {});
}

Status upgrade_apk(const Options& o) {
    // The package manager that would go first is not this one.
    return run_request(o, {.verb = Ask::upgrade, .self_upgrade = false}, {});
}

Result<size_t> search_apk(const Options& o, const Words& words) {
    TRY_SET(ApkView view, look_at_apk(o));
    if (!view.home) return 0;
    Offered offered;
    TRY(offered.load(o, *view.home, *view.db));
    std::map<std::string, std::pair<const apk::Package*, std::string>> found;
    for (const auto& index : offered.indexes.list)
        for (const auto& p : index.packages) {
            bool all = true;
            for (const auto& w : words) all &= icontains(p.name, w) || icontains(p.description, w);
            if (!all) continue;
            const std::string tag = index.repository.tag;
            auto& best = found[p.name + (tag.empty() ? "" : "@" + tag)];
            if (!best.first || apk::compare_versions(best.first->version, p.version) < 0)
                best = {&p, tag};
        }
    for (const auto& [name, best] : found) {
        const apk::Package& p = *best.first;
        const apk::Installed* have = view.db->find(p.name);
        std::string state = !have ? ""
                            : have->package.version == p.version
                                ? " [installed]"
                                : " [installed: " + have->package.version + "]";
        if (o.report)
            o.report->add("packages",
                          JsonObject{{"family", "apk"},
                                     {"package", p.name},
                                     {"tag", Json::or_null(best.second)},
                                     {"architecture", p.arch},
                                     {"version", p.version},
                                     {"installed", have ? Json(have->package.version) : Json()},
                                     {"description", p.description}});
        printf("%s%s %s%s - %s\n", std::string(kApkPrefix).c_str(), name.c_str(), p.version.c_str(),
               state.c_str(), printable(p.description).c_str());
    }
    return found.size();
}

Result<bool> info_of_offered_apk(const Options& o, const std::string& word) {
    TRY_SET(ApkView view, look_at_apk(o));
    if (!view.home) return false;
    Offered offered;
    TRY(offered.load(o, *view.home, *view.db));
    const std::string name = without_prefix(word);
    const apk::Package* best = nullptr;
    const apk::Index* where = nullptr;
    // Without a tag before those with one.
    for (bool tagged : {false, true})
        for (const auto& index : offered.indexes.list)
            for (const auto& p : index.packages) {
                if (index.repository.tag.empty() == tagged || p.name != name) continue;
                if (best && (where->repository.tag.empty() == tagged ||
                             apk::compare_versions(best->version, p.version) >= 0))
                    continue;
                best = &p;
                where = &index;
            }
    if (!best) return false;
    print_package(o, *best);
    printf("\nnot installed; in %s\n", where->repository.str().c_str());
    return true;
}

Status why_apk(const Options& o, const ApkView& view, const apk::Installed& wanted) {
    // From the world, one need after the other; the first way is the shortest.
    struct Link {
        const apk::Installed* by = nullptr;  // null: the world
        const char* relation = "";
        std::string on;
    };
    std::map<const apk::Installed*, Link> links;
    std::vector<const apk::Installed*> queue;
    const auto all = view.db->packages();
    auto reach = [&](const apk::Dependency& d, const apk::Installed* by) {
        if (d.conflict) return;
        for (const apk::Installed* p : all)
            if (apk::provides(p->package, d) &&
                links.try_emplace(p, by, by ? "needs" : "was asked for", d.str()).second)
                queue.push_back(p);
    };
    for (const auto& d : view.db->world()) reach(d, nullptr);
    auto holds = [&](const apk::Dependency& d) {
        return d.conflict != std::any_of(all.begin(), all.end(), [&](const apk::Installed* p) {
                   return apk::provides(p->package, d);
               });
    };
    for (size_t i = 0; i < queue.size() && !links.contains(&wanted); i++) {
        const apk::Installed* by = queue[i];
        for (const auto& d : by->package.depends) reach(d, by);
        for (const apk::Installed* p : all) {
            const auto& conditions = p->package.install_if;
            if (conditions.empty() || links.contains(p)) continue;
            bool mine = false, fulfilled = true;
            for (const auto& d : conditions) {
                mine |= !d.conflict && apk::provides(by->package, d);
                fulfilled &= holds(d);
            }
            if (!mine || !fulfilled) continue;
            links.try_emplace(p, by, "brings in",
                              p->package.name + " (" + apk::to_text(conditions) + ")");
            queue.push_back(p);
        }
    }
    if (o.report) {
        o.report->set("package", wanted.package.name);
        o.report->add_none("chain");
    }
    if (!links.contains(&wanted)) {
        printf("%s is needed by nothing that was asked for\n", wanted.package.name.c_str());
        return {};
    }
    std::vector<const apk::Installed*> chain;
    for (const apk::Installed* at = &wanted; at; at = links.at(at).by) chain.push_back(at);
    for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
        const Link& l = links.at(*it);
        if (o.report)
            o.report->add("chain", JsonObject{{"package", l.by ? Json(l.by->package.name) : Json()},
                                              {"relation", l.relation},
                                              {"on", l.on},
                                              {"fulfilled_by", (*it)->package.name}});
        if (l.by)
            printf("%s %s %s\n", l.by->package.display_name().c_str(), l.relation, l.on.c_str());
        else
            printf("%s %s\n", l.on.c_str(), l.relation);
    }
    return {};
}

}  // namespace tenon::pkg
