// Root: whole directories and whole small files.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/root.h"

namespace tenon::pkg {

static std::string str(std::string_view s) {
    return std::string(s);
}

Status write_all(int fd, std::string_view data, const char* what) {
    while (!data.empty()) {
        ssize_t n = write(fd, data.data(), data.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            return fail_errno("cannot write %s", what);
        }
        data.remove_prefix(static_cast<size_t>(n));
    }
    return {};
}

// The names in the directory behind `fd`, sorted so that every run does the same.
static Result<std::vector<std::string>> names_in(int fd, const std::string& shown) {
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* d = copy >= 0 ? fdopendir(copy) : nullptr;
    if (!d) {
        auto error = fail_errno("cannot read directory %s", shown.c_str());
        if (copy >= 0) close(copy);
        return error;
    }
    std::vector<std::string> names;
    errno = 0;
    while (struct dirent* e = readdir(d))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) names.push_back(e->d_name);
    int saved = errno;
    closedir(d);
    errno = saved;
    if (saved) return fail_errno("cannot read directory %s", shown.c_str());
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::vector<std::string>> Root::list(std::string_view path) {
    auto fd = open_path(path);
    if (!fd) return std::unexpected(fd.error());
    return names_in(fd->get(), str(path));
}

static Status remove_below(int dir_fd, const std::string& leaf, const std::string& shown) {
    if (unlinkat(dir_fd, leaf.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return fail_errno("cannot remove %s", shown.c_str());
    Fd fd(openat(dir_fd, leaf.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("cannot remove %s", shown.c_str());
    TRY_SET(auto names, names_in(fd.get(), shown));
    for (const auto& n : names) TRY(remove_below(fd.get(), n, shown + "/" + n));
    if (unlinkat(dir_fd, leaf.c_str(), AT_REMOVEDIR) != 0)
        return fail_errno("cannot remove %s", shown.c_str());
    return {};
}

Status Root::remove_tree(std::string_view path) {
    TRY_SET(auto st, lstat(path));
    if (!st) return {};
    TRY_SET(Place at, place(path));
    Status s = remove_below(at.dir_fd, at.leaf, str(path));
    forget_cached();
    return s;
}

Result<std::optional<std::string>> Root::read_if_there(std::string_view path) {
    auto opened = resolve(path, O_RDONLY);
    if (!opened) {
        int code = opened.error().code;
        if (code == ENOENT || code == ENOTDIR) return std::nullopt;
        return std::unexpected(opened.error());
    }
    std::string out;
    struct stat st;
    if (fstat(opened->get(), &st) == 0 && st.st_size > 0 && st.st_size < (1 << 30))
        out.reserve(static_cast<size_t>(st.st_size) + 1);
    char buffer[16384];
    for (;;) {
        ssize_t n = read(opened->get(), buffer, sizeof(buffer));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("cannot read %s", str(path).c_str());
        if (n == 0) return out;
        out.append(buffer, static_cast<size_t>(n));
    }
}

Result<std::string> Root::read_file(std::string_view path) {
    TRY_SET(auto data, read_if_there(path));
    if (!data) {
        errno = ENOENT;
        return fail_errno("%s", str(path).c_str());
    }
    return std::move(*data);
}

Status Root::write_file(std::string_view path, std::string_view data, mode_t mode,
                        std::optional<int64_t> mtime) {
    std::string beside = str(path) + "-new";
    TRY(unlink(beside));
    TRY_SET(Fd fd, create_exclusive(beside, 0600));
    TRY(write_all(fd.get(), data, beside.c_str()));
    if (fchmod(fd.get(), mode) != 0) return fail_errno("%s", beside.c_str());
    if (mtime) {
        const struct timespec at = {.tv_sec = *mtime, .tv_nsec = 0}, times[2] = {at, at};
        if (futimens(fd.get(), times) != 0)
            return fail_errno("cannot set the time of %s", beside.c_str());
    }
    if (sync_ && fsync(fd.get()) != 0) return fail_errno("cannot sync %s", beside.c_str());
    fd.reset();
    TRY(rename(beside, path));
    if (sync_) {
        TRY_SET(Place at, place(path));
        Fd dir(openat(at.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (dir.valid()) fsync(dir.get());
    }
    return {};
}

Status Root::sync_all() {
    if (!sync_) return {};
    Fd fd(openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat own;
    if (!fd.valid() || fstat(fd.get(), &own) != 0)
        return fail_errno("cannot sync %s", dir_.c_str());
    // A root of several file systems.
    for (const char* d : {"/usr", "/usr/local", "/var", "/var/lib", "/etc", "/boot", "/opt"}) {
        TRY_SET(auto st, stat_follow(d));
        if (st && st->st_dev != own.st_dev) {
            ::sync();
            return {};
        }
    }
    if (syncfs(fd.get()) != 0) {
        if (errno != ENOSYS) return fail_errno("cannot sync %s", dir_.c_str());
        ::sync();
    }
    return {};
}

}  // namespace tenon::pkg
