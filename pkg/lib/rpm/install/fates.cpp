#include "pkg/lib/rpm/install/fates.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

constexpr size_t kMostConflicts = 20;

mode_t type_of(mode_t mode) {
    return mode & S_IFMT;
}

// Would it matter which of the two is there? Ghosts are nobody's contents.
bool differ(const File& a, const File& b) {
    if ((a.flags | b.flags) & kFileGhost) return false;
    if (a.mode != b.mode) return true;
    if (S_ISLNK(a.mode)) return a.link != b.link;
    if (S_ISREG(a.mode) && (a.size_bytes != b.size_bytes || a.digest != b.digest)) return true;
    if ((S_ISCHR(a.mode) || S_ISBLK(a.mode)) && a.rdev != b.rdev) return true;
    return a.user != b.user || a.group != b.group;
}

}  // namespace

Status Fates::collect() {
    for (const auto& e : elements_) {
        if (!e->is_install()) continue;
        const Package& p = e->package;
        for (size_t i = 0; i < p.files.size(); i++) {
            TRY_SET(std::string key, keys_.of(p.files[i].path));
            owners_[key].push_back({&p, &p.files[i], i, FileState::normal, nullptr});
        }
    }
    // Of what is installed, only what meets something that comes or goes.
    for (const auto& e : elements_) {
        if (e->is_install()) continue;
        for (const File& f : e->package.files) {
            TRY_SET(std::string key, keys_.of(f.path));
            owners_[key];
        }
    }
    for (const Installed& p : installed_)
        for (size_t i = 0; i < p.package.files.size(); i++) {
            TRY_SET(std::string key, keys_.of(p.package.files[i].path));
            if (auto it = owners_.find(key); it != owners_.end())
                it->second.push_back({&p.package, &p.package.files[i], i, p.state(i), &p});
        }
    return {};
}

bool Fates::goes(uint64_t number) const {
    return std::any_of(elements_.begin(), elements_.end(), [&](const auto& e) {
        return (!e->is_install() && e->number == number) || e->replaces == number;
    });
}

void Fates::conflict(const std::string& text) {
    if (std::find(conflicts_.begin(), conflicts_.end(), text) == conflicts_.end())
        conflicts_.push_back(text);
}

Result<std::string> Fates::disk_digest(const std::string& path,
                                       std::optional<HashAlgorithm> algorithm) {
    TRY_SET(auto st, root_.lstat(path));
    if (!st || !S_ISREG(st->st_mode) || !algorithm) return std::string();
    TRY_SET(Fd fd, root_.open_read(path));
    Hash hash(*algorithm);
    char block[64 * 1024];
    ssize_t n;
    while ((n = read(fd.get(), block, sizeof(block))) > 0)
        hash.update(block, static_cast<size_t>(n));
    if (n < 0) return fail_errno("cannot read %s", path.c_str());
    return to_hex(hash.finish());
}

// A configuration file that some package had before: was it changed, and does the new one bring
// anything new?
Result<FileAction> Fates::over_known(const File& old, std::optional<HashAlgorithm> old_digest,
                                     const File& now, std::optional<HashAlgorithm> digest) {
    const FileAction keep = now.flags & kFileNoReplace ? FileAction::alternate : FileAction::save;
    // A change of a file that the new version brings unchanged stays, but only as configuration.
    const bool still_config = now.flags & kFileConfig;
    TRY_SET(auto st, root_.lstat(now.path));
    if (!st) return now.flags & kFileMissingOk ? FileAction::skip : FileAction::create;
    if (S_ISREG(old.mode)) {
        if (S_ISREG(st->st_mode)) {
            TRY_SET(std::string on_disk, disk_digest(now.path, old_digest));
            if (!on_disk.empty() && on_disk == old.digest) return FileAction::create;
            if (S_ISREG(now.mode)) {
                TRY_SET(on_disk, disk_digest(now.path, digest));
                if (!on_disk.empty() && on_disk == now.digest) return FileAction::create;
            }
        }
        if (still_config && S_ISREG(now.mode) && old_digest == digest && !old.digest.empty() &&
            old.digest == now.digest)
            return FileAction::skip;
        return keep;
    }
    if (S_ISLNK(old.mode)) {
        if (S_ISLNK(st->st_mode)) {
            TRY_SET(std::string target, root_.readlink(now.path));
            if (target == old.link) return FileAction::create;
            if (S_ISLNK(now.mode) && target == now.link) return FileAction::create;
        }
        if (still_config && S_ISLNK(now.mode) && old.link == now.link) return FileAction::skip;
        return keep;
    }
    return FileAction::create;
}

Result<bool> Fates::differs_on_disk(const File& f, std::optional<HashAlgorithm> digest) {
    TRY_SET(auto st, root_.lstat(f.path));
    if (!st) return false;
    if (type_of(st->st_mode) != type_of(f.mode)) return true;
    if (S_ISREG(f.mode)) {
        if (static_cast<uint64_t>(st->st_size) != f.size_bytes) return true;
        TRY_SET(std::string on_disk, disk_digest(f.path, digest));
        return on_disk.empty() || on_disk != f.digest;
    }
    if (S_ISLNK(f.mode)) {
        TRY_SET(std::string target, root_.readlink(f.path));
        return target != f.link;
    }
    return false;
}

Result<FileAction> Fates::incoming(const Element& e, size_t i) {
    const Package& p = e.package;
    const File& f = p.files[i];
    if (f.flags & kFileGhost) return FileAction::skip;
    TRY_SET(std::string key, keys_.of(f.path));
    FileAction action = FileAction::create;
    bool known = false, shared = false;
    for (const Owner& o : owners_[key]) {
        if (o.package == &p) continue;
        if (!o.installed) {
            if (!before_.contains(o.package)) continue;
            if (differ(*o.file, f))
                conflict(format("%s and %s both have %s, and not the same", p.nevra().c_str(),
                                o.package->nevra().c_str(), f.path.c_str()));
            else if (!(o.file->flags & kFileGhost) && !S_ISDIR(f.mode))
                shared = true;
            continue;
        }
        const bool is_config = (o.file->flags | f.flags) & kFileConfig;
        if (!goes(o.installed->number) && o.state == FileState::normal && differ(*o.file, f))
            conflict(format("%s has %s, and %s, which is installed, has it, too, and not the same",
                            p.nevra().c_str(), f.path.c_str(), o.package->nevra().c_str()));
        known = true;
        if (!is_config) continue;
        TRY_SET(FileAction one, over_known(*o.file, o.package->file_digest, f, p.file_digest));
        if (one != FileAction::create) action = one;
    }
    if (!known && (f.flags & kFileConfig)) {
        TRY_SET(bool differs, differs_on_disk(f, p.file_digest));
        if (differs)
            action = f.flags & kFileNoReplace ? FileAction::alternate : FileAction::original;
    }
    if (action != FileAction::skip) TRY(check_place(e, f));
    return shared && action == FileAction::create ? FileAction::shared : action;
}

// What could only be found out half-way is refused here.
Status Fates::check_place(const Element& e, const File& f) {
    TRY_SET(auto st, root_.lstat(f.path));
    if (st && S_ISDIR(st->st_mode) && !S_ISDIR(f.mode) && f.path != "/.")
        return fail("%s: %s is a directory, and cannot be replaced by what is none",
                    e.package.nevra().c_str(), f.path.c_str());
    std::string parent = f.path.substr(0, f.path.rfind('/'));
    for (; !parent.empty(); parent.resize(parent.rfind('/'))) {
        if (!checked_parents_.emplace(parent, true).second) return {};
        TRY_SET(auto there, root_.lstat(parent));
        if (!there) continue;
        TRY_SET(auto target, root_.stat_follow(parent));
        if (target && S_ISDIR(target->st_mode)) return {};
        TRY_SET(std::string key, keys_.of(parent));
        auto it = owners_.find(key);
        bool becomes_one = it != owners_.end() &&
                           std::any_of(it->second.begin(), it->second.end(), [](const Owner& o) {
                               return !o.installed && S_ISDIR(o.file->mode);
                           });
        if (!becomes_one)
            return fail("%s: %s is no directory, and %s would lie below it",
                        e.package.nevra().c_str(), parent.c_str(), f.path.c_str());
    }
    return {};
}

Result<FileAction> Fates::outgoing(const Element& e, size_t i) {
    const File& f = e.package.files[i];
    if (i < e.states.size() && e.states[i] != FileState::normal) return FileAction::skip;
    TRY_SET(std::string key, keys_.of(f.path));
    for (const Owner& o : owners_[key]) {
        if (!o.installed) return FileAction::skip;
        if (o.installed->number != e.number && !goes(o.installed->number) &&
            o.state == FileState::normal)
            return FileAction::skip;
    }
    if ((!S_ISREG(f.mode) && !S_ISLNK(f.mode)) || !(f.flags & kFileConfig))
        return FileAction::erase;
    // Nobody knows what it should have been.
    if (f.flags & kFileGhost) return FileAction::skip;
    TRY_SET(bool differs, differs_on_disk(f, e.package.file_digest));
    return differs ? FileAction::save : FileAction::erase;
}

Status Fates::decide() {
    TRY(collect());
    for (size_t at : order_) {
        Element& e = *elements_[at];
        e.actions.clear();
        for (size_t i = 0; i < e.package.files.size(); i++) {
            auto action = e.is_install() ? incoming(e, i) : outgoing(e, i);
            if (!action) return std::unexpected(action.error());
            e.actions.push_back(*action);
        }
        if (e.is_install()) before_.insert(&e.package);
    }
    if (conflicts_.empty()) return {};
    size_t more = conflicts_.size() > kMostConflicts ? conflicts_.size() - kMostConflicts : 0;
    conflicts_.resize(conflicts_.size() - more);
    if (more) conflicts_.push_back(format("and %zu more", more));
    return fail("nothing is changed:\n  %s", join(conflicts_, "\n  ").c_str());
}

}  // namespace tenon::pkg::rpm
