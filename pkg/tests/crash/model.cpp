#include "pkg/tests/crash/model.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/tests/host_tools.h"

namespace tenon::pkg::crash {

const char* to_string(Op::Kind kind) {
    static constexpr const char* kNames[] = {"create",   "link",       "unlink",
                                             "rename",   "attributes", "data",
                                             "sync_all", "sync_node",  "sync_dir"};
    return kNames[static_cast<int>(kind)];
}

const char* to_string(Loss loss) {
    static constexpr const char* kNames[] = {"all kept", "none kept", "random", "names"};
    return kNames[static_cast<int>(loss)];
}

static std::string parent_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

bool Tree::has_dir(const std::string& path) const {
    if (path.empty()) return true;
    auto it = names.find(path);
    return it != names.end() && S_ISDIR(nodes[static_cast<size_t>(it->second)].mode);
}

static void apply(Tree& t, const Op& op) {
    auto here = [&](const std::string& path) {
        auto it = t.names.find(path);
        return it == t.names.end() ? -1 : it->second;
    };
    auto node = [&](int number) -> Node& {
        if (t.nodes.size() <= static_cast<size_t>(number))
            t.nodes.resize(static_cast<size_t>(number) + 1);
        return t.nodes[static_cast<size_t>(number)];
    };
    switch (op.kind) {
        case Op::Kind::create:
            if (!t.has_dir(parent_of(op.path)) || here(op.path) >= 0) return;
            node(op.node) = op.after;
            t.names[op.path] = op.node;
            return;
        case Op::Kind::link:
            if (!t.has_dir(parent_of(op.to)) || here(op.path) != op.node || here(op.to) >= 0)
                return;
            t.names[op.to] = op.node;
            return;
        case Op::Kind::unlink: {
            if (here(op.path) != op.node) return;
            // A directory is removed when it is empty.
            auto below = t.names.lower_bound(op.path + "/");
            if (below != t.names.end() && below->first.starts_with(op.path + "/")) return;
            t.names.erase(op.path);
            return;
        }
        case Op::Kind::rename: {
            if (!t.has_dir(parent_of(op.to)) || here(op.path) != op.node) return;
            if (here(op.to) == op.node) return;
            if (t.has_dir(op.to)) return;
            t.names.erase(op.path);
            t.names[op.to] = op.node;
            std::map<std::string, int> moved;
            for (auto it = t.names.lower_bound(op.path + "/");
                 it != t.names.end() && it->first.starts_with(op.path + "/");
                 it = t.names.erase(it))
                moved[op.to + it->first.substr(op.path.size())] = it->second;
            t.names.merge(moved);
            return;
        }
        case Op::Kind::attributes: {
            Node& n = node(op.node);
            n.mode = op.after.mode, n.uid = op.after.uid, n.gid = op.after.gid;
            return;
        }
        case Op::Kind::data:
            node(op.node).content = op.after.content;
            return;
        default:
            return;
    }
}

Tree crashed(const Recording& run, size_t at, Loss loss, std::mt19937& random, bool heed_syncs) {
    using K = Op::Kind;
    std::vector<bool> kept(at, false);
    if (heed_syncs) {
        // Backwards, with what later syncs cover.
        bool all = false;
        std::set<int> nodes;
        std::set<std::string> dirs;
        for (size_t i = at; i-- > 0;) {
            const Op& op = run.ops[i];
            if (op.kind == K::sync_all) all = true;
            if (op.kind == K::sync_node) nodes.insert(op.node);
            if (op.kind == K::sync_dir) dirs.insert(op.path);
            kept[i] = all;
            if (op.kind == K::data || op.kind == K::attributes)
                kept[i] = all || nodes.contains(op.node);
            else if (op.kind <= K::rename)
                kept[i] = all || dirs.contains(parent_of(op.path)) ||
                          (!op.to.empty() && dirs.contains(parent_of(op.to)));
        }
    }
    size_t names_until = at ? random() % (at + 1) : 0;
    for (size_t i = 0; i < at; i++) {
        if (kept[i]) continue;
        if (loss == Loss::all_kept) kept[i] = true;
        if (loss == Loss::random) kept[i] = random() % 2;
        if (loss == Loss::names) kept[i] = i < names_until && run.ops[i].kind != K::data;
    }
    // In order, a journal keeps all names or none behind a synced one.
    if (loss == Loss::names) {
        size_t last = 0;
        for (size_t i = 0; i < at; i++)
            if (kept[i] && run.ops[i].kind <= K::rename) last = i;
        for (size_t i = 0; i < last; i++)
            if (run.ops[i].kind <= K::rename) kept[i] = true;
    }
    Tree t = run.base;
    for (size_t i = 0; i < at; i++)
        if (kept[i]) apply(t, run.ops[i]);
    return t;
}

static void load_below(const std::string& dir, const std::string& at, Tree& t,
                       std::map<std::pair<dev_t, ino_t>, int>& inodes) {
    DIR* d = opendir((dir + at).c_str());
    if (!d) return;
    while (struct dirent* e = readdir(d)) {
        std::string leaf = e->d_name;
        if (leaf == "." || leaf == "..") continue;
        std::string path = at + "/" + leaf, full = dir + path;
        struct stat st;
        if (lstat(full.c_str(), &st) != 0) continue;
        auto [it, fresh] =
            inodes.try_emplace({st.st_dev, st.st_ino}, static_cast<int>(t.nodes.size()));
        t.names[path] = it->second;
        if (fresh) {
            Node n{.mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid, .rdev = st.st_rdev};
            if (S_ISREG(st.st_mode)) n.content = std::make_shared<std::string>(test::slurp(full));
            if (S_ISLNK(st.st_mode)) {
                char target[4096];
                ssize_t len = readlink(full.c_str(), target, sizeof(target));
                n.target.assign(target, len > 0 ? static_cast<size_t>(len) : 0);
            }
            t.nodes.push_back(std::move(n));
        }
        if (S_ISDIR(st.st_mode)) load_below(dir, path, t, inodes);
    }
    closedir(d);
}

Tree load_tree(const std::string& dir, std::map<std::pair<dev_t, ino_t>, int>* inodes) {
    Tree t;
    std::map<std::pair<dev_t, ino_t>, int> own;
    load_below(dir, "", t, inodes ? *inodes : own);
    return t;
}

static void must(bool ok, const std::string& what) {
    if (ok) return;
    perror(what.c_str());
    exit(2);
}

void write_tree(const Tree& t, const std::string& dir) {
    mkdir(dir.c_str(), 0755);
    std::map<int, std::string> first;
    for (const auto& [path, number] : t.names) {
        const Node& n = t.nodes[static_cast<size_t>(number)];
        std::string full = dir + path;
        auto [it, fresh] = first.try_emplace(number, full);
        if (!fresh) {
            must(link(it->second.c_str(), full.c_str()) == 0, full);
            continue;
        }
        if (S_ISDIR(n.mode)) {
            must(mkdir(full.c_str(), 0700) == 0, full);
        } else if (S_ISLNK(n.mode)) {
            must(symlink(n.target.c_str(), full.c_str()) == 0, full);
            continue;
        } else if (S_ISREG(n.mode)) {
            int fd = open(full.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            must(fd >= 0, full);
            if (n.content)
                must(write(fd, n.content->data(), n.content->size()) ==
                         static_cast<ssize_t>(n.content->size()),
                     full);
            close(fd);
        } else {
            must(mknod(full.c_str(), n.mode, n.rdev) == 0, full);
        }
        if (n.uid || n.gid) must(lchown(full.c_str(), n.uid, n.gid) == 0, full);
        must(chmod(full.c_str(), n.mode & 07777) == 0, full);
    }
}

std::map<std::string, std::string> described(const Tree& t,
                                             const std::vector<std::string>& left_out) {
    std::map<std::string, std::string> out;
    for (const auto& [path, number] : t.names) {
        bool skip = std::any_of(left_out.begin(), left_out.end(),
                                [&](const std::string& p) { return path.starts_with(p); });
        if (skip) continue;
        const Node& n = t.nodes[static_cast<size_t>(number)];
        char head[64];
        snprintf(head, sizeof(head), "%o %u:%u ", n.mode, n.uid, n.gid);
        out[path] = head + n.target + (n.content ? *n.content : "");
    }
    return out;
}

}  // namespace tenon::pkg::crash
