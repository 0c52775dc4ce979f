// Engine: a set of .deb files, in the order that their relations ask for.
//
// First everything is read and checked, and the world as it will be afterwards is judged as a
// whole. Then each package is unpacked after what it pre-depends on has been configured, and in the
// end all of them are configured, dependencies first.
#include <stdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "pkg/lib/engine.h"
#include "pkg/lib/stage.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

// Each may need a decoder's dictionary: 8 MB usually, 64 MB at the most that xz's presets make.
constexpr size_t kThreadsMax = 2;

// dpkg gives updates/ four digits; one package makes some ten of them.
constexpr unsigned kUpdatesBetweenSaves = 4000;

static std::string full_name(const Package& p) {
    return p.display_name() + " " + p.version.str();
}

// The same package, perhaps of another version: `b` would take the place of `a`.
static bool takes_place_of(const Package& b, const Package& a) {
    if (a.name != b.name) return false;
    return a.arch == b.arch ||
           !(a.multi_arch == MultiArch::same && b.multi_arch == MultiArch::same);
}

// Read, checked and written beside, in one walk. Several may run at once: `root_lock` is for the
// root, which keeps a descriptor.
Result<std::unique_ptr<Engine::Candidate>> Engine::stage_candidate(const std::string& path,
                                                                   size_t number,
                                                                   std::mutex& root_lock) {
    auto c = std::make_unique<Candidate>();
    TRY_SET(c->deb, DebFile::open(path));
    c->stage = transaction_.stage_dir(number);
    auto create = [&] {
        std::lock_guard guard(root_lock);
        return Stage::create(root_, c->stage);
    };
    TRY_SET(Stage stage, create());
    TRY_SET(c->plan, make_plan(c->deb, &stage));
    std::lock_guard guard(root_lock);
    TRY(Stage::save(root_, c->stage, c->deb, c->plan));
    return c;
}

// Decompression is most of an installation, and packages do not wait for each other in it.
Status Engine::stage_candidates(Candidates& set, const std::vector<std::string>& paths) {
    TRY(transaction_.open());
    std::vector<Result<std::unique_ptr<Candidate>>> staged(paths.size());
    std::mutex root_lock;
    // The largest first, so that no thread begins one when the others have nothing left to do. What
    // cannot be looked at fails in its turn.
    std::vector<std::pair<off_t, size_t>> order;
    for (size_t i = 0; i < paths.size(); i++) {
        struct stat st = {};
        (void)stat(paths[i].c_str(), &st);
        order.emplace_back(-st.st_size, i);
    }
    std::sort(order.begin(), order.end());
    std::atomic<size_t> next = 0;
    auto work = [&] {
        for (size_t n; (n = next.fetch_add(1)) < order.size();) {
            const size_t i = order[n].second;
            staged[i] = stage_candidate(paths[i], i, root_lock);
        }
    };
    const size_t wanted = std::min<size_t>(std::thread::hardware_concurrency(), kThreadsMax);
    std::vector<std::thread> helpers;
    for (size_t i = 1; i < std::min(wanted, paths.size()); i++) helpers.emplace_back(work);
    work();
    for (auto& t : helpers) t.join();
    // In the order that they were named, errors too.
    for (auto& c : staged) {
        if (!c) return std::unexpected(std::move(c.error()));
        TRY(accept_candidate(set, std::move(*c)));
    }
    return {};
}

Status Engine::add_candidate(Candidates& set, const std::string& path) {
    TRY(transaction_.open());
    std::mutex root_lock;
    TRY_SET(auto c, stage_candidate(path, set.size(), root_lock));
    return accept_candidate(set, std::move(c));
}

Status Engine::accept_candidate(Candidates& set, std::unique_ptr<Candidate> c) {
    const std::string& path = c->deb.path();
    const Package& p = c->plan.package;
    if (p.arch != "all" && !db_.knows_arch(p.arch))
        return fail("%s: architecture %s does not match the root's (%s)", path.c_str(),
                    p.arch.c_str(), db_.native_arch().c_str());
    for (const auto& other : set)
        if (takes_place_of(p, other->plan.package))
            return fail("%s and %s are the same package, %s", other->deb.path().c_str(),
                        path.c_str(), p.name.c_str());
    set.push_back(std::move(c));
    return {};
}

World Engine::world_after(const Candidates& set) {
    World world;
    for (const Package* p : db_.packages()) {
        if (!p->is_unpacked() || to_be_removed_.contains(p)) continue;
        bool replaced = false;
        for (const auto& c : set) replaced |= takes_place_of(c->plan.package, *p);
        if (!replaced) world.push_back(p);
    }
    for (const auto& c : set) world.push_back(&c->plan.package);
    return world;
}

// Packages that are needed and not there may lie in the archive directory of the root.
Status Engine::add_missing(Candidates& set) {
    if (options_.archives.empty()) return {};
    std::vector<std::pair<std::string, Package>> shelf;
    bool looked = false;
    auto any = [](const Package&) { return true; };
    for (size_t i = 0; i < set.size(); i++) {
        for (Field f : {Field::pre_depends, Field::depends}) {
            // By value: adding to the set may move what it holds.
            const Dependencies deps = set[i]->plan.package.relations(f);
            for (const Dependency& dep : deps) {
                const Package& by = set[i]->plan.package;
                if (depends_.satisfied(world_after(set), dep, by, any)) continue;
                if (!looked) {
                    looked = true;
                    auto names = root_.list(options_.archives);
                    for (const auto& n : names ? *names : std::vector<std::string>()) {
                        if (!n.ends_with(".deb")) continue;
                        std::string path =
                            (root_.is_system() ? "" : root_.dir()) + options_.archives + "/" + n;
                        auto deb = DebFile::open(path);
                        auto package = deb ? Package::from_control(deb->control())
                                           : Result<Package>(std::unexpected(deb.error()));
                        if (!package)
                            fprintf(stderr, "pkg: ignored: %s\n", package.error().text.c_str());
                        else if (package->arch == "all" || db_.knows_arch(package->arch))
                            shelf.emplace_back(path, std::move(*package));
                    }
                }
                const std::pair<std::string, Package>* best = nullptr;
                for (const Alternative& a : dep) {
                    for (const auto& s : shelf)
                        if (depends_.meets(s.second, a, by) &&
                            (!best || compare(s.second.version, best->second.version) > 0))
                            best = &s;
                    if (best) break;
                }
                if (!best) continue;
                printf("%s is needed by %s and comes from %s\n", full_name(best->second).c_str(),
                       by.display_name().c_str(), options_.archives.c_str());
                TRY(add_candidate(set, best->first));
            }
        }
    }
    return {};
}

// Who conflicts with an installed package and replaces it takes it out of the way (Policy 7.6.2).
Status Engine::decide_removals(const Candidates& set) {
    for (const auto& c : set) {
        const Package& p = c->plan.package;
        for (Package* q : db_.packages()) {
            // Half-installed ones too: an earlier attempt may have stopped there.
            if (q->state < State::half_installed) continue;
            bool upgraded = false, conflicts = false, replaces = false;
            for (const auto& other : set) upgraded |= takes_place_of(other->plan.package, *q);
            if (upgraded) continue;
            for (const Dependency& dep : p.relations(Field::conflicts))
                for (const Alternative& a : dep) conflicts |= depends_.hit_by(*q, a, p);
            for (const Dependency& dep : p.relations(Field::replaces))
                for (const Alternative& a : dep) replaces |= depends_.hit_by(*q, a, p);
            if (conflicts && (replaces || q->want == Want::deinstall || q->want == Want::purge) &&
                !q->essential && !q->is_protected)
                to_be_removed_.insert(q);
        }
    }
    return {};
}

Status Engine::check_world_after(const Candidates& set) {
    if (options_.ignore_depends) return {};
    World after = world_after(set), subjects;
    for (const auto& c : set) subjects.push_back(&c->plan.package);
    std::vector<std::string> problems = depends_.problems(after, subjects);

    World before, changed;
    for (const Package* p : db_.packages())
        if (p->is_unpacked()) {
            before.push_back(p);
            if (std::find(after.begin(), after.end(), p) == after.end()) changed.push_back(p);
        }
    auto any = [](const Package&) { return true; };
    for (const Package* p : before) {
        if (std::find(changed.begin(), changed.end(), p) != changed.end()) continue;
        for (Field f : {Field::pre_depends, Field::depends})
            for (const Dependency& dep : p->relations(f))
                if (depends_.satisfied(changed, dep, *p, any) &&
                    !depends_.satisfied(after, dep, *p, any))
                    problems.push_back(full_name(*p) + ", which is installed, needs " +
                                       to_string(dep));
        for (Field f : {Field::conflicts, Field::breaks})
            for (const Dependency& dep : p->relations(f))
                for (const Alternative& a : dep)
                    for (const Package* q : subjects)
                        if (depends_.hit_by(*q, a, *p))
                            problems.push_back(format(
                                "%s, which is installed, %s %s", full_name(*p).c_str(),
                                f == Field::breaks ? "breaks" : "conflicts with", a.str().c_str()));
    }
    if (problems.empty()) return {};
    return fail("nothing is installed:\n  %s", join(problems, "\n  ").c_str());
}

// The other members of the set that meet a relation of member i.
std::set<size_t> Engine::needed_of(const Candidates& set, size_t i, Field field) {
    std::set<size_t> out;
    for (const Dependency& dep : set[i]->plan.package.relations(field))
        for (const Alternative& a : dep)
            for (size_t k = 0; k < set.size(); k++)
                if (k != i && depends_.meets(set[k]->plan.package, a, set[i]->plan.package))
                    out.insert(k);
    return out;
}

// Unpacks member i, after all that it depends on is unpacked (where there is no circle) and all
// that it pre-depends on is configured.
Status Engine::bring_in(Candidates& set, size_t i, std::set<size_t>& visiting) {
    if (set[i]->unpacked || !visiting.insert(i).second) return {};
    for (size_t k : needed_of(set, i, Field::pre_depends)) TRY(bring_in(set, k, visiting));
    for (size_t k : needed_of(set, i, Field::depends)) TRY(bring_in(set, k, visiting));
    const Package& p = set[i]->plan.package;
    std::vector<Package*> first;
    World there;
    for (Package* q : db_.packages())
        if (q->is_unpacked()) there.push_back(q);
    for (const Dependency& dep : p.relations(Field::pre_depends)) {
        if (depends_.satisfied(there, dep, p, [](const Package& q) { return q.is_configured(); }))
            continue;
        for (const Alternative& a : dep)
            for (Package* q : db_.packages())
                if (q->is_unpacked() && depends_.meets(*q, a, p)) first.push_back(q);
    }
    if (!first.empty()) {
        TRY(configure_named(first));
        TRY(process_all_triggers());
    }
    for (const Dependency& dep : p.relations(Field::pre_depends))
        if (!options_.ignore_depends && !depends_.satisfied(there, dep, p, [](const Package& q) {
                return q.is_configured() ||
                       // Configured once, and only taken back for its own upgrade.
                       (q.is_unpacked() && !q.config_version.empty());
            }))
            return fail("%s pre-depends on %s, which cannot be configured before it",
                        full_name(p).c_str(), to_string(dep).c_str());
    TRY(unpack(*set[i]));
    set[i]->unpacked = true;
    if (Status s = remove_conflicting(set[i]->plan.package); !s) {
        // dpkg's rule: it is not configured beside what it conflicts with.
        set[i]->unpacked = false;
        return s;
    }
    if (db_.unfolded_updates() > kUpdatesBetweenSaves) TRY(save_progress(Phase::unpack));
    visiting.erase(i);
    return {};
}

Status Engine::install(const std::vector<std::string>& paths, const std::vector<Package*>& removals,
                       Purge purge) {
    TRY(run_owed_preinsts());
    Candidates& set = set_;
    set.clear();
    TRY(stage_candidates(set, paths));
    for (Package* q : removals) {
        if ((q->essential || q->is_protected) && !options_.remove_essential)
            return fail("%s is %s and stays", q->display_name().c_str(),
                        q->essential ? "essential" : "protected");
        to_be_removed_.insert(q);
    }
    TRY(add_missing(set));
    TRY(decide_removals(set));
    TRY(check_world_after(set));
    // The same look that each unpack takes, before anything is begun.
    for (const auto& c : set)
        if (Status s = look_over(*c); !s) return s;

    // Those of `removals` that no new package takes out of the way itself go first.
    for (Package* q : removals) {
        q->want = purge == Purge::yes ? Want::purge : Want::deinstall;
        bool conflicts = false;
        for (const auto& c : set)
            for (const Dependency& dep : c->plan.package.relations(Field::conflicts))
                for (const Alternative& a : dep)
                    conflicts |= depends_.hit_by(*q, a, c->plan.package);
        if (!conflicts) remove_queue_.push_back(q);
    }
    for (Package* q : remove_queue_) to_be_removed_.erase(q);
    TRY(begin(Phase::unpack));
    return carry_out();
}

// From the first unpack on; everything in it may be a repetition.
Status Engine::carry_out() {
    Candidates& set = set_;
    Status result = remove_queue(remove_queue_);
    // One that an interrupted run unpacked, and that still keeps out what conflicts with it.
    for (size_t i = 0; i < set.size() && result; i++)
        if (set[i]->unpacked) result = remove_conflicting(set[i]->plan.package);
    for (size_t i = 0; i < set.size() && result; i++) {
        std::set<size_t> visiting;
        result = bring_in(set, i, visiting);
    }
    TRY(save_progress(Phase::configure));
    Status configured = configure_new();
    if (!result) {
        if (!configured) fprintf(stderr, "pkg: %s\n", configured.error().text.c_str());
        return result;
    }
    return configured;
}

// After an error, too: what is unpacked and can be configured is better off configured.
Status Engine::configure_new() {
    std::vector<Package*> queue;
    for (Package* p : db_.packages()) {
        bool ours = false;
        for (const auto& c : set_)
            ours |=
                c->unpacked && c->plan.package.name == p->name && c->plan.package.arch == p->arch;
        if (ours || deconfigured_.contains(p)) queue.push_back(p);
    }
    return configure_queue(std::move(queue));
}

}  // namespace tenon::pkg
