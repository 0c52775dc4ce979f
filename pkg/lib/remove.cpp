// Engine: removing and purging.  Spec: Debian Policy 6.8.
#include <errno.h>
#include <stdio.h>

#include <algorithm>

#include "pkg/lib/engine.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

// Other packages list the directory, too.
Result<bool> Engine::dir_is_shared(const Package& p, const std::string& path) {
    TRY_SET(FileIndex * index, db_.file_index());
    for (const Package* owner : index->owners(path))
        if (owner != &p) return true;
    return false;
}

static bool any_below(const std::vector<std::string>& paths, const std::string& dir) {
    for (const auto& path : paths)
        if (path.size() > dir.size() && path.starts_with(dir) && path[dir.size()] == '/')
            return true;
    return false;
}

Status Engine::remove_files(Package& p) {
    p.state = State::half_installed;
    TRY(note(p));
    TRY_SET(auto paths, db_.read_list(p));
    TRY_SET(FileIndex * index, db_.file_index());
    std::vector<std::string> conffiles, left;
    for (const auto& c : p.conffiles) conffiles.push_back(c.path);
    for (size_t k = paths.size(); k-- > 0;) {
        const std::string& path = paths[k];
        std::string real = db_.overrides().divert(path, p.name);
        TRY_SET(auto st, root_.stat_follow(real));
        bool is_dir = st && S_ISDIR(st->st_mode);
        bool sibling_has_it = false;
        for (const Package* owner : index->owners(path))
            sibling_has_it |= owner != &p && owner->name == p.name;
        if (!is_dir && sibling_has_it) continue;
        if (p.conffile(path)) {
            left.push_back(path);
            continue;
        }
        if (is_dir) {
            if (any_below(conffiles, path) || any_below(left, path)) {
                left.push_back(path);
                continue;
            }
            TRY_SET(bool shared, dir_is_shared(p, path));
            if (shared) continue;
            if (path == "/.") {
                left.push_back(path);
                continue;
            }
        }
        TRY(triggers_.activate_path(real, &p));
        TRY(root_.remove_tree(real + ".dpkg-tmp"));
        TRY(root_.remove_tree(real + ".dpkg-new"));
        TRY_SET(auto own, root_.lstat(real));
        if (!own) continue;
        if (!S_ISDIR(own->st_mode)) {
            TRY(root_.unlink(real));
            continue;
        }
        if (Result<bool> r = root_.rmdir(real); !r) {
            int code = r.error().code;
            if (code == EBUSY || code == EPERM)
                fprintf(stderr, "pkg: warning: cannot remove directory %s; a mount point?\n",
                        real.c_str());
            else if (code != ENOTEMPTY && code != EEXIST)
                return std::unexpected(r.error());
            left.push_back(path);
        }
    }
    std::reverse(left.begin(), left.end());
    TRY(note_changed());
    TRY(db_.write_list(p, left));
    TRY(run_old(p, "postrm", {"remove"}));
    TRY_SET(auto lines, triggers_of(p));
    TRY(triggers_.remove_interests(lines, p));
    TRY_SET(auto kinds, db_.info_kinds(p));
    for (const auto& kind : kinds)
        if (kind != "list" && kind != "postrm") TRY(root_.unlink(db_.info_path(p, kind)));
    p.state = State::config_files;
    p.essential = p.is_protected = false;
    return note(p);
}

Status Engine::remove_conffiles(Package& p) {
    printf("Purging configuration files for %s (%s) ...\n", p.display_name().c_str(),
           p.version.str().c_str());
    TRY(activate_own(p));
    p.config_version = Version();
    TRY_SET(auto paths, db_.read_list(p));
    std::erase_if(p.conffiles, [&](const Conffile& c) {
        const Diversion* from = db_.overrides().diversion_from(c.path);
        return std::find(paths.begin(), paths.end(), c.path) == paths.end() ||
               db_.overrides().diversion_to(c.path) || (from && from->package != p.name);
    });
    for (auto& c : p.conffiles) c.md5 = kNewConffile;
    TRY(note(p));
    // What editors and package tools leave beside a file.
    static constexpr const char* kBeside[] = {
        "", "~", ".bak", "%", ".dpkg-new", ".dpkg-old", ".dpkg-dist", ".dpkg-tmp", ".dpkg-bak",
    };
    for (const auto& c : p.conffiles) {
        std::erase(paths, c.path);
        auto at = follow_conffile(root_, c.path);
        if (!at) continue;
        TRY_SET(auto st, root_.lstat(*at));
        if (st && !S_ISREG(st->st_mode)) {
            fprintf(stderr, "pkg: warning: configuration file %s is no plain file; it stays\n",
                    c.path.c_str());
            continue;
        }
        TRY(triggers_.activate_path(c.path, &p));
        for (const char* suffix : kBeside) TRY(root_.unlink(*at + suffix));
    }
    TRY(note_changed());
    TRY(db_.write_list(p, paths));
    p.conffiles.clear();
    TRY(note(p));
    TRY(run_old(p, "postrm", {"purge"}));
    return {};
}

Status Engine::remove_leftover_dirs(Package& p) {
    bool asked_to_purge = p.want == Want::purge;
    TRY_SET(auto paths, db_.read_list(p));
    std::vector<std::string> left;
    for (size_t k = paths.size(); k-- > 0;) {
        const std::string& path = paths[k];
        TRY_SET(auto st, root_.lstat(path));
        if (!st || path == "/.") continue;
        if (!S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode)) continue;
        if (any_below(left, path)) {
            left.push_back(path);
            continue;
        }
        TRY_SET(bool shared, dir_is_shared(p, path));
        if (shared) continue;
        TRY(triggers_.activate_path(path, &p));
        Result<bool> r = S_ISDIR(st->st_mode) ? root_.rmdir(path) : root_.unlink(path);
        if (!r) {
            // Only worth a word when the user asked for every trace to go.
            if (asked_to_purge)
                fprintf(stderr, "pkg: warning: directory %s of %s is not empty; it stays\n",
                        path.c_str(), p.display_name().c_str());
            left.push_back(path);
        }
    }
    return note_changed();
}

Status Engine::forget(Package& p) {
    TRY_SET(FileIndex * index, db_.file_index());
    TRY_SET(auto paths, db_.read_list(p));
    for (const auto& path : paths) index->remove(&p, path);
    TRY_SET(auto kinds, db_.info_kinds(p));
    for (const auto& kind : kinds) TRY(root_.unlink(db_.info_path(p, kind)));
    Package blank;
    blank.name = p.name;
    blank.arch = p.arch;
    blank.triggers_awaited = p.triggers_awaited;
    p = std::move(blank);
    return note(p);
}

// prerm, files, postrm; with want == purge the configuration, too. Also finishes what an
// interrupted run or an unpack in favour of another package began.
Status Engine::remove_one(Package& p) {
    TRY(activate_own(p));
    if (p.state >= State::half_configured) {
        State before = p.state;
        p.state = State::half_configured;
        TRY(note(p));
        if (after_prerm_.contains(&p)) {
            // Run already, by the run that was interrupted: its effects are on disk.
        } else if (auto r = run_old(p, "prerm", {"remove"}); !r) {
            if (run_old(p, "postinst", {"abort-remove"}).has_value()) {
                p.reinst_required = false;
                // One that was half-configured stays so.
                TRY(before > State::half_configured ? after_postinst(p) : note(p));
            }
            return std::unexpected(r.error());
        }
        p.state = State::unpacked;
    }
    if (p.state == State::half_installed || p.state == State::unpacked) {
        TRY(note_prerm(p));
        TRY(remove_files(p));
    }
    TRY_SET(bool postrm, root_.exists(db_.info_path(p, "postrm")));
    bool purge = p.want == Want::purge;
    if (!postrm && p.conffiles.empty()) {
        purge = true;
        p.config_version = Version();
    } else if (purge) {
        TRY(remove_conffiles(p));
    }
    p.reinst_required = false;
    if (!purge) return note(p);
    TRY(remove_leftover_dirs(p));
    return forget(p);
}

Status Engine::check_removal(const std::vector<Package*>& packages, Purge purge) {
    World before, after;
    for (Package* p : db_.packages())
        if (p->is_unpacked()) {
            before.push_back(p);
            if (std::find(packages.begin(), packages.end(), p) == packages.end())
                after.push_back(p);
        }
    std::string problems, needs;
    for (const Package* p : packages) {
        if (p->state == State::not_installed)
            return fail("%s is not installed", p->display_name().c_str());
        if (p->state == State::config_files && purge == Purge::no)
            return fail("of %s only configuration files are left; remove them with --purge",
                        p->display_name().c_str());
        if ((p->essential || p->is_protected) && !options_.remove_essential)
            problems += format("\n  %s is %s (--force-remove-essential removes it all the same)",
                               p->display_name().c_str(), p->essential ? "essential" : "protected");
        if (p->reinst_required && !options_.remove_essential)
            problems += format("\n  %s is half-installed and should be installed again first",
                               p->display_name().c_str());
    }
    auto any = [](const Package&) { return true; };
    for (const Package* p : after)
        for (Field f : {Field::pre_depends, Field::depends})
            for (const Dependency& dep : p->relations(f))
                if (depends_.satisfied(before, dep, *p, any) &&
                    !depends_.satisfied(after, dep, *p, any))
                    needs += format("\n  %s needs %s", p->display_name().c_str(),
                                    to_string(dep).c_str());
    if (!options_.ignore_depends) problems += needs;
    if (!problems.empty()) return fail("nothing is removed:%s", problems.c_str());
    return {};
}

Status Engine::remove(const std::vector<Package*>& packages, Purge purge) {
    TRY(check_removal(packages, purge));
    // Written with the rest of the status as the transaction begins.
    for (Package* p : packages) p->want = purge == Purge::yes ? Want::purge : Want::deinstall;
    remove_queue_ = packages;
    TRY(begin(Phase::remove));
    return remove_queue(packages);
}

// All of them, those first that no other of them needs.
Status Engine::remove_queue(std::vector<Package*> queue) {
    Status first_error;
    while (!queue.empty()) {
        // One that nobody else in the queue needs; in a circle, the first.
        size_t pick = 0;
        for (size_t i = 0; i < queue.size(); i++) {
            bool needed = false;
            for (const Package* other : queue)
                if (other != queue[i] && other->is_unpacked())
                    for (Field f : {Field::pre_depends, Field::depends})
                        for (const Dependency& dep : other->relations(f))
                            for (const Alternative& a : dep)
                                needed |= depends_.meets(*queue[i], a, *other);
            if (!needed) {
                pick = i;
                break;
            }
        }
        Package* p = queue[pick];
        queue.erase(queue.begin() + static_cast<long>(pick));
        if (p->state > State::config_files)
            printf("Removing %s (%s) ...\n", p->display_name().c_str(), p->version.str().c_str());
        if (Status s = remove_one(*p); !s) {
            if (first_error)
                first_error = s;
            else
                fprintf(stderr, "pkg: %s\n", s.error().text.c_str());
        }
    }
    return first_error;
}

}  // namespace tenon::pkg
