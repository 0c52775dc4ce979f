// Root: the only door to the file system that a package may touch.
//
// Theory. Every name that comes out of a package or out of the database is resolved beneath one
// directory descriptor. Symbolic links met on the way, absolute ones too, are followed as if that
// directory were "/": ".." stops there. Nothing planted in the root or in an archive can name a
// file outside of it. openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) does it in one call; a
// kernel without openat2 gets the same walk done component by component (resolve_slow), which opens
// each component with O_NOFOLLOW and reads links as text, so /proc's magic links are never
// followed.
//
// The last component is never followed, except by the calls whose names say so. Paths are given
// with or without a leading slash. One descriptor of the last parent is kept, since archives list
// files folder by folder; whatever replaces a directory or a link drops it.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/fd.h"
#include "pkg/lib/result.h"

namespace tenon::pkg {

class Root {
  public:
    static Result<Root> open(const std::string& dir);
    // A root of its own that lies in this one: a directory, found beneath this root.
    Result<Root> open_inner(const std::string& path);

    const std::string& dir() const { return dir_; }
    bool is_system() const { return dir_ == "/"; }
    int fd() const { return fd_.get(); }
    // Tests switch openat2 off to walk the fallback.
    void use_openat2(bool on) { use_openat2_ = on; }

    // Directory of `path` plus its last component. The descriptor is borrowed: valid until the next
    // call on this Root.
    struct Place {
        int dir_fd;
        std::string leaf;
    };
    Result<Place> place(std::string_view path);
    // Follows the last component as well.
    Result<Fd> open_path(std::string_view path);
    // A directory open for reading, for linkat, fsync and the like; links are followed.
    Result<Fd> open_dir(std::string_view path);

    // nullopt when nothing is there.
    Result<std::optional<struct stat>> lstat(std::string_view path);
    Result<std::optional<struct stat>> stat_follow(std::string_view path);
    Result<bool> exists(std::string_view path);
    Result<std::string> readlink(std::string_view path);
    // Opens what is there without following a link in the last component.
    Result<Fd> open_read(std::string_view path);
    // The same, links followed inside the root.
    Result<Fd> open_read_follow(std::string_view path);
    Result<Fd> create_exclusive(std::string_view path, mode_t mode);
    Status mkdir(std::string_view path, mode_t mode);
    // Missing parents too; existing directories, or links to them, are left alone.
    Status mkdir_all(std::string_view path, mode_t mode);
    Status symlink(const std::string& target, std::string_view path);
    Status link(std::string_view from, std::string_view to);
    Status mknod(std::string_view path, mode_t mode, dev_t dev);
    Status rename(std::string_view from, std::string_view to);
    // A new file `to` with the contents, owner, mode and time of `leaf` in another directory.
    Status copy_in(int from_dir, const std::string& leaf, const std::string& to);
    Status chmod(std::string_view path, mode_t mode);
    Status chown_nofollow(std::string_view path, uid_t uid, gid_t gid);
    Status set_mtime_nofollow(std::string_view path, int64_t seconds);
    // False when there was nothing to remove.
    Result<bool> unlink(std::string_view path);
    Result<bool> rmdir(std::string_view path);
    Status remove_tree(std::string_view path);
    Result<std::vector<std::string>> list(std::string_view path);

    // Whole small files: the database. Reading follows a link (inside the root).
    Result<std::string> read_file(std::string_view path);
    Result<std::optional<std::string>> read_if_there(std::string_view path);
    // Written beside, synced, renamed: the old contents or the new, never half.
    // `mtime` is in seconds since 1970; without it the file is of now.
    Status write_file(std::string_view path, std::string_view data, mode_t mode = 0644,
                      std::optional<int64_t> mtime = std::nullopt);
    // Off for images, which have no user to lose data.
    void set_sync(bool on) { sync_ = on; }
    bool sync() const { return sync_; }
    Status sync_all();

    void forget_cached() { cached_dir_.clear(), cached_fd_.reset(); }

  private:
    Result<Fd> resolve(std::string_view path, int flags);
    Result<Fd> resolve_slow(std::string_view path, int flags);

    std::string dir_;
    Fd fd_;
    std::string cached_dir_;
    Fd cached_fd_;
    bool use_openat2_ = true;
    bool sync_ = true;
};

Status write_all(int fd, std::string_view data, const char* what);

}  // namespace tenon::pkg
