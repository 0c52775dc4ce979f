#include "pkg/lib/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <deque>

#include "pkg/lib/text.h"

namespace tenon::pkg {

static std::string str(std::string_view s) {
    return std::string(s);
}

static std::string_view strip(std::string_view path) {
    while (path.starts_with('/')) path.remove_prefix(1);
    while (path.ends_with('/')) path.remove_suffix(1);
    return path;
}

Result<Root> Root::open(const std::string& dir) {
    Root r;
    char* real = realpath(dir.c_str(), nullptr);
    if (!real) return fail_errno("root '%s'", dir.c_str());
    r.dir_ = real;
    free(real);
    r.fd_ = Fd(::open(r.dir_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!r.fd_.valid()) return fail_errno("root '%s'", dir.c_str());
    return r;
}

Result<Root> Root::open_inner(const std::string& path) {
    Root r;
    TRY_SET(r.fd_, resolve(path, O_PATH | O_DIRECTORY));
    r.dir_ = (is_system() ? "" : dir_) + "/" + str(strip(path));
    r.use_openat2_ = use_openat2_;
    r.sync_ = sync_;
    return r;
}

Result<Fd> Root::resolve(std::string_view path, int flags) {
    path = strip(path);
    if (path.empty()) path = ".";
    if (use_openat2_) {
        struct open_how how = {};
        how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
        how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
        // EAGAIN: a rename raced with a "..". The kernel asks for another try.
        for (int tries = 0; tries < 16; tries++) {
            long fd = syscall(SYS_openat2, fd_.get(), str(path).c_str(), &how, sizeof(how));
            if (fd >= 0) return Fd(static_cast<int>(fd));
            if (errno != EAGAIN) break;
        }
        if (errno != ENOSYS && errno != EPERM && errno != EAGAIN)
            return fail_errno("/%s", str(path).c_str());
        if (errno == ENOSYS) use_openat2_ = false;
    }
    return resolve_slow(path, flags);
}

Result<Fd> Root::resolve_slow(std::string_view path, int flags) {
    std::string shown = str(path);
    std::deque<std::string> rest;
    auto push_front = [&](std::string_view p) {
        std::vector<std::string> parts;
        for (std::string_view c : split(p, '/'))
            if (!c.empty() && c != ".") parts.push_back(str(c));
        rest.insert(rest.begin(), parts.begin(), parts.end());
    };
    push_front(path);
    // The open directories from the root down: ".." pops, so it can never leave.
    std::vector<Fd> stack;
    auto top = [&] { return stack.empty() ? fd_.get() : stack.back().get(); };
    auto finish = [&](const char* name, int extra) -> Result<Fd> {
        Fd fd(openat(top(), name, flags | extra | O_CLOEXEC));
        if (!fd.valid()) return fail_errno("/%s", shown.c_str());
        return fd;
    };
    for (int links = 0; !rest.empty();) {
        std::string name = std::move(rest.front());
        rest.pop_front();
        if (name == "..") {
            if (!stack.empty()) stack.pop_back();
            continue;
        }
        Fd fd(openat(top(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        struct stat st;
        if (!fd.valid() || fstat(fd.get(), &st) != 0) return fail_errno("/%s", shown.c_str());
        if (S_ISLNK(st.st_mode)) {
            char target[4096];
            ssize_t n = readlinkat(top(), name.c_str(), target, sizeof(target));
            if (n < 0) return fail_errno("/%s", shown.c_str());
            if (n == sizeof(target) || ++links > 40) {
                errno = n == sizeof(target) ? ENAMETOOLONG : ELOOP;
                return fail_errno("/%s", shown.c_str());
            }
            std::string_view text(target, static_cast<size_t>(n));
            if (text.starts_with('/')) stack.clear();
            push_front(text);
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            stack.push_back(std::move(fd));
            continue;
        }
        if (!rest.empty() || (flags & O_DIRECTORY)) {
            errno = ENOTDIR;
            return fail_errno("/%s", shown.c_str());
        }
        return finish(name.c_str(), O_NOFOLLOW);
    }
    return finish(".", 0);
}

Result<Root::Place> Root::place(std::string_view path) {
    path = strip(path);
    size_t slash = path.rfind('/');
    std::string_view parent = slash == std::string_view::npos ? "" : path.substr(0, slash);
    std::string_view leaf = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (leaf.empty() || leaf == "." || leaf == "..")
        return fail("'%s' does not name a file", str(path).c_str());
    if (!cached_fd_.valid() || cached_dir_ != parent) {
        TRY_SET(Fd fd, resolve(parent, O_PATH | O_DIRECTORY));
        cached_fd_ = std::move(fd);
        cached_dir_ = parent;
    }
    return Place{cached_fd_.get(), str(leaf)};
}

Result<Fd> Root::open_path(std::string_view path) {
    return resolve(path, O_PATH);
}

Result<Fd> Root::open_dir(std::string_view path) {
    return resolve(path, O_RDONLY | O_DIRECTORY);
}

Result<std::optional<struct stat>> Root::lstat(std::string_view path) {
    struct stat st;
    if (strip(path).empty() || strip(path) == ".") {
        if (fstat(fd_.get(), &st) != 0) return fail_errno("%s", dir_.c_str());
        return st;
    }
    auto at = place(path);
    if (!at) {
        if (at.error().code == ENOENT || at.error().code == ENOTDIR) return std::nullopt;
        return std::unexpected(at.error());
    }
    if (fstatat(at->dir_fd, at->leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return st;
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return fail_errno("%s", str(path).c_str());
}

Result<std::optional<struct stat>> Root::stat_follow(std::string_view path) {
    auto fd = resolve(path, O_PATH);
    if (!fd) {
        int code = fd.error().code;
        if (code == ENOENT || code == ENOTDIR || code == ELOOP) return std::nullopt;
        return std::unexpected(fd.error());
    }
    struct stat st;
    if (fstat(fd->get(), &st) != 0) return fail_errno("%s", str(path).c_str());
    return st;
}

Result<bool> Root::exists(std::string_view path) {
    TRY_SET(auto st, lstat(path));
    return st.has_value();
}

Result<std::string> Root::readlink(std::string_view path) {
    TRY_SET(Place at, place(path));
    char target[4097];
    ssize_t n = readlinkat(at.dir_fd, at.leaf.c_str(), target, sizeof(target));
    if (n < 0) return fail_errno("%s", str(path).c_str());
    return std::string(target, static_cast<size_t>(n));
}

Result<Fd> Root::open_read(std::string_view path) {
    TRY_SET(Place at, place(path));
    Fd fd(openat(at.dir_fd, at.leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("%s", str(path).c_str());
    return fd;
}

Result<Fd> Root::open_read_follow(std::string_view path) {
    return resolve(path, O_RDONLY | O_NONBLOCK);
}

Result<Fd> Root::create_exclusive(std::string_view path, mode_t mode) {
    TRY_SET(Place at, place(path));
    Fd fd(openat(at.dir_fd, at.leaf.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                 mode));
    if (!fd.valid()) return fail_errno("cannot create %s", str(path).c_str());
    return fd;
}

Status Root::mkdir(std::string_view path, mode_t mode) {
    TRY_SET(Place at, place(path));
    if (mkdirat(at.dir_fd, at.leaf.c_str(), mode) != 0)
        return fail_errno("cannot make directory %s", str(path).c_str());
    return {};
}

Status Root::mkdir_all(std::string_view path, mode_t mode) {
    path = strip(path);
    for (size_t end = 0; end != std::string_view::npos && !path.empty();) {
        end = path.find('/', end + 1);
        std::string_view prefix = path.substr(0, end);
        TRY_SET(auto st, stat_follow(prefix));
        if (!st) TRY(mkdir(prefix, mode));
    }
    return {};
}

Status Root::symlink(const std::string& target, std::string_view path) {
    TRY_SET(Place at, place(path));
    if (symlinkat(target.c_str(), at.dir_fd, at.leaf.c_str()) != 0)
        return fail_errno("cannot make link %s", str(path).c_str());
    return {};
}

Status Root::link(std::string_view from, std::string_view to) {
    // Two places at once, so the first descriptor must outlive the second look-up.
    TRY_SET(Place a, place(from));
    Fd from_dir(fcntl(a.dir_fd, F_DUPFD_CLOEXEC, 0));
    if (!from_dir.valid()) return fail_errno("%s", str(from).c_str());
    TRY_SET(Place b, place(to));
    if (linkat(from_dir.get(), a.leaf.c_str(), b.dir_fd, b.leaf.c_str(), 0) != 0)
        return fail_errno("cannot link %s to %s", str(to).c_str(), str(from).c_str());
    return {};
}

Status Root::mknod(std::string_view path, mode_t mode, dev_t dev) {
    TRY_SET(Place at, place(path));
    if (mknodat(at.dir_fd, at.leaf.c_str(), mode, dev) != 0)
        return fail_errno("cannot make node %s", str(path).c_str());
    return {};
}

Status Root::rename(std::string_view from, std::string_view to) {
    TRY_SET(Place a, place(from));
    Fd from_dir(fcntl(a.dir_fd, F_DUPFD_CLOEXEC, 0));
    if (!from_dir.valid()) return fail_errno("%s", str(from).c_str());
    TRY_SET(Place b, place(to));
    struct stat st;
    // The kept descriptor is only wrong when what moves is a directory or a link to one.
    bool moves_dirs =
        fstatat(b.dir_fd, b.leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode);
    moves_dirs |= fstatat(from_dir.get(), a.leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                  !S_ISREG(st.st_mode);
    if (renameat(from_dir.get(), a.leaf.c_str(), b.dir_fd, b.leaf.c_str()) != 0)
        return fail_errno("cannot rename %s to %s", str(from).c_str(), str(to).c_str());
    if (moves_dirs) forget_cached();
    return {};
}

Status Root::copy_in(int from_dir, const std::string& leaf, const std::string& to) {
    Fd from(openat(from_dir, leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st;
    if (!from.valid() || fstat(from.get(), &st) != 0) return fail_errno("%s", to.c_str());
    TRY_SET(Fd fd, create_exclusive(to, 0600));
    char buffer[65536];
    ssize_t n;
    while ((n = read(from.get(), buffer, sizeof(buffer))) > 0)
        TRY(write_all(fd.get(), std::string_view(buffer, static_cast<size_t>(n)), to.c_str()));
    if (n < 0) return fail_errno("cannot read the contents of %s", to.c_str());
    if (geteuid() == 0 && fchown(fd.get(), st.st_uid, st.st_gid) != 0)
        return fail_errno("cannot set the owner of %s", to.c_str());
    if (fchmod(fd.get(), st.st_mode & 07777) != 0) return fail_errno("%s", to.c_str());
    struct timespec times[2] = {st.st_mtim, st.st_mtim};
    futimens(fd.get(), times);
    return {};
}

Status Root::chmod(std::string_view path, mode_t mode) {
    TRY_SET(Place at, place(path));
    // Opened first so that a link planted in between is not followed.
    Fd fd(openat(at.dir_fd, at.leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd.valid() ? fchmod(fd.get(), mode) != 0
                   : fchmodat(at.dir_fd, at.leaf.c_str(), mode, 0) != 0)
        return fail_errno("cannot set the mode of %s", str(path).c_str());
    return {};
}

Status Root::chown_nofollow(std::string_view path, uid_t uid, gid_t gid) {
    TRY_SET(Place at, place(path));
    if (fchownat(at.dir_fd, at.leaf.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno("cannot set the owner of %s", str(path).c_str());
    return {};
}

Status Root::set_mtime_nofollow(std::string_view path, int64_t seconds) {
    TRY_SET(Place at, place(path));
    struct timespec times[2] = {{.tv_sec = seconds, .tv_nsec = 0},
                                {.tv_sec = seconds, .tv_nsec = 0}};
    if (utimensat(at.dir_fd, at.leaf.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno("cannot set the time of %s", str(path).c_str());
    return {};
}

Result<bool> Root::unlink(std::string_view path) {
    auto at = place(path);
    if (!at) {
        if (at.error().code == ENOENT || at.error().code == ENOTDIR) return false;
        return std::unexpected(at.error());
    }
    struct stat st;
    if (fstatat(at->dir_fd, at->leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return false;
        return fail_errno("%s", str(path).c_str());
    }
    // A deleted setuid program must not live on through a hard link somebody made: dpkg takes the
    // bits away first, so do we.
    if (S_ISREG(st.st_mode) && (st.st_mode & 06000) && st.st_nlink > 1) TRY(chmod(path, 0600));
    if (unlinkat(at->dir_fd, at->leaf.c_str(), 0) != 0)
        return fail_errno("cannot remove %s", str(path).c_str());
    if (S_ISLNK(st.st_mode)) forget_cached();
    return true;
}

Result<bool> Root::rmdir(std::string_view path) {
    auto at = place(path);
    if (!at) {
        if (at.error().code == ENOENT || at.error().code == ENOTDIR) return false;
        return std::unexpected(at.error());
    }
    std::string leaf = at->leaf;
    if (unlinkat(at->dir_fd, leaf.c_str(), AT_REMOVEDIR) != 0) {
        if (errno == ENOENT) return false;
        return fail_errno("cannot remove directory %s", str(path).c_str());
    }
    forget_cached();
    return true;
}

}  // namespace tenon::pkg
