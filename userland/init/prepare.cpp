#include "init/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tenon::init {

namespace {

bool is_mount_point(const char* path) {
    char parent_path[64];
    snprintf(parent_path, sizeof(parent_path), "%s/..", path);
    struct stat self{}, parent{};
    if (::stat(path, &self) != 0 || ::stat(parent_path, &parent) != 0) return false;
    return self.st_dev != parent.st_dev;
}

void mount_one(const char* type, const char* path, unsigned long flags, const char* options) {
    ::mkdir(path, 0755);
    if (is_mount_point(path)) return;
    if (::mount(type, path, type, flags, options) != 0 && errno != ENODEV)
        fprintf(stderr, "init: mount %s: %s\n", path, strerror(errno));
}

void link_if_missing(const char* target, const char* path) {
    struct stat info{};
    if (::lstat(path, &info) != 0) ::symlink(target, path);
}

void bring_up_loopback() {
    // Of any family: all take the calls about interfaces, and this one is always there.
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    ifreq request{};
    strcpy(request.ifr_name, "lo");
    if (::ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags |= IFF_UP | IFF_RUNNING;
        ::ioctl(fd, SIOCSIFFLAGS, &request);
    }
    ::close(fd);
}

}  // namespace

void mount_file_systems() {
    ::umask(0);
    constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    mount_one("proc", "/proc", kPlain, nullptr);
    mount_one("sysfs", "/sys", kPlain, nullptr);
    mount_one("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
    ::mkdir("/dev/pts", 0755);
    mount_one("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666");
    mount_one("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
    mount_one("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
    ::mkdir("/run/lock", 01777);
    ::mkdir("/tmp", 01777);
    link_if_missing("/proc/self/fd", "/dev/fd");
    link_if_missing("/proc/self/fd/0", "/dev/stdin");
    link_if_missing("/proc/self/fd/1", "/dev/stdout");
    link_if_missing("/proc/self/fd/2", "/dev/stderr");
    ::umask(022);
}

void set_up_console() {
    const int fd = ::open("/dev/console", O_RDWR | O_NOCTTY);
    if (fd < 0) return;
    for (int target = 0; target < 3; ++target)
        if (target != fd) ::dup2(fd, target);
    if (fd > 2) ::close(fd);
}

void set_up_names() {
    char name[65] = "tenon";
    const int fd = ::open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t n = ::read(fd, name, sizeof(name) - 1);
        name[n > 0 ? n : 0] = '\0';
        name[strcspn(name, "\n")] = '\0';
        ::close(fd);
    }
    ::sethostname(name, strlen(name));
    bring_up_loopback();
}

const char* load_modules(const Config& config) {
    static char problems[2048];
    std::size_t used = 0;
    for (int i = 0; i < config.module_count; ++i) {
        const Config::Module& module = config.modules[i];
        const int fd = ::open(module.path, O_RDONLY | O_CLOEXEC);
        const bool loaded =
            fd >= 0 && ::syscall(SYS_finit_module, fd, module.parameters, 0) == 0;
        const int error = errno;
        if (fd >= 0) ::close(fd);
        if (loaded || (fd >= 0 && error == EEXIST)) continue;
        const int n = snprintf(problems + used, sizeof(problems) - used,
                               "cannot load module %s: %s\n", module.path, strerror(error));
        if (n > 0 && used + n < sizeof(problems)) used += n;
    }
    return problems;
}

}  // namespace tenon::init
