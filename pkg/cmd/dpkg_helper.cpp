// dpkg-maintscript-helper: configuration files that move or go, links that become directories and
// the reverse, across an upgrade.  Spec: dpkg-maintscript-helper(1).
//
// It is called alike from preinst, postinst and postrm and finds out from their name and arguments
// which part of the work is due: prepare, finish, or take back.
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "pkg/cmd/dpkg_tools.h"
#include "pkg/lib/database.h"
#include "pkg/lib/digest.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

enum class Phase { none, prepare, finish, abort, purge };

struct Call {
    std::string path, second;  // second: the new name, or the link's target
    std::string prior_version, package;
    Phase phase = Phase::none;
};

// `old`: the version that the script was told; the work is only due when it is not newer than
// `prior` (or when prior was left out).
bool is_due(const std::string& old, const std::string& prior) {
    if (old.empty()) return false;
    if (prior.empty()) return true;
    auto a = Version::parse(old), b = Version::parse(prior);
    return a && b && compare(*a, *b) <= 0;
}

Phase phase_of(const std::string& script, const std::vector<std::string>& args,
               const std::string& prior) {
    std::string what = args.empty() ? "" : args[0], old = args.size() > 1 ? args[1] : "";
    if (script == "preinst" && (what == "install" || what == "upgrade"))
        return is_due(old, prior) ? Phase::prepare : Phase::none;
    if (script == "postinst" && what == "configure")
        return is_due(old, prior) ? Phase::finish : Phase::none;
    if (script == "postrm" && what == "purge") return Phase::purge;
    if (script == "postrm" && (what == "abort-install" || what == "abort-upgrade"))
        return is_due(old, prior) ? Phase::abort : Phase::none;
    return Phase::none;
}

Status move_if_there(Root& root, const std::string& from, const std::string& to) {
    TRY_SET(bool there, root.exists(from));
    if (there) TRY(root.rename(from, to));
    return {};
}

// The digest that the package shipped, if it has the file as a conffile.
std::string shipped_md5(Database& db, const Call& c) {
    Package* p = db.find_spec(c.package);
    const Conffile* f = p ? p->conffile(c.path) : nullptr;
    return f ? f->md5 : "";
}

Status rm_conffile(Root& root, Database& db, const Call& c) {
    const std::string remove = c.path + ".dpkg-remove", backup = c.path + ".dpkg-backup",
                      bak = c.path + ".dpkg-bak";
    switch (c.phase) {
        case Phase::none:
            return {};
        case Phase::prepare: {
            std::string shipped = shipped_md5(db, c);
            TRY_SET(bool there, root.exists(c.path));
            if (!there || shipped.empty()) return {};
            auto now = md5_of_file(root, c.path);
            return root.rename(c.path, now && *now == shipped ? remove : backup);
        }
        case Phase::finish: {
            TRY_SET(bool changed, root.exists(backup));
            if (changed) {
                printf("Obsolete conffile %s has been modified by you.\nSaving as %s ...\n",
                       c.path.c_str(), bak.c_str());
                TRY(root.rename(backup, bak));
            }
            TRY(root.unlink(remove));
            return {};
        }
        case Phase::abort:
            TRY(move_if_there(root, remove, c.path));
            return move_if_there(root, backup, c.path);
        case Phase::purge:
            for (const auto& p : {remove, backup, bak}) TRY(root.unlink(p));
            return {};
    }
    return {};
}

Status mv_conffile(Root& root, Database& db, const Call& c) {
    const std::string remove = c.path + ".dpkg-remove";
    switch (c.phase) {
        case Phase::prepare: {
            std::string shipped = shipped_md5(db, c);
            auto now = md5_of_file(root, c.path);
            if (now && *now == shipped) TRY(root.rename(c.path, remove));
            return {};
        }
        case Phase::finish: {
            TRY(root.unlink(remove));
            TRY_SET(bool there, root.exists(c.path));
            if (!there || shipped_md5(db, c).empty()) return {};
            printf("Preserving user changes to %s (renamed from %s)...\n", c.second.c_str(),
                   c.path.c_str());
            TRY(move_if_there(root, c.second, c.second + ".dpkg-new"));
            return root.rename(c.path, c.second);
        }
        case Phase::abort:
            return move_if_there(root, remove, c.path);
        case Phase::none:
        case Phase::purge:
            return {};
    }
    return {};
}

Result<bool> is_link_to(Root& root, const std::string& path, const std::string& target) {
    TRY_SET(auto st, root.lstat(path));
    if (!st || !S_ISLNK(st->st_mode)) return false;
    TRY_SET(std::string now, root.readlink(path));
    return now == target;
}

Status symlink_to_dir(Root& root, Database&, const Call& c) {
    const std::string backup = c.path + ".dpkg-backup";
    TRY_SET(bool saved, is_link_to(root, backup, c.second));
    switch (c.phase) {
        case Phase::none:
            return {};
        case Phase::prepare: {
            TRY_SET(bool link, is_link_to(root, c.path, c.second));
            return link ? root.rename(c.path, backup) : Status();
        }
        case Phase::finish:
        case Phase::purge:
            if (saved) TRY(root.unlink(backup));
            return {};
        case Phase::abort:
            return saved ? root.rename(backup, c.path) : Status();
    }
    return {};
}

Status dir_to_symlink(Root& root, Database&, const Call& c) {
    const std::string backup = c.path + ".dpkg-backup", mark = c.path + "/.dpkg-staging-dir";
    TRY_SET(auto st, root.lstat(c.path));
    TRY_SET(bool staged, root.exists(mark));
    switch (c.phase) {
        case Phase::none:
            return {};
        case Phase::prepare: {
            if (!st || !S_ISDIR(st->st_mode) || staged) return {};
            TRY(root.rename(c.path, backup));
            TRY(root.mkdir(c.path, 0755));
            TRY_SET(Fd fd, root.create_exclusive(mark, 0644));
            return {};
        }
        case Phase::finish: {
            if (!staged) return {};
            std::string target =
                c.second[0] == '/' ? c.second : c.path.substr(0, c.path.rfind('/') + 1) + c.second;
            TRY(root.unlink(mark));
            TRY_SET(auto names, root.list(c.path));
            for (const auto& n : names) TRY(root.rename(c.path + "/" + n, target + "/" + n));
            TRY(root.rmdir(c.path));
            TRY(root.symlink(c.second, c.path));
            return root.remove_tree(backup);
        }
        case Phase::abort: {
            TRY_SET(bool saved, root.exists(backup));
            if (!saved) return {};
            TRY(root.remove_tree(c.path));
            return root.rename(backup, c.path);
        }
        case Phase::purge:
            return root.remove_tree(backup);
    }
    return {};
}

}  // namespace

Result<int> tool_maintscript_helper(const std::vector<std::string>& args) {
    static constexpr struct {
        const char* name;
        size_t paths;
        Status (*run)(Root&, Database&, const Call&);
    } kCommands[] = {
        {"rm_conffile", 1, rm_conffile},
        {"mv_conffile", 2, mv_conffile},
        {"symlink_to_dir", 2, symlink_to_dir},
        {"dir_to_symlink", 2, dir_to_symlink},
    };
    if (args.size() == 2 && args[0] == "supports") {
        for (const auto& k : kCommands)
            if (args[1] == k.name) return 0;
        return 1;
    }
    if (args.empty()) return fail("needs a command");
    for (const auto& k : kCommands) {
        if (args[0] != k.name) continue;
        std::vector<std::string> before, after;
        bool dashes = false;
        for (size_t i = 1; i < args.size(); i++) {
            if (!dashes && args[i] == "--")
                dashes = true;
            else
                (dashes ? after : before).push_back(args[i]);
        }
        const char* script = getenv("DPKG_MAINTSCRIPT_NAME");
        const char* package = getenv("DPKG_MAINTSCRIPT_PACKAGE");
        if (!script || !package || !dashes || before.size() < k.paths)
            return fail("%s is called wrongly", k.name);
        Call c{.path = before[0],
               .second = k.paths > 1 ? before[1] : "",
               .prior_version = {},
               .package = package};
        if (before.size() > k.paths) c.prior_version = before[k.paths];
        if (before.size() > k.paths + 1) c.package = before[k.paths + 1];
        if (c.path[0] != '/') return fail("'%s' is not an absolute path", c.path.c_str());
        c.phase = phase_of(script, after, c.prior_version);
        TRY_SET(Root root, Root::open("/"));
        TRY_SET(auto db, Database::open(root, Access::read));
        TRY(k.run(root, *db, c));
        return 0;
    }
    return fail("unknown command '%s'", args[0].c_str());
}

}  // namespace tenon::pkg
