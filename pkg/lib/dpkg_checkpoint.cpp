#include "pkg/lib/dpkg_checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/database.h"

namespace tenon::pkg {

namespace {

constexpr const char* kCopied[] = {"info", "triggers"};

std::string admin(std::string_view leaf) {
    return std::string(kAdminDir) + "/" + std::string(leaf);
}

// Other processes take this lock while they hold the file open.
bool is_copied(const std::string& name) {
    return name != "Lock";
}

// Makes `to`/leaf the same file as `from`/leaf, which is never written in place.
Status share(Root& root, int from, int to, const std::string& from_dir, const std::string& to_dir,
             const std::string& leaf) {
    if (linkat(from, leaf.c_str(), to, leaf.c_str(), 0) == 0) return {};
    if (errno == EISDIR) return {};
    struct stat st;
    if (fstatat(from, leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return {};
    // A file system without hard links.
    TRY_SET(std::string data, root.read_file(from_dir + "/" + leaf));
    return root.write_file(to_dir + "/" + leaf, data, st.st_mode & 07777);
}

Status copy_files(Root& root, const std::string& from_dir, const std::string& to_dir) {
    TRY(root.mkdir_all(to_dir, 0755));
    TRY_SET(auto names, root.list(from_dir));
    TRY_SET(Fd from, root.open_dir(from_dir));
    TRY_SET(Fd to, root.open_dir(to_dir));
    for (const auto& n : names)
        if (is_copied(n)) TRY(share(root, from.get(), to.get(), from_dir, to_dir, n));
    return {};
}

// `to_dir` becomes what `from_dir` is. Files that are the same already are left alone.
Status restore_files(Root& root, const std::string& from_dir, const std::string& to_dir) {
    TRY_SET(auto names, root.list(from_dir));
    TRY_SET(auto now, root.list(to_dir));
    for (const auto& n : now)
        if (is_copied(n) && !std::binary_search(names.begin(), names.end(), n))
            TRY(root.remove_tree(to_dir + "/" + n));
    TRY_SET(Fd from, root.open_dir(from_dir));
    TRY_SET(Fd to, root.open_dir(to_dir));
    for (const auto& n : names) {
        struct stat a, b;
        if (fstatat(from.get(), n.c_str(), &a, AT_SYMLINK_NOFOLLOW) != 0)
            return fail_errno("%s/%s", from_dir.c_str(), n.c_str());
        if (fstatat(to.get(), n.c_str(), &b, AT_SYMLINK_NOFOLLOW) == 0) {
            if (a.st_dev == b.st_dev && a.st_ino == b.st_ino) continue;
            if (unlinkat(to.get(), n.c_str(), 0) != 0)
                return fail_errno("cannot replace %s/%s", to_dir.c_str(), n.c_str());
        }
        TRY(share(root, from.get(), to.get(), from_dir, to_dir, n));
    }
    return {};
}

Status drop_updates(Root& root) {
    TRY_SET(auto names, root.list(admin("updates")));
    for (const auto& n : names) TRY(root.unlink(admin("updates/" + n)));
    return {};
}

}  // namespace

Status DpkgCheckpoint::copy(Root& root, const std::string& gen) {
    for (const char* d : kCopied) TRY(copy_files(root, admin(d), gen + "/" + d));
    TRY(root.write_file(gen + "/status", db_->status_text()));
    TRY_SET(auto status, root.read_if_there(admin("status")));
    if (status) TRY(root.write_file(gen + "/status-before", *status));
    return {};
}

Status DpkgCheckpoint::adopt(Root& root, const std::string& gen, bool first) {
    TRY_SET(bool there, root.exists(admin("status")));
    if (first && there) {
        // The old one stays as status-old, as dpkg keeps it.
        TRY(root.unlink(admin("status-old")));
        (void)root.link(admin("status"), admin("status-old"));
    }
    TRY(put_in_place(root, gen + "/status", admin("status")));
    return db_->drop_folded_updates();
}

// The only names that status can have had in this generation: as it was folded, or as it was just
// before.
Result<bool> DpkgCheckpoint::is_ours(Root& root, const std::string& gen) const {
    TRY_SET(auto now, root.read_if_there(admin("status")));
    for (const char* name : {"/status", "/status-before"}) {
        TRY_SET(auto known, root.read_if_there(gen + name));
        if (known == now) return true;
    }
    return false;
}

Status DpkgCheckpoint::restore(Root& root, const std::string& gen) const {
    for (const char* d : kCopied) TRY(restore_files(root, gen + "/" + d, admin(d)));
    // Last: as long as it is not done, a repetition finds the same.
    TRY(put_in_place(root, gen + "/status", admin("status")));
    return drop_updates(root);
}

}  // namespace tenon::pkg
