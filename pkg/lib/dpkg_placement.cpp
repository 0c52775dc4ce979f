#include "pkg/lib/dpkg_placement.h"

#include "pkg/lib/digest.h"

namespace tenon::pkg {

Result<std::optional<std::string>> DpkgPlacement::place_of(size_t, const PlannedFile& f) {
    if (f.entry.type == FileType::directory) return f.entry.path;
    std::string real = db_.overrides().divert(f.entry.path, package_.name);
    if (f.conffile) {
        TRY_SET(real, follow_conffile(db_.root(), real));
    }
    return real;
}

Status DpkgPlacement::check_owner(const PlannedFile& f, const Found& found) {
    const Package& us = package_;
    if (const Diversion* d = db_.overrides().diversion_to(f.entry.path);
        d && d->package != us.name && f.entry.type != FileType::directory)
        return fail("trying to overwrite '%s', which is the diverted version of '%s'",
                    f.entry.path.c_str(), d->from.c_str());
    TRY_SET(FileIndex * index, db_.file_index());
    for (const Package* owner : index->owners(f.entry.path)) {
        if (owner->name == us.name) {
            // Two architectures of one Multi-Arch: same package share identical files.
            if (owner->arch == us.arch || us.multi_arch != MultiArch::same) continue;
            if (f.entry.type == FileType::directory || !found.occupied) continue;
            auto md5 = md5_of_file(db_.root(), found.real);
            if (md5 && *md5 == f.md5) continue;
            if (f.entry.type == FileType::symlink) continue;
            return fail("'%s' differs from the same file of %s", f.entry.path.c_str(),
                        owner->display_name().c_str());
        }
        if (owner->state == State::not_installed || owner->state == State::config_files) continue;
        if (f.entry.type == FileType::directory && !found.occupied) continue;
        if (const Diversion* d = db_.overrides().diversion_from(f.entry.path))
            if (d->package != us.name || d->package != owner->name)
                // One of the two has its file elsewhere.
                if ((d->package == us.name) != (d->package == owner->name)) continue;
        bool replaces = false;
        for (const Dependency& dep : us.relations(Field::replaces))
            for (const Alternative& a : dep)
                replaces |=
                    a.name == owner->name && satisfies(owner->version, a.relation, a.version);
        // The other side may say so as well: it then loses nothing either.
        for (const Dependency& dep : owner->relations(Field::replaces))
            for (const Alternative& a : dep)
                replaces |= a.name == us.name && satisfies(us.version, a.relation, a.version);
        if (replaces) continue;
        if (found.is_dir)
            return fail("trying to overwrite directory '%s' in package %s with a non-directory",
                        f.entry.path.c_str(), owner->display_name().c_str());
        return fail("trying to overwrite '%s', which is also in package %s %s",
                    f.entry.path.c_str(), owner->display_name().c_str(),
                    owner->version.str().c_str());
    }
    return {};
}

void DpkgPlacement::adjust_owner(const PlannedFile& f, uid_t& uid, gid_t& gid, mode_t& mode) {
    const StatOverride* o = db_.overrides().stat_override(f.entry.path);
    if (o && f.entry.type != FileType::symlink) uid = o->uid, gid = o->gid, mode = o->mode;
}

bool DpkgPlacement::was_ours(const std::string& path) {
    auto index = db_.file_index();
    if (index)
        for (const Package* p : (*index)->owners(path))
            if (p->name == package_.name) return true;
    return false;
}

}  // namespace tenon::pkg
