// Engine: configuring what is unpacked, in the order that dependencies ask for.
#include <stdio.h>

#include <algorithm>

#include "pkg/lib/engine.h"
#include "pkg/lib/text.h"
#include "pkg/lib/unpack_only.h"

namespace tenon::pkg {

namespace {

bool waits_to_be_configured(const Package& p) {
    return p.state == State::unpacked || p.state == State::half_configured;
}

bool contains(const std::vector<Package*>& list, const Package* p) {
    return std::find(list.begin(), list.end(), p) != list.end();
}

}  // namespace

// Packages that an image builder unpacked have not seen their preinst. All of these run now, in the
// order of the unpacking and from where a preinst always runs, before anything is configured: as
// they would have when dpkg had unpacked them. Some make what others rely on, /etc/passwd first of
// all. One that fails stays owed, and its package unconfigured.
Status Engine::run_owed_preinsts() {
    TRY_SET(auto text, root_.read_if_there(kOwedPreinst));
    if (!text) return {};
    std::string left;
    Status first_error;
    for (std::string_view line : split_lines(*text)) {
        Package* p = db_.find_spec(line);
        if (!p || p->state != State::unpacked) continue;
        if (Status s = run_owed_preinst(*p); !s) {
            left += std::string(line) + "\n";
            owes_preinst_.insert(p);
            if (first_error)
                first_error = s;
            else
                fprintf(stderr, "pkg: %s\n", s.error().text.c_str());
        }
    }
    if (!left.empty()) {
        TRY(root_.write_file(kOwedPreinst, left));
    } else {
        TRY(root_.unlink(kOwedPreinst));
        // Nothing of this is left to see in a finished image.
        (void)root_.rmdir("/var/lib/pkg");
    }
    return first_error;
}

Status Engine::run_owed_preinst(Package& p) {
    const std::string dir = std::string(kAdminDir) + "/tmp.ci";
    TRY(root_.remove_tree(dir));
    TRY(root_.mkdir(dir, 0755));
    TRY_SET(auto kinds, db_.info_kinds(p));
    for (const auto& kind : kinds) {
        if (kind == "list") continue;
        TRY_SET(std::string data, root_.read_file(db_.info_path(p, kind)));
        TRY_SET(auto st, root_.lstat(db_.info_path(p, kind)));
        TRY(root_.write_file(dir + "/" + kind, data, st ? st->st_mode & 0777 : 0644));
    }
    // debconf finds out from it whose script is running.
    TRY(root_.write_file(dir + "/control", p.to_status()));
    auto ran = run_script(p, dir + "/preinst", "preinst", {"install"});
    TRY(root_.remove_tree(dir));
    if (!ran) return std::unexpected(ran.error());
    return {};
}

Status Engine::configure_one(Package& p) {
    if (p.reinst_required)
        return fail("%s is half-installed; install it again first", p.display_name().c_str());
    for (const Package* other : db_.instances(p.name))
        if (other != &p && other->is_unpacked() && compare(other->version, p.version) != 0)
            return fail("%s %s cannot be configured beside %s %s", p.display_name().c_str(),
                        p.version.str().c_str(), other->display_name().c_str(),
                        other->version.str().c_str());
    if (owes_preinst_.contains(&p))
        return fail("%s: its preinst has failed", p.display_name().c_str());
    printf("Setting up %s (%s) ...\n", p.display_name().c_str(), p.version.str().c_str());
    TRY(activate_own(p));
    if (p.state == State::unpacked) {
        for (auto& c : p.conffiles)
            if (!c.obsolete && !c.remove_on_upgrade) TRY(configure_conffile(p, c));
        p.state = State::half_configured;
    }
    TRY(note(p));
    TRY(run_old(p, "postinst",
                {"configure", p.config_version.empty() ? "" : p.config_version.str()}));
    p.triggers_pending.clear();
    p.config_version = p.version;
    return after_postinst(p);
}

// The unconfigured packages of the queue that `p` cannot do without.
std::vector<Package*> Engine::waits_for(const Package& p, const std::vector<Package*>& queue,
                                        const Edges& broken) {
    World there;
    for (Package* q : db_.packages())
        if (q->is_unpacked()) there.push_back(q);
    std::vector<Package*> out;
    for (Field f : {Field::pre_depends, Field::depends})
        for (const Dependency& dep : p.relations(f)) {
            bool met = depends_.satisfied(there, dep, p, [&](const Package& q) {
                return q.is_configured() || &q == &p || broken.contains({&p, &q});
            });
            if (met) continue;
            for (const Alternative& a : dep)
                for (Package* q : queue)
                    if (q != &p && depends_.meets(*q, a, p) && !contains(out, q)) out.push_back(q);
        }
    return out;
}

Engine::Readiness Engine::readiness(const Package& p, const std::vector<Package*>& queue,
                                    const Edges& broken, std::string& why) {
    World there;
    for (Package* q : db_.packages())
        if (q->is_unpacked()) there.push_back(q);
    Readiness out = Readiness::ready;
    for (Field f : {Field::pre_depends, Field::depends})
        for (const Dependency& dep : p.relations(f)) {
            bool met = depends_.satisfied(there, dep, p, [&](const Package& q) {
                return q.is_configured() || &q == &p || broken.contains({&p, &q});
            });
            if (met) continue;
            bool may_come = depends_.satisfied(there, dep, p, [&](const Package& q) {
                return q.state == State::triggers_awaited ||
                       contains(queue, const_cast<Package*>(&q));
            });
            if (may_come) {
                if (out == Readiness::ready) out = Readiness::wait;
                continue;
            }
            if (options_.ignore_depends) continue;
            out = Readiness::never;
            why += "\n  it needs " + to_string(dep);
            for (const Alternative& a : dep)
                for (const Package* q : there)
                    if (depends_.meets(*q, a, p))
                        why += format(", but %s is %s", q->display_name().c_str(),
                                      to_string(q->state));
        }
    for (const Dependency& dep : p.relations(Field::breaks))
        for (const Alternative& a : dep)
            for (const Package* q : there)
                if (depends_.hit_by(*q, a, p) && q->state >= State::half_configured &&
                    !options_.ignore_depends) {
                    out = Readiness::never;
                    why += format("\n  it breaks %s %s", q->display_name().c_str(),
                                  q->version.str().c_str());
                }
    return out;
}

// Nothing can go first: there is a circle. dpkg's rule: it is cut at a package without a postinst,
// which is as good as configured once it is unpacked; else at the last link found.
bool Engine::break_cycle(const std::vector<Package*>& queue, Edges& broken) {
    std::vector<Package*> path;
    std::set<const Package*> finished;
    bool found = false;
    std::function<void(Package*)> visit = [&](Package* p) {
        auto at = std::find(path.begin(), path.end(), p);
        if (at != path.end()) {
            std::vector<Package*> circle(at, path.end());
            circle.push_back(p);
            size_t cut = circle.size() - 1;
            for (size_t i = 1; i < circle.size(); i++) {
                auto has = root_.exists(db_.info_path(*circle[i], "postinst"));
                if (has && !*has) {
                    cut = i;
                    break;
                }
            }
            broken.insert({circle[cut - 1], circle[cut]});
            found = true;
            return;
        }
        if (finished.contains(p)) return;
        path.push_back(p);
        for (Package* next : waits_for(*p, queue, broken)) {
            visit(next);
            if (found) return;
        }
        path.pop_back();
        finished.insert(p);
    };
    for (Package* p : queue) {
        visit(p);
        if (found) return true;
    }
    return false;
}

Status Engine::configure_queue(std::vector<Package*> queue) {
    Edges broken;
    Status first_error;
    auto failed = [&](Error e) {
        if (first_error)
            first_error = std::unexpected(std::move(e));
        else
            fprintf(stderr, "pkg: %s\n", e.text.c_str());
    };
    while (!queue.empty()) {
        bool progress = false;
        for (size_t i = 0; i < queue.size();) {
            Package* p = queue[i];
            if (!waits_to_be_configured(*p)) {
                queue.erase(queue.begin() + static_cast<long>(i));
                continue;
            }
            std::string why;
            Readiness r = readiness(*p, queue, broken, why);
            if (r == Readiness::wait) {
                i++;
                continue;
            }
            queue.erase(queue.begin() + static_cast<long>(i));
            progress = true;
            if (r == Readiness::never) {
                failed(Error{p->display_name() + " cannot be configured:" + why});
                continue;
            }
            if (Status s = configure_one(*p); !s) failed(s.error());
            // Start again in front: what came before may be ready now, and dpkg's order is kept.
            i = 0;
        }
        if (progress || queue.empty()) continue;
        // Waiting for triggers to be processed?
        size_t before = trigger_queue_.size();
        if (before > 0) {
            if (Status s = process_all_triggers(); !s) failed(s.error());
            bool awaited = false;
            for (Package* p : queue) {
                std::string why;
                awaited |= readiness(*p, queue, broken, why) != Readiness::wait;
            }
            if (awaited) continue;
        }
        if (break_cycle(queue, broken)) continue;
        for (Package* p : queue)
            failed(Error{p->display_name() + " cannot be configured: it waits for a package whose "
                                             "triggers are not processed"});
        break;
    }
    return first_error;
}

Status Engine::configure_all() {
    std::vector<Package*> packages;
    for (Package* p : db_.packages())
        if (waits_to_be_configured(*p)) packages.push_back(p);
    return configure_queue(std::move(packages));
}

Status Engine::configure(std::vector<Package*> packages) {
    TRY(transaction_.open());
    TRY(begin(Phase::configure));
    Status owed = run_owed_preinsts();
    Status done = packages.empty() ? configure_all() : configure_named(std::move(packages));
    if (owed) return done;
    if (!done) fprintf(stderr, "pkg: %s\n", done.error().text.c_str());
    return owed;
}

// As part of whatever transaction is under way: no checkpoint.
Status Engine::configure_named(std::vector<Package*> packages) {
    for (const Package* p : packages)
        if (!waits_to_be_configured(*p) && p->state < State::triggers_awaited)
            return fail("%s is %s: nothing to configure", p->display_name().c_str(),
                        to_string(p->state));
    // What they need comes first, without being named.
    for (size_t i = 0; i < packages.size(); i++)
        for (Field f : {Field::pre_depends, Field::depends})
            for (const Dependency& dep : packages[i]->relations(f))
                for (const Alternative& a : dep)
                    for (Package* q : db_.packages())
                        if (waits_to_be_configured(*q) && depends_.meets(*q, a, *packages[i]) &&
                            !contains(packages, q))
                            packages.push_back(q);
    return configure_queue(std::move(packages));
}

}  // namespace tenon::pkg
