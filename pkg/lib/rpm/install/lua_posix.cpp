// The posix and rpm tables of <lua> scriptlets.  Spec: rpm's docs/manual/lua.md; the values are
// those that Debian's rpm 4.18 gives.
//
// A function that fails gives nil, a text and errno; one that succeeds without a value gives 0.
// Nothing here may hold an object with a destructor across a call that can raise a Lua error.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "pkg/lib/hash.h"
#include "pkg/lib/rpm/install/lua.h"
#include "pkg/lib/rpm/install/lua_text.h"
#include "pkg/lib/rpm/version.h"

namespace tenon::pkg::rpm::lua {

namespace {

const char* text(lua_State* l, int at) {
    return api.checklstring(l, at, nullptr);
}

const char* text_or(lua_State* l, int at, const char* otherwise) {
    return api.optlstring(l, at, otherwise, nullptr);
}

long number_or(lua_State* l, int at, long otherwise) {
    return static_cast<long>(api.optnumber(l, at, static_cast<double>(otherwise)));
}

int error(lua_State* l, const char* about) {
    int code = errno;
    char message[4096 + 256];
    snprintf(message, sizeof(message), "%s%s%s", about ? about : "", about ? ": " : "",
             strerror(code));
    api.pushnil(l);
    api.pushstring(l, message);
    api.pushnumber(l, code);
    return 3;
}

int result(lua_State* l, long value, const char* about) {
    if (value == -1) return error(l, about);
    api.pushnumber(l, static_cast<double>(value));
    return 1;
}

void field(lua_State* l, const char* name, double value) {
    api.pushnumber(l, value);
    api.setfield(l, -2, name);
}

void field(lua_State* l, const char* name, const char* value) {
    api.pushstring(l, value);
    api.setfield(l, -2, name);
}

// A name or a number; (unsigned)-1 leaves the owner as it is.
bool number_of(lua_State* l, int at, const char* file, unsigned& out) {
    const char* key = text_or(l, at, "-1");
    char* end;
    long n = strtol(key, &end, 10);
    char line[1024], *fields[7];
    if (*end == 0)
        out = static_cast<unsigned>(n);
    else if (account(file, key, line, sizeof(line), fields))
        out = static_cast<unsigned>(strtoul(fields[2], nullptr, 10));
    else
        return false;
    return true;
}

int f_access(lua_State* l) {
    const char *path = text(l, 1), *mode = text_or(l, 2, "f");
    int bits = F_OK;
    for (; *mode; mode++)
        bits |= *mode == 'r' ? R_OK : *mode == 'w' ? W_OK : *mode == 'x' ? X_OK : 0;
    return result(l, access(path, bits), path);
}

int f_chdir(lua_State* l) {
    return result(l, chdir(text(l, 1)), text(l, 1));
}

int f_chmod(lua_State* l) {
    const char* path = text(l, 1);
    struct stat st;
    if (stat(path, &st) != 0) return error(l, path);
    mode_t mode = st.st_mode & 07777;
    if (!parse_mode(text(l, 2), mode)) return api.error(l, "bad mode");
    return result(l, chmod(path, mode), path);
}

int f_chown(lua_State* l) {
    const char* path = text(l, 1);
    unsigned uid, gid;
    if (!number_of(l, 2, "/etc/passwd", uid) || !number_of(l, 3, "/etc/group", gid))
        return error(l, path);
    return result(l, chown(path, uid, gid), path);
}

int f_ctermid(lua_State* l) {
    char name[L_ctermid];
    api.pushstring(l, ctermid(name));
    return 1;
}

int f_dir(lua_State* l) {
    const char* path = text_or(l, 1, ".");
    DIR* d = opendir(path);
    if (!d) return error(l, path);
    api.createtable(l, 0, 0);
    long long n = 0;
    while (struct dirent* e = readdir(d)) {
        api.pushstring(l, e->d_name);
        api.rawseti(l, -2, ++n);
    }
    closedir(d);
    return 1;
}

int f_errno(lua_State* l) {
    int code = errno;
    api.pushstring(l, strerror(code));
    api.pushnumber(l, code);
    return 2;
}

constexpr int kMaxArguments = 255;

const char* arguments(lua_State* l, char** argv) {
    int n = api.gettop(l);
    if (n > kMaxArguments) api.error(l, "too many arguments");
    for (int i = 0; i < n; i++) argv[i] = const_cast<char*>(text(l, i + 1));
    argv[n] = nullptr;
    return text(l, 1);
}

int f_exec(lua_State* l) {
    char* argv[kMaxArguments + 1];
    const char* path = arguments(l, argv);
    fflush(nullptr);
    execvp(path, argv);
    return error(l, path);
}

int f_fork(lua_State* l) {
    fflush(nullptr);
    return result(l, fork(), nullptr);
}

int f_getcwd(lua_State* l) {
    char path[4096];
    if (!getcwd(path, sizeof(path))) return error(l, ".");
    api.pushstring(l, path);
    return 1;
}

int f_getenv(lua_State* l) {
    if (api.gettop(l) == 0) {
        api.createtable(l, 0, 0);
        for (char** e = environ; *e; e++) {
            char name[256];
            size_t n = strcspn(*e, "=");
            if (n >= sizeof(name)) continue;
            memcpy(name, *e, n);
            name[n] = 0;
            field(l, name, (*e)[n] ? *e + n + 1 : "");
        }
        return 1;
    }
    if (const char* value = getenv(text(l, 1)))
        api.pushstring(l, value);
    else
        api.pushnil(l);
    return 1;
}

int f_getgroup(lua_State* l) {
    char line[4096], *fields[7];
    if (!account("/etc/group", text(l, 1), line, sizeof(line), fields)) return error(l, text(l, 1));
    api.createtable(l, 0, 2);
    field(l, "name", fields[0]);
    field(l, "gid", strtod(fields[2], nullptr));
    long long n = 0;
    for (char* rest = fields[3]; rest && *rest;) {
        api.pushstring(l, strsep(&rest, ","));
        api.rawseti(l, -2, ++n);
    }
    return 1;
}

int f_getlogin(lua_State* l) {
    const char* name = getenv("LOGNAME");
    api.pushstring(l, name ? name : "root");
    return 1;
}

int f_getpasswd(lua_State* l) {
    char self[16], line[4096], *fields[7];
    snprintf(self, sizeof(self), "%u", geteuid());
    const char* key = text_or(l, 1, self);
    if (!account("/etc/passwd", key, line, sizeof(line), fields)) return error(l, key);
    constexpr const char* kFields[] = {"name", "passwd", "uid", "gid", "gecos", "dir", "shell"};
    const char* wanted = text_or(l, 2, nullptr);
    if (!wanted) api.createtable(l, 0, 7);
    for (int i = 0; i < 7; i++) {
        bool is_number = i == 2 || i == 3;
        if (wanted) {
            if (strcmp(wanted, kFields[i]) != 0) continue;
            if (is_number)
                api.pushnumber(l, strtod(fields[i], nullptr));
            else
                api.pushstring(l, fields[i]);
            return 1;
        }
        if (is_number)
            field(l, kFields[i], strtod(fields[i], nullptr));
        else
            field(l, kFields[i], fields[i]);
    }
    return wanted ? api.error(l, "unknown selector") : 1;
}

int f_getprocessid(lua_State* l) {
    const struct {
        const char* name;
        double value;
    } ids[] = {{"egid", double(getegid())}, {"euid", double(geteuid())}, {"gid", double(getgid())},
               {"uid", double(getuid())},   {"pgrp", double(getpgrp())}, {"pid", double(getpid())},
               {"ppid", double(getppid())}};
    const char* wanted = text_or(l, 1, nullptr);
    if (!wanted) api.createtable(l, 0, 7);
    for (const auto& id : ids) {
        if (!wanted) field(l, id.name, id.value);
        if (wanted && strcmp(wanted, id.name) == 0) {
            api.pushnumber(l, id.value);
            return 1;
        }
    }
    return wanted ? api.error(l, "unknown selector") : 1;
}

int f_kill(lua_State* l) {
    auto pid = static_cast<pid_t>(api.checknumber(l, 1));
    return result(l, kill(pid, static_cast<int>(number_or(l, 2, SIGTERM))), nullptr);
}

int f_link(lua_State* l) {
    return result(l, link(text(l, 1), text(l, 2)), nullptr);
}

int f_mkdir(lua_State* l) {
    return result(l, mkdir(text(l, 1), 0777), text(l, 1));
}

int f_mkfifo(lua_State* l) {
    return result(l, mkfifo(text(l, 1), 0777), text(l, 1));
}

int f_mkstemp(lua_State* l) {
    char path[4096];
    if (strlen(text(l, 1)) >= sizeof(path)) return api.error(l, "the template is too long");
    strcpy(path, text(l, 1));
    int fd = mkstemp(path);
    if (fd < 0) return error(l, path);
    close(fd);
    api.pushstring(l, path);
    return 1;
}

int f_pathconf(lua_State* l) {
    const char *path = text(l, 1), *name = text_or(l, 2, "name_max");
    int key = strcmp(name, "link_max") == 0   ? _PC_LINK_MAX
              : strcmp(name, "path_max") == 0 ? _PC_PATH_MAX
              : strcmp(name, "pipe_buf") == 0 ? _PC_PIPE_BUF
                                              : _PC_NAME_MAX;
    api.pushnumber(l, static_cast<double>(pathconf(path, key)));
    return 1;
}

int f_putenv(lua_State* l) {
    const char* pair = text(l, 1);
    char* kept = strdup(pair);
    return result(l, kept ? putenv(kept) : -1, pair);
}

int f_readlink(lua_State* l) {
    char target[4096];
    ssize_t n = readlink(text(l, 1), target, sizeof(target));
    if (n < 0) return error(l, text(l, 1));
    api.pushlstring(l, target, static_cast<size_t>(n));
    return 1;
}

int f_redirect2null(lua_State* l) {
    int target = static_cast<int>(api.checknumber(l, 1));
    int fd = open("/dev/null", O_WRONLY);
    if (fd < 0) return error(l, "/dev/null");
    int r = dup2(fd, target);
    if (fd != target) close(fd);
    return result(l, r, nullptr);
}

int f_rmdir(lua_State* l) {
    return result(l, rmdir(text(l, 1)), text(l, 1));
}

int f_setenv(lua_State* l) {
    return result(l, setenv(text(l, 1), text(l, 2), api.gettop(l) < 3 || number_or(l, 3, 1) != 0),
                  text(l, 1));
}

int f_setgid(lua_State* l) {
    unsigned id;
    if (!number_of(l, 1, "/etc/group", id)) return error(l, text(l, 1));
    return result(l, setgid(id), nullptr);
}

int f_setuid(lua_State* l) {
    unsigned id;
    if (!number_of(l, 1, "/etc/passwd", id)) return error(l, text(l, 1));
    return result(l, setuid(id), nullptr);
}

int f_sleep(lua_State* l) {
    api.pushnumber(l, sleep(static_cast<unsigned>(api.checknumber(l, 1))));
    return 1;
}

const char* type_of(mode_t mode) {
    return S_ISREG(mode)    ? "regular"
           : S_ISLNK(mode)  ? "link"
           : S_ISDIR(mode)  ? "directory"
           : S_ISCHR(mode)  ? "character device"
           : S_ISBLK(mode)  ? "block device"
           : S_ISFIFO(mode) ? "fifo"
           : S_ISSOCK(mode) ? "socket"
                            : "?";
}

int f_stat(lua_State* l) {
    const char *path = text(l, 1), *wanted = text_or(l, 2, nullptr);
    struct stat st;
    if (lstat(path, &st) != 0) return error(l, path);
    char mode[10] = "rwxrwxrwx";
    for (int i = 0; i < 9; i++)
        if (!(st.st_mode & 1u << (8 - i))) mode[i] = '-';
    if (st.st_mode & S_ISUID) mode[2] = mode[2] == 'x' ? 's' : 'S';
    if (st.st_mode & S_ISGID) mode[5] = mode[5] == 'x' ? 's' : 'S';
    if (st.st_mode & S_ISVTX) mode[8] = mode[8] == 'x' ? 't' : 'T';
    const struct {
        const char* name;
        double value;
        const char* words;
    } all[] = {{"mode", 0, mode},
               {"ino", double(st.st_ino), nullptr},
               {"dev", double(st.st_dev), nullptr},
               {"nlink", double(st.st_nlink), nullptr},
               {"uid", double(st.st_uid), nullptr},
               {"gid", double(st.st_gid), nullptr},
               {"size", double(st.st_size), nullptr},
               {"atime", double(st.st_atime), nullptr},
               {"mtime", double(st.st_mtime), nullptr},
               {"ctime", double(st.st_ctime), nullptr},
               {"type", 0, type_of(st.st_mode)},
               {"_mode", double(st.st_mode), nullptr}};
    if (!wanted) api.createtable(l, 0, 12);
    for (const auto& f : all) {
        if (wanted && strcmp(wanted, f.name) != 0) continue;
        if (f.words)
            api.pushstring(l, f.words);
        else
            api.pushnumber(l, f.value);
        if (wanted) return 1;
        api.setfield(l, -2, f.name);
    }
    return wanted ? api.error(l, "unknown selector") : 1;
}

int f_symlink(lua_State* l) {
    return result(l, symlink(text(l, 1), text(l, 2)), nullptr);
}

int f_sysconf(lua_State* l) {
    api.createtable(l, 0, 4);
    field(l, "arg_max", double(sysconf(_SC_ARG_MAX)));
    field(l, "clk_tck", double(sysconf(_SC_CLK_TCK)));
    field(l, "open_max", double(sysconf(_SC_OPEN_MAX)));
    field(l, "version", double(sysconf(_SC_VERSION)));
    return 1;
}

int f_times(lua_State* l) {
    struct tms t;
    double tick = double(sysconf(_SC_CLK_TCK));
    api.createtable(l, 0, 5);
    field(l, "elapsed", double(times(&t)) / tick);
    field(l, "utime", double(t.tms_utime) / tick);
    field(l, "stime", double(t.tms_stime) / tick);
    field(l, "cutime", double(t.tms_cutime) / tick);
    field(l, "cstime", double(t.tms_cstime) / tick);
    return 1;
}

int f_ttyname(lua_State* l) {
    char name[256];
    if (ttyname_r(static_cast<int>(number_or(l, 1, 0)), name, sizeof(name)) != 0)
        api.pushnil(l);
    else
        api.pushstring(l, name);
    return 1;
}

int f_umask(lua_State* l) {
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = ~mask & 0777;
    if (api.gettop(l) > 0) {
        if (!parse_mode(text(l, 1), mode)) return api.error(l, "bad mode");
        umask(~mode & 0777);
    }
    char shown[10] = "rwxrwxrwx";
    for (int i = 0; i < 9; i++)
        if (!(mode & 1u << (8 - i))) shown[i] = '-';
    api.pushstring(l, shown);
    return 1;
}

int f_uname(lua_State* l) {
    struct utsname u;
    uname(&u);
    const char* form = text_or(l, 1, "%s %n %r %v %m");
    char out[1024];
    size_t at = 0;
    for (; *form && at + 66 < sizeof(out); form++) {
        const char* part = nullptr;
        if (*form == '%' && form[1]) {
            switch (*++form) {
                case 's':
                    part = u.sysname;
                    break;
                case 'n':
                    part = u.nodename;
                    break;
                case 'r':
                    part = u.release;
                    break;
                case 'v':
                    part = u.version;
                    break;
                case 'm':
                    part = u.machine;
                    break;
                case '%':
                    part = "%";
                    break;
                default:
                    return api.error(l, "bad format");
            }
            at += static_cast<size_t>(snprintf(out + at, sizeof(out) - at, "%s", part));
        } else {
            out[at++] = *form;
        }
    }
    api.pushlstring(l, out, at);
    return 1;
}

int f_unlink(lua_State* l) {
    return result(l, unlink(text(l, 1)), text(l, 1));
}

int f_unsetenv(lua_State* l) {
    unsetenv(text(l, 1));
    return 0;
}

int f_utime(lua_State* l) {
    long now = static_cast<long>(time(nullptr));
    struct utimbuf times = {};
    times.modtime = number_or(l, 2, now);
    times.actime = number_or(l, 3, now);
    return result(l, utime(text(l, 1), &times), text(l, 1));
}

int f_wait(lua_State* l) {
    return result(l, waitpid(static_cast<pid_t>(number_or(l, 1, -1)), nullptr, 0), nullptr);
}

// A program in a child: 0, or nil, how it ended, and the number of that.
int f_execute(lua_State* l) {
    char* argv[kMaxArguments + 1];
    const char* path = arguments(l, argv);
    fflush(nullptr);
    pid_t child = fork();
    if (child < 0) return error(l, path);
    if (child == 0) {
        execvp(path, argv);
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status == 0) {
        api.pushnumber(l, 0);
        return 1;
    }
    api.pushnil(l);
    api.pushstring(l, WIFSIGNALED(status) ? "exit signal" : "exit code");
    api.pushnumber(l, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 3;
}

int f_vercmp(lua_State* l) {
    const char *a = text(l, 1), *b = text(l, 2);
    int order;
    {
        int r = compare(Evr::parse(a), Evr::parse(b));
        order = (r > 0) - (r < 0);
    }
    api.pushinteger(l, order);
    return 1;
}

}  // namespace

const Named kPosix[] = {
    {"access", f_access},     {"chdir", f_chdir},         {"chmod", f_chmod},
    {"chown", f_chown},       {"ctermid", f_ctermid},     {"dir", f_dir},
    {"errno", f_errno},       {"exec", f_exec},           {"fork", f_fork},
    {"getcwd", f_getcwd},     {"getenv", f_getenv},       {"getgroup", f_getgroup},
    {"getlogin", f_getlogin}, {"getpasswd", f_getpasswd}, {"getprocessid", f_getprocessid},
    {"kill", f_kill},         {"link", f_link},           {"mkdir", f_mkdir},
    {"mkfifo", f_mkfifo},     {"mkstemp", f_mkstemp},     {"pathconf", f_pathconf},
    {"putenv", f_putenv},     {"readlink", f_readlink},   {"redirect2null", f_redirect2null},
    {"rmdir", f_rmdir},       {"setenv", f_setenv},       {"setgid", f_setgid},
    {"setuid", f_setuid},     {"sleep", f_sleep},         {"stat", f_stat},
    {"symlink", f_symlink},   {"sysconf", f_sysconf},     {"times", f_times},
    {"ttyname", f_ttyname},   {"umask", f_umask},         {"uname", f_uname},
    {"unlink", f_unlink},     {"unsetenv", f_unsetenv},   {"utime", f_utime},
    {"wait", f_wait},
};
const size_t kPosixCount = std::size(kPosix);

const Named kRpm[] = {
    {"execute", f_execute},
    {"redirect2null", f_redirect2null},
    {"vercmp", f_vercmp},
};
const size_t kRpmCount = std::size(kRpm);

}  // namespace tenon::pkg::rpm::lua
