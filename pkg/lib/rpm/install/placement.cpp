#include "pkg/lib/rpm/install/placement.h"

#include <errno.h>
#include <sys/stat.h>

#include "pkg/lib/rpm/install/capabilities.h"
#include "pkg/lib/rpm/install/run.h"

namespace tenon::pkg::rpm {

namespace {

FileType type_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR:
            return FileType::directory;
        case S_IFLNK:
            return FileType::symlink;
        case S_IFCHR:
            return FileType::char_device;
        case S_IFBLK:
            return FileType::block_device;
        case S_IFIFO:
            return FileType::fifo;
        default:
            return FileType::regular;
    }
}

}  // namespace

Result<std::vector<PlannedFile>> planned_files(const Package& package) {
    std::vector<PlannedFile> out;
    for (const File& f : package.files) {
        PlannedFile p;
        TarEntry& e = p.entry;
        e.path = f.path;
        e.type = type_of(f.mode);
        e.mode = f.mode & 07777;
        e.user = f.user;
        e.group = f.group;
        e.mtime = f.mtime;
        e.file_index = static_cast<uint32_t>(out.size());
        if (e.type == FileType::symlink) e.link = f.link;
        if (e.type == FileType::regular) e.size_bytes = f.size_bytes;
        e.device_major = f.rdev >> 8;
        e.device_minor = f.rdev & 0xff;
        if (f.link_set >= 0) {
            uint32_t first = package.link_sets[static_cast<size_t>(f.link_set)].front();
            if (first != e.file_index) {
                e.type = FileType::hard_link;
                e.link = package.files[first].path;
                e.size_bytes = 0;
            }
        }
        if (!f.capabilities.empty()) {
            TRY_SET(std::string value, capability_xattr(f.capabilities));
            e.xattrs.push_back({kCapabilityXattr, std::move(value)});
        }
        out.push_back(std::move(p));
    }
    return out;
}

Result<std::optional<std::string>> RpmPlacement::place_of(size_t i, const PlannedFile& f) {
    switch (element_.actions[i]) {
        case FileAction::skip:
        case FileAction::erase:
            return std::nullopt;
        case FileAction::shared: {
            TRY_SET(bool there, root_.exists(f.entry.path));
            if (there) return std::nullopt;
            break;
        }
        case FileAction::alternate:
            return f.entry.path + kNewSuffix;
        case FileAction::create:
        case FileAction::save:
        case FileAction::original:
            break;
    }
    return f.entry.path;
}

// An account that is not there is root's, and what would run with its rights runs with nobody's.
void RpmPlacement::adjust_owner(const PlannedFile& f, uid_t&, gid_t&, mode_t& mode) {
    auto unknown = [](const std::string& name, const auto& found) {
        return !name.empty() && name != "root" && !found;
    };
    if (unknown(f.entry.user, accounts_.user(f.entry.user))) mode &= ~mode_t{S_ISUID};
    if (unknown(f.entry.group, accounts_.group(f.entry.group))) mode &= ~mode_t{S_ISGID};
}

// What the administrator has changed gets another name, without a moment in which it has none.
static Status keep_old(Root& root, const std::string& path, const char* suffix) {
    TRY_SET(bool there, root.exists(path));
    if (!there) return {};
    TRY(root.remove_tree(path + suffix));
    if (root.link(path, path + suffix)) return {};
    return root.rename(path, path + suffix);
}

Status Run::place_files(Element& e) {
    TRY_SET(auto files, planned_files(e.package));
    Accounts accounts;
    TRY(accounts.load(root_));
    RpmPlacement placement(root_, e, accounts);
    Extractor x(root_, label(e.package), files, placement, geteuid() == 0, nullptr);
    TRY(x.use_stage(transaction_->stage_dir(e.stage),
                    redo_ ? Extractor::Attempt::redo : Extractor::Attempt::first));
    TRY(x.check());
    auto work = [&]() -> Status {
        TRY(x.place());
        for (size_t i = 0; i < files.size(); i++) {
            const char* suffix = e.actions[i] == FileAction::save       ? kSaveSuffix
                                 : e.actions[i] == FileAction::original ? kOriginalSuffix
                                                                        : nullptr;
            const std::string& path = files[i].entry.path;
            if (suffix) {
                // A redo must not take the new file for the one that was changed.
                TRY_SET(bool kept, root_.exists(path + suffix));
                if (!redo_ || !kept) TRY(keep_old(root_, path, suffix));
                report_.warnings.push_back(path + " was changed; it is kept as " + path + suffix);
            }
            if (e.actions[i] == FileAction::alternate)
                report_.warnings.push_back(path + " was changed; the new one is " + path +
                                           kNewSuffix);
        }
        return x.commit();
    };
    if (Status s = work(); !s) {
        (void)x.rollback();
        return s;
    }
    return x.finish();
}

Status Run::erase_files(const Element& e) {
    const auto& files = e.package.files;
    for (size_t i = files.size(); i-- > 0;) {
        const std::string& path = files[i].path;
        if (e.actions[i] == FileAction::skip || path == "/.") continue;
        if (e.actions[i] == FileAction::save) {
            TRY_SET(bool there, root_.exists(path));
            if (!there) continue;
            TRY(root_.remove_tree(path + kSaveSuffix));
            TRY(root_.rename(path, path + kSaveSuffix));
            report_.warnings.push_back(path + " was changed; it is kept as " + path + kSaveSuffix);
            continue;
        }
        auto gone = S_ISDIR(files[i].mode) ? root_.rmdir(path) : root_.unlink(path);
        if (gone) continue;
        int code = gone.error().code;
        // A directory that others use, or something else in the place of what was installed.
        if (code == ENOTEMPTY || code == EEXIST || code == EBUSY || code == ENOTDIR) continue;
        report_.warnings.push_back(gone.error().text);
    }
    return {};
}

}  // namespace tenon::pkg::rpm
