// Engine: what the old version, and other packages, leave behind after an unpack.
#include <stdio.h>

#include <algorithm>
#include <map>
#include <set>

#include "pkg/lib/digest.h"
#include "pkg/lib/engine.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

// conffiles marked remove-on-upgrade go now: the user's changes are kept as .dpkg-old.
Status Engine::remove_upgraded_conffiles(Package& target, const Plan& plan) {
    TRY_SET(FileIndex * index, db_.file_index());
    for (const auto& line : plan.conffiles) {
        if (!line.remove_on_upgrade) continue;
        bool others = false;
        for (const Package* owner : index->owners(line.path)) others |= owner != &target;
        if (others) continue;
        TRY_SET(std::string at, follow_conffile(root_, line.path));
        TRY(root_.unlink(at + ".dpkg-dist"));
        TRY_SET(bool there, root_.exists(at));
        if (!there) continue;
        const Conffile* known = target.conffile(line.path);
        auto md5 = md5_of_file(root_, at);
        if (known && md5 && *md5 == known->md5) {
            printf("Removing obsolete conffile %s ...\n", at.c_str());
            TRY(root_.unlink(at));
        } else {
            printf("Obsolete conffile %s has been changed here; saved as %s.dpkg-old\n", at.c_str(),
                   at.c_str());
            TRY(root_.rename(at, at + ".dpkg-old"));
        }
    }
    return {};
}

Status Engine::remove_old_files(Package& target, const Plan& plan, const Extractor& x,
                                const std::vector<std::string>& old_paths) {
    std::set<std::string_view> in_new;
    std::set<std::pair<dev_t, ino_t>> new_nodes;
    for (size_t i = 0; i < plan.files.size(); i++) in_new.insert(plan.files[i].entry.path);
    bool any_old = false;
    for (const auto& path : old_paths) any_old |= !in_new.contains(path);
    if (!any_old) return {};
    // The same file may be known by another name, through a link on the way.
    for (size_t i = 0; i < plan.files.size(); i++) {
        if (plan.files[i].entry.path == "/.") continue;
        TRY_SET(auto st, root_.lstat(x.real_path(i)));
        if (st) new_nodes.emplace(st->st_dev, st->st_ino);
    }
    for (size_t k = old_paths.size(); k-- > 0;) {
        const std::string& path = old_paths[k];
        if (path == "/." || in_new.contains(path)) continue;
        if (target.conffile(path)) continue;
        std::string real = db_.overrides().divert(path, target.name);
        TRY_SET(auto st, root_.lstat(real));
        if (!st) continue;
        TRY_SET(auto followed, root_.stat_follow(real));
        if (followed && S_ISDIR(followed->st_mode)) {
            TRY_SET(bool shared, dir_is_shared(target, path));
            if (shared) continue;
        }
        if (S_ISDIR(st->st_mode)) {
            TRY(triggers_.activate_path(real, &target));
            if (Result<bool> r = root_.rmdir(real); !r)
                fprintf(stderr, "pkg: warning: old directory %s is not empty; it stays\n",
                        real.c_str());
            continue;
        }
        if (new_nodes.contains({st->st_dev, st->st_ino})) continue;
        TRY(triggers_.activate_path(real, &target));
        TRY(root_.unlink(real));
    }
    return note_changed();
}

// Files that this unpack overwrote belong to this package now. A package that loses its last file
// this way has disappeared.
Status Engine::take_files_from_others(Package& target, const Plan& plan, const Extractor& x) {
    TRY_SET(FileIndex * index, db_.file_index());
    std::map<const Package*, std::set<std::string>> lost;
    for (size_t i = 0; i < plan.files.size(); i++) {
        const PlannedFile& f = plan.files[i];
        if (f.entry.type == FileType::directory || x.kept_existing(i)) continue;
        const Diversion* d = db_.overrides().diversion_from(f.entry.path);
        for (const Package* owner : index->owners(f.entry.path)) {
            if (owner->name == target.name) continue;
            if (d && (d->package == owner->name || d->package == target.name)) continue;
            lost[owner].insert(f.entry.path);
        }
    }
    for (auto& [owner, paths] : lost) {
        Package* other = db_.find(owner->name, owner->arch);
        TRY_SET(auto list, db_.read_list(*other));
        std::vector<std::string> left;
        bool has_files = false;
        for (auto& path : list) {
            if (paths.contains(path)) {
                if (Conffile* c = other->conffile(path)) c->obsolete = true;
                continue;
            }
            // Directories that the new package has as well do not keep the old one alive.
            bool also_ours = false;
            for (const Package* o : index->owners(path)) also_ours |= o == &target;
            has_files |= path != "/." && !also_ours;
            left.push_back(std::move(path));
        }
        bool needed = false;
        if (!has_files)
            for (Package* p : db_.packages()) {
                if (!p->is_unpacked() || p == other) continue;
                World rest;
                for (Package* q : db_.packages())
                    if (q->is_unpacked() && q != other) rest.push_back(q);
                for (Field f : {Field::depends, Field::pre_depends, Field::recommends})
                    for (const Dependency& dep : p->relations(f)) {
                        bool mentions = false;
                        for (const Alternative& a : dep) mentions |= depends_.meets(*other, a, *p);
                        needed |=
                            mentions &&
                            !depends_.satisfied(rest, dep, *p, [](const Package&) { return true; });
                    }
            }
        if (!has_files && !needed && other->state > State::config_files &&
            !to_be_removed_.contains(other)) {
            TRY(disappear(*other, target));
            continue;
        }
        TRY(db_.write_list(*other, left));
        TRY(note(*other));
    }
    return {};
}

Status Engine::disappear(Package& gone, const Package& in_favour) {
    printf("(Noting disappearance of %s, which has been completely replaced.)\n",
           gone.display_name().c_str());
    TRY(activate_own(gone));
    TRY_SET(auto lines, triggers_of(gone));
    TRY(run_old(gone, "postrm", {"disappear", in_favour.name, in_favour.version.str()}));
    TRY(triggers_.remove_interests(lines, gone));
    return forget(gone);
}

}  // namespace tenon::pkg
