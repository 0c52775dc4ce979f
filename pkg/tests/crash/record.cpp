// The recorder: ptrace over every system call of a program and its children, static or not, in a
// changed root or not. Calls that change something below one directory become operations.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkg/tests/crash/model.h"

namespace tenon::pkg::crash {

namespace {

using K = Op::Kind;

class Recorder {
  public:
    explicit Recorder(const std::string& dir) {
        char* real = realpath(dir.c_str(), nullptr);
        dir_ = real ? real : dir;
        free(real);
        run_.base = load_tree(dir_, &inodes_);
        now_ = run_.base.names;
        next_node_ = static_cast<int>(run_.base.nodes.size());
    }

    Recording run(const std::vector<std::string>& argv) {
        pid_t child = fork();
        if (child == 0) {
            std::vector<char*> args;
            for (const auto& a : argv) args.push_back(const_cast<char*>(a.c_str()));
            args.push_back(nullptr);
            ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
            raise(SIGSTOP);
            execv(args[0], args.data());
            _exit(127);
        }
        int status;
        waitpid(child, &status, 0);
        ptrace(PTRACE_SETOPTIONS, child, nullptr,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
        ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
        pid_t pid;
        while ((pid = waitpid(-1, &status, __WALL)) > 0) {
            if (WIFEXITED(status) || WIFSIGNALED(status)) {
                if (pid == child) run_.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
                calls_.erase(pid);
                continue;
            }
            int sig = WSTOPSIG(status), deliver = 0;
            if (sig == (SIGTRAP | 0x80))
                stop(pid);
            else if (sig != SIGTRAP && sig != SIGSTOP)
                deliver = sig;
            ptrace(PTRACE_SYSCALL, pid, nullptr, deliver);
        }
        return std::move(run_);
    }

  private:
    struct Call {
        bool inside = false;
        long number = 0;
        unsigned long args[6] = {};
        std::string a, b;  // paths below the root; empty: elsewhere
        unsigned long flags = 0;
    };

    static std::string link_text(const std::string& path) {
        char text[4096];
        ssize_t n = readlink(path.c_str(), text, sizeof(text));
        return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
    }

    static bool peek(pid_t pid, unsigned long at, void* out, size_t len) {
        struct iovec local = {out, len}, remote = {reinterpret_cast<void*>(at), len};
        return process_vm_readv(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(len);
    }

    static std::string text_at(pid_t pid, unsigned long at) {
        std::string out;
        char c;
        while (out.size() < 4096 && peek(pid, at++, &c, 1) && c) out += c;
        return out;
    }

    std::string below(const std::string& full) const {
        return full.starts_with(dir_ + "/") ? full.substr(dir_.size()) : std::string();
    }

    // Without following the last component.
    std::string resolve(pid_t pid, int dir_fd, const std::string& path) const {
        const std::string proc = "/proc/" + std::to_string(pid);
        if (path.empty()) return below(link_text(proc + "/fd/" + std::to_string(dir_fd)));
        std::string base = path[0] == '/'       ? link_text(proc + "/root")
                           : dir_fd == AT_FDCWD ? link_text(proc + "/cwd")
                                                : link_text(proc + "/fd/" + std::to_string(dir_fd));
        std::string full = base + "/" + path;
        while (full.size() > 1 && full.ends_with('/')) full.pop_back();
        size_t slash = full.rfind('/');
        char* real = realpath(full.substr(0, slash + 1).c_str(), nullptr);
        if (!real) return {};
        std::string out = std::string(real) + full.substr(slash);
        free(real);
        return below(out);
    }

    void enter(pid_t pid, Call& c) {
        auto at = [&](int fd_arg, int path_arg) {
            return resolve(pid, fd_arg < 0 ? AT_FDCWD : static_cast<int>(c.args[fd_arg]),
                           text_at(pid, c.args[path_arg]));
        };
        switch (c.number) {
            case SYS_open:
                c.flags = c.args[1], c.a = at(-1, 0);
                break;
            case SYS_creat:
                c.flags = O_CREAT | O_TRUNC, c.a = at(-1, 0);
                break;
            case SYS_openat:
                c.flags = c.args[2], c.a = at(0, 1);
                break;
            case SYS_rename:
            case SYS_link:
                c.a = at(-1, 0), c.b = at(-1, 1);
                break;
            case SYS_renameat:
            case SYS_renameat2:
            case SYS_linkat:
                c.a = at(0, 1), c.b = at(2, 3);
                break;
            case SYS_symlink:
                c.a = at(-1, 1);
                break;
            case SYS_symlinkat:
                c.a = at(1, 2);
                break;
            case SYS_unlink:
            case SYS_rmdir:
            case SYS_mkdir:
            case SYS_mknod:
            case SYS_chmod:
            case SYS_chown:
            case SYS_lchown:
            case SYS_truncate:
                c.a = at(-1, 0);
                break;
            case SYS_unlinkat:
            case SYS_mkdirat:
            case SYS_mknodat:
            case SYS_fchmodat:
            case SYS_fchownat:
                c.a = at(0, 1);
                break;
            default:
                break;
        }
    }

    void add(Op op) { run_.ops.push_back(std::move(op)); }

    int node_at(const std::string& path) const {
        auto it = now_.find(path);
        return it == now_.end() ? -1 : it->second;
    }

    Node look(const std::string& full, const struct stat& st) const {
        Node n{.mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid, .rdev = st.st_rdev};
        if (S_ISLNK(st.st_mode)) n.target = link_text(full);
        return n;
    }

    void created(const std::string& path) {
        struct stat st;
        const std::string full = dir_ + path;
        if (path.empty() || lstat(full.c_str(), &st) != 0) return;
        int number = next_node_++;
        inodes_[{st.st_dev, st.st_ino}] = number;
        now_[path] = number;
        add({.kind = K::create, .node = number, .path = path, .after = look(full, st)});
    }

    // The node behind a descriptor, or behind a path; -1: not below the root.
    int node_of(const std::string& file, struct stat& st, bool follow) const {
        if ((follow ? stat(file.c_str(), &st) : lstat(file.c_str(), &st)) != 0) return -1;
        auto it = inodes_.find({st.st_dev, st.st_ino});
        return it == inodes_.end() ? -1 : it->second;
    }

    static std::string fd_path(pid_t pid, unsigned long fd) {
        return "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(static_cast<int>(fd));
    }

    void changed_data(const std::string& file) {
        struct stat st;
        int number = node_of(file, st, true);
        if (number < 0 || !S_ISREG(st.st_mode)) return;
        std::string text(static_cast<size_t>(st.st_size), '\0');
        int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : pread(fd, text.data(), text.size(), 0);
        if (fd >= 0) close(fd);
        text.resize(n > 0 ? static_cast<size_t>(n) : 0);
        add({.kind = K::data,
             .node = number,
             .after = {.content = std::make_shared<std::string>(std::move(text))}});
    }

    void changed_attributes(const std::string& file, bool follow) {
        struct stat st;
        int number = node_of(file, st, follow);
        if (number >= 0) add({.kind = K::attributes, .node = number, .after = look(file, st)});
    }

    void leave(pid_t pid, Call& c) {
        const bool empty_path = c.a.empty();
        switch (c.number) {
            case SYS_open:
            case SYS_creat:
            case SYS_openat:
                if (empty_path) return;
                if ((c.flags & O_CREAT) && node_at(c.a) < 0)
                    created(c.a);
                else if (c.flags & O_TRUNC)
                    changed_data(dir_ + c.a);
                return;
            case SYS_mkdir:
            case SYS_mkdirat:
            case SYS_symlink:
            case SYS_symlinkat:
            case SYS_mknod:
            case SYS_mknodat:
                created(c.a);
                return;
            case SYS_link:
            case SYS_linkat:
                if (empty_path || c.b.empty() || node_at(c.a) < 0) return;
                now_[c.b] = node_at(c.a);
                add({.kind = K::link, .node = node_at(c.a), .path = c.a, .to = c.b});
                return;
            case SYS_unlink:
            case SYS_rmdir:
            case SYS_unlinkat:
                if (empty_path || node_at(c.a) < 0) return;
                add({.kind = K::unlink, .node = node_at(c.a), .path = c.a});
                now_.erase(c.a);
                return;
            case SYS_rename:
            case SYS_renameat:
            case SYS_renameat2:
                renamed(c);
                return;
            case SYS_write:
            case SYS_pwrite64:
            case SYS_writev:
            case SYS_pwritev:
            case SYS_ftruncate:
            case SYS_sendfile:
            case SYS_fallocate:
                changed_data(fd_path(pid, c.args[0]));
                return;
            case SYS_copy_file_range:
                changed_data(fd_path(pid, c.args[2]));
                return;
            case SYS_truncate:
                if (!empty_path) changed_data(dir_ + c.a);
                return;
            case SYS_fchmod:
            case SYS_fchown:
                changed_attributes(fd_path(pid, c.args[0]), true);
                return;
            case SYS_chmod:
            case SYS_fchmodat:
            case SYS_chown:
                if (!empty_path) changed_attributes(dir_ + c.a, true);
                return;
            case SYS_lchown:
            case SYS_fchownat:
                if (!empty_path) changed_attributes(dir_ + c.a, false);
                return;
            case SYS_sync:
            case SYS_syncfs:
                add({.kind = K::sync_all});
                return;
            case SYS_fsync:
            case SYS_fdatasync: {
                struct stat st;
                const std::string file = fd_path(pid, c.args[0]);
                int number = node_of(file, st, true);
                if (number < 0) return;
                if (S_ISDIR(st.st_mode)) add({.kind = K::sync_dir, .path = below(link_text(file))});
                add({.kind = K::sync_node, .node = number});
                return;
            }
            default:
                return;
        }
    }

    void renamed(const Call& c) {
        int number = node_at(c.a);
        if (c.a.empty() || c.b.empty() || number < 0 || node_at(c.b) == number) return;
        add({.kind = K::rename, .node = number, .path = c.a, .to = c.b});
        now_.erase(c.a);
        now_[c.b] = number;
        std::map<std::string, int> moved;
        for (auto it = now_.lower_bound(c.a + "/");
             it != now_.end() && it->first.starts_with(c.a + "/"); it = now_.erase(it))
            moved[c.b + it->first.substr(c.a.size())] = it->second;
        now_.merge(moved);
    }

    void stop(pid_t pid) {
        Call& c = calls_[pid];
        struct user_regs_struct regs;
        if (ptrace(PTRACE_GETREGS, pid, nullptr, &regs) != 0) return;
        long number = static_cast<long>(regs.orig_rax);
        if (!c.inside) {
            // A new child may come out of the call that made it.
            if (static_cast<long>(regs.rax) != -ENOSYS) return;
            c = {.inside = true, .number = number};
            unsigned long args[6] = {regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9};
            memcpy(c.args, args, sizeof(args));
            enter(pid, c);
        } else {
            if (static_cast<long>(regs.rax) >= 0) leave(pid, c);
            c.inside = false;
        }
    }

    std::string dir_;
    Recording run_;
    std::map<std::pair<dev_t, ino_t>, int> inodes_;
    std::map<std::string, int> now_;
    std::map<pid_t, Call> calls_;
    int next_node_ = 0;
};

}  // namespace

Recording record(const std::string& dir, const std::vector<std::string>& argv) {
    return Recorder(dir).run(argv);
}

}  // namespace tenon::pkg::crash
