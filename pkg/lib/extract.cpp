#include "pkg/lib/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <unordered_map>

#include "pkg/lib/stage.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

Result<OwnershipLog> OwnershipLog::open(const std::string& path) {
    OwnershipLog log;
    log.fd_ = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log.fd_.valid()) return fail_errno("ownership file %s", path.c_str());
    return log;
}

Status OwnershipLog::record(const TarEntry& e, std::string_view path, uid_t uid, gid_t gid,
                            mode_t mode) {
    char type = 'f';
    switch (e.type) {
        case FileType::regular:
        case FileType::hard_link:
            type = 'f';
            break;
        case FileType::directory:
            type = 'd';
            break;
        case FileType::symlink:
            type = 'l';
            break;
        case FileType::char_device:
            type = 'c';
            break;
        case FileType::block_device:
            type = 'b';
            break;
        case FileType::fifo:
            type = 'p';
            break;
    }
    text_ += format("%c %04o %u %u %u %u %s\n", type, mode, uid, gid, e.device_major,
                    e.device_minor, std::string(path).c_str());
    return {};
}

Status OwnershipLog::flush() {
    TRY(write_all(fd_.get(), text_, "the ownership file"));
    text_.clear();
    return {};
}

Result<std::string> follow_conffile(Root& root, const std::string& path) {
    std::string at = path;
    for (int links = 0; links < 25; links++) {
        TRY_SET(auto st, root.lstat(at));
        if (!st || !S_ISLNK(st->st_mode)) return at;
        TRY_SET(std::string target, root.readlink(at));
        if (target.starts_with('/')) {
            at = target;
        } else {
            at = at.substr(0, at.rfind('/') + 1) + target;
        }
        // The text is only a name: resolving it stays inside the root whatever ".." it holds.
    }
    return fail("the conffile %s is a loop of links", path.c_str());
}

Status Extractor::check() {
    TRY(accounts_.load(root_));
    slots_.assign(files_.size(), Slot());
    for (size_t i = 0; i < files_.size(); i++) TRY(check_one(i));
    struct statvfs space;
    if (fstatvfs(root_.fd(), &space) == 0 && space.f_blocks > 0 &&
        (space.f_flag & ST_RDONLY) == 0) {
        uint64_t left = static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
        uint64_t needed = 0;
        for (const auto& f : files_)
            if (f.entry.type == FileType::regular) needed += f.entry.size_bytes;
        if (needed > left)
            return fail("%s needs %llu KiB, but only %llu KiB are free below %s", name_.c_str(),
                        static_cast<unsigned long long>(needed / 1024),
                        static_cast<unsigned long long>(left / 1024), root_.dir().c_str());
    }
    return {};
}

Status Extractor::check_one(size_t i) {
    const PlannedFile& f = files_[i];
    Slot& slot = slots_[i];
    TRY_SET(auto place, placement_.place_of(i, f));
    slot.real = place.value_or(f.entry.path);
    if (!place) return {};
    TRY_SET(auto st, root_.lstat(slot.real));
    bool is_dir = st && S_ISDIR(st->st_mode);
    bool is_dir_link = false;
    if (st && S_ISLNK(st->st_mode)) {
        TRY_SET(auto target, root_.stat_follow(slot.real));
        is_dir_link = target && S_ISDIR(target->st_mode);
    }
    if (f.entry.type == FileType::directory) {
        if (is_dir || is_dir_link) {
            slot.existed = is_dir && placement_.takes_over_directory(f);
            slot.action = slot.existed ? Action::make_dir : Action::keep;
            return {};
        }
        slot.action = Action::make_dir;
    } else if (f.entry.type == FileType::symlink && is_dir) {
        slot.action = Action::keep;
        return {};
    } else {
        slot.action = Action::write;
    }
    slot.occupied = st.has_value();
    slot.occupied_by_dir = is_dir;
    return placement_.check_owner(f, {slot.real, slot.occupied, slot.occupied_by_dir});
}

// Second walk over the archive. It must show what the first one showed.
class PlaceSink final : public EntrySink {
  public:
    explicit PlaceSink(Extractor& x) : x_(x) {}
    Status entry(const TarEntry& e, EntryData& data) override {
        if (next_ >= x_.files_.size()) return changed();
        const TarEntry& planned = x_.files_[next_].entry;
        if (planned.path != e.path || planned.type != e.type ||
            planned.size_bytes != e.size_bytes || planned.mode != e.mode || planned.link != e.link)
            return changed();
        return x_.place_one(next_++, &data);
    }
    bool complete() const { return next_ == x_.files_.size(); }
    static std::unexpected<Error> changed() {
        return fail("the file changed while it was being read");
    }

  private:
    Extractor& x_;
    size_t next_ = 0;
};

Status Extractor::use_stage(const std::string& dir, Attempt attempt) {
    TRY_SET(stage_, root_.open_dir(dir));
    redo_ = attempt == Attempt::redo;
    if (redo_) {
        TRY_SET(std::string text, root_.read_file(dir + "/new-dirs"));
        for (std::string_view line : split_lines(text)) new_dirs_.emplace(line);
    }
    return {};
}

Status Extractor::save_new_dirs(const std::string& dir) const {
    std::string text;
    for (const Slot& slot : slots_)
        if (slot.action == Action::make_dir && !slot.existed) text += slot.real + "\n";
    return root_.write_file(dir + "/new-dirs", text);
}

Status Extractor::place() {
    for (size_t i = 0; i < slots_.size(); i++) TRY(place_one(i, nullptr));
    return {};
}

Status Extractor::place_from(const DebFile& deb) {
    PlaceSink sink(*this);
    TRY(deb.walk_data(sink));
    if (!sink.complete()) return std::unexpected(PlaceSink::changed().error().in(deb.path()));
    return {};
}

Status Extractor::make_parents(const std::string& path) {
    size_t slash = path.rfind('/');
    if (slash == 0 || slash == std::string::npos) return {};
    std::string parent = path.substr(0, slash);
    TRY_SET(auto st, root_.stat_follow(parent));
    if (st) return {};
    TRY(make_parents(parent));
    TRY(root_.mkdir(parent, 0755));
    TRY(root_.chmod(parent, 0755));
    made_parents_.push_back(parent);
    return {};
}

static std::string staged_name(size_t i) {
    return format("f%zu", i);
}

// A second name for staged contents. The first one stays until the transaction is over: whatever a
// script or another package does to the file, a redo can put it back.
Status Extractor::link_staged(size_t i, const std::string& at) {
    TRY_SET(Root::Place to, root_.place(at));
    if (linkat(stage_.get(), staged_name(i).c_str(), to.dir_fd, to.leaf.c_str(), 0) == 0) return {};
    if (errno != EXDEV && errno != EMLINK && errno != EPERM)
        return fail_errno("cannot make %s", at.c_str());
    return root_.copy_in(stage_.get(), staged_name(i), at);
}

// A plain file is in the stage with the owner that was known then; scripts may have made accounts
// and overrides since.
Status Extractor::place_staged(size_t i, uid_t uid, gid_t gid, mode_t mode) {
    Slot& slot = slots_[i];
    const std::string name = staged_name(i);
    struct stat st;
    if (fstatat(stage_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno("the contents of %s", slot.real.c_str());
    bool other_owner = as_root_ && (st.st_uid != uid || st.st_gid != gid);
    if (other_owner || (st.st_mode & 07777) != mode) {
        Fd fd(openat(stage_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!fd.valid()) return fail_errno("the contents of %s", slot.real.c_str());
        if (other_owner && fchown(fd.get(), uid, gid) != 0)
            return fail_errno("cannot set the owner of %s", slot.real.c_str());
        if (fchmod(fd.get(), mode) != 0)
            return fail_errno("cannot set the mode of %s", slot.real.c_str());
        TRY(set_xattrs(fd.get(), files_[i].entry));
    }
    if (!files_[i].conffile) return {};
    TRY(root_.remove_tree(slot.real + placement_.new_suffix()));
    return link_staged(i, slot.real + placement_.new_suffix());
}

// By the run that was interrupted.
Result<bool> Extractor::is_in_place(size_t i) {
    struct stat staged;
    if (!redo_ || fstatat(stage_.get(), staged_name(i).c_str(), &staged, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    TRY_SET(auto st, root_.lstat(slots_[i].real));
    return st && st->st_dev == staged.st_dev && st->st_ino == staged.st_ino;
}

// Made beside and renamed, so that it is never there with another owner or mode than its own.
Status Extractor::make_directory(size_t i, uid_t uid, gid_t gid, mode_t mode) {
    Slot& slot = slots_[i];
    // The only thing that stands in the way of a directory and may be moved: a file.
    if (slot.occupied) {
        TRY(root_.rename(slot.real, slot.real + placement_.old_suffix()));
        slot.backed_up = true;
    }
    // A repeated entry for a directory that this run has made already.
    TRY_SET(bool there, root_.exists(slot.real));
    const std::string at = there ? slot.real : slot.real + placement_.new_suffix();
    if (!there) {
        TRY(root_.remove_tree(at));
        TRY(root_.mkdir(at, 0700));
    }
    if (as_root_) TRY(root_.chown_nofollow(at, uid, gid));
    TRY(root_.chmod(at, as_root_ ? mode : (mode & 01777) | 0700));
    if (!there) TRY(root_.rename(at, slot.real));
    slot.placed = true;
    return root_.set_mtime_nofollow(slot.real, files_[i].entry.mtime);
}

Status Extractor::link_to_earlier(size_t i, const std::string& at) {
    size_t k = 0;
    while (k < i && files_[k].entry.path != files_[i].entry.link) k++;
    if (k == i) return PlaceSink::changed();
    const std::string& target = slots_[k].real;
    if (!stage_.valid() || files_[k].conffile)
        return root_.link(target + placement_.new_suffix(), at);
    // Links to links: each is NAME.dpkg-new by now, and all are one file.
    if (files_[k].entry.type == FileType::hard_link)
        return root_.link(target + placement_.new_suffix(), at);
    return link_staged(k, at);
}

Status Extractor::place_one(size_t i, EntryData* data) {
    const PlannedFile& f = files_[i];
    Slot& slot = slots_[i];
    if (f.entry.path == "/.") return {};
    // One that the interrupted run made may not have got its owner and mode.
    if (slot.action == Action::keep && new_dirs_.contains(slot.real)) {
        TRY_SET(auto st, root_.lstat(slot.real));
        if (st && S_ISDIR(st->st_mode)) slot.action = Action::make_dir, slot.occupied = false;
    }
    if (slot.action == Action::keep || slot.placed) return {};
    TRY(make_parents(slot.real));

    uid_t uid = f.entry.uid;
    gid_t gid = f.entry.gid;
    mode_t mode = f.entry.mode;
    if (auto u = accounts_.user(f.entry.user)) uid = *u;
    if (auto g = accounts_.group(f.entry.group)) gid = *g;
    placement_.adjust_owner(f, uid, gid, mode);

    std::string at = slot.real + placement_.new_suffix();
    if (f.entry.type == FileType::directory) {
        TRY(make_directory(i, uid, gid, mode));
    } else if (!data && f.entry.type == FileType::regular) {
        TRY(place_staged(i, uid, gid, mode));
        slot.placed = true;
    } else {
        TRY(root_.remove_tree(at));
        switch (f.entry.type) {
            case FileType::regular: {
                TRY_SET(Fd fd, root_.create_exclusive(at, 0600));
                slot.placed = true;
                char buffer[65536];
                uint64_t total = 0;
                for (;;) {
                    TRY_SET(size_t n, data->read(buffer, sizeof(buffer)));
                    if (n == 0) break;
                    TRY(write_all(fd.get(), std::string_view(buffer, n), at.c_str()));
                    total += n;
                }
                if (total != f.entry.size_bytes) return PlaceSink::changed();
                if (as_root_ && fchown(fd.get(), uid, gid) != 0)
                    return fail_errno("cannot set the owner of %s", at.c_str());
                // Last, and by descriptor: no moment in which somebody else's file is setuid.
                if (fchmod(fd.get(), as_root_ ? mode : (mode & 01777) | 0600) != 0)
                    return fail_errno("cannot set the mode of %s", at.c_str());
                struct timespec times[2] = {{.tv_sec = f.entry.mtime, .tv_nsec = 0},
                                            {.tv_sec = f.entry.mtime, .tv_nsec = 0}};
                futimens(fd.get(), times);
                break;
            }
            case FileType::hard_link:
                TRY(link_to_earlier(i, at));
                break;
            case FileType::symlink:
                TRY(root_.symlink(f.entry.link, at));
                mode = 0777;
                break;
            case FileType::fifo:
                TRY(root_.mknod(at, S_IFIFO | 0600, 0));
                break;
            case FileType::char_device:
            case FileType::block_device:
                if (!as_root_) {
                    slot.only_recorded = true;
                    break;
                }
                TRY(root_.mknod(at,
                                (f.entry.type == FileType::char_device ? S_IFCHR : S_IFBLK) | 0600,
                                makedev(f.entry.device_major, f.entry.device_minor)));
                break;
            case FileType::directory:
                break;
        }
        slot.placed = !slot.only_recorded;
    }
    if (slot.placed && f.entry.type != FileType::regular && f.entry.type != FileType::hard_link &&
        f.entry.type != FileType::directory) {
        if (as_root_) TRY(root_.chown_nofollow(at, uid, gid));
        if (f.entry.type != FileType::symlink)
            TRY(root_.chmod(at, as_root_ ? mode : (mode & 01777) | 0700));
        TRY(root_.set_mtime_nofollow(at, f.entry.mtime));
    }
    if (ownership_) TRY(ownership_->record(f.entry, f.conffile ? at : slot.real, uid, gid, mode));
    return {};
}

Status Extractor::commit() {
    TRY(root_.sync_all());
    for (size_t i = 0; i < slots_.size(); i++) TRY(commit_one(i));
    return {};
}

Status Extractor::commit_one(size_t i) {
    Slot& slot = slots_[i];
    if (slot.action != Action::write || !slot.placed || files_[i].conffile) return {};
    std::string tmp = slot.real + placement_.old_suffix();
    // What an interrupted run kept is older, and so the right thing to keep.
    if (redo_) {
        TRY_SET(slot.backed_up, root_.exists(tmp));
    }
    const FileType type = files_[i].entry.type;
    const bool staged = stage_.valid() && type == FileType::regular;
    if (staged) {
        TRY_SET(slot.renamed, is_in_place(i));
        if (slot.renamed) return {};
    }
    if (slot.occupied && !slot.backed_up) {
        TRY(root_.remove_tree(tmp));
        if (slot.occupied_by_dir)
            TRY(root_.rename(slot.real, tmp));
        else if (Status linked = root_.link(slot.real, tmp); !linked)
            // A file system without hard links: a moment without the file is the best there is.
            TRY(root_.rename(slot.real, tmp));
        slot.backed_up = true;
    }
    const std::string fresh = slot.real + placement_.new_suffix();
    if (staged && !slot.occupied) {
        TRY(link_staged(i, slot.real));
    } else {
        if (staged) {
            TRY(root_.remove_tree(fresh));
            TRY(link_staged(i, fresh));
        }
        TRY(root_.rename(fresh, slot.real));
        // rename does nothing when both are one file already.
        if (redo_) TRY(root_.remove_tree(fresh));
    }
    slot.renamed = true;
    return {};
}

bool Extractor::rollback() {
    // Best effort by nature: the error that brought us here is the one to report.
    bool complete = true;
    for (size_t i = slots_.size(); i-- > 0;) {
        Slot& slot = slots_[i];
        if (files_[i].entry.type == FileType::directory) {
            if (slot.placed && !slot.existed) (void)root_.rmdir(slot.real);
        } else {
            if (slot.renamed && !slot.backed_up) {
                // Whether something was there before is only known of what the package had before.
                if (redo_ && placement_.was_ours(files_[i].entry.path))
                    complete = false;
                else
                    (void)root_.unlink(slot.real);
            }
            if (slot.placed && !slot.renamed)
                (void)root_.unlink(slot.real + placement_.new_suffix());
        }
        if (slot.backed_up) (void)root_.rename(slot.real + placement_.old_suffix(), slot.real);
    }
    while (!made_parents_.empty()) {
        (void)root_.rmdir(made_parents_.back());
        made_parents_.pop_back();
    }
    slots_.clear();
    return complete;
}

Status Extractor::finish() {
    for (size_t i = 0; i < slots_.size(); i++)
        if (slots_[i].backed_up || redo_)
            TRY(root_.remove_tree(slots_[i].real + placement_.old_suffix()));
    // Files were made in them since, so their times come last: two runs give the same tree.
    for (size_t i = slots_.size(); i-- > 0;)
        if (files_[i].entry.type == FileType::directory && slots_[i].placed)
            TRY(root_.set_mtime_nofollow(slots_[i].real, files_[i].entry.mtime));
    if (ownership_) TRY(ownership_->flush());
    return {};
}

std::vector<std::string> Extractor::listed_paths() const {
    std::vector<std::string> out;
    for (const auto& f : files_) out.push_back(f.entry.path);
    return out;
}

}  // namespace tenon::pkg
