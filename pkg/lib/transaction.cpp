#include "pkg/lib/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/database.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

const std::string kDir = kTransaction;
const std::string kCurrent = kDir + "/current";
constexpr const char* kCopied[] = {"info", "triggers"};

std::string gen_dir(unsigned generation) {
    return kDir + format("/gen.%u", generation);
}

std::string admin(std::string_view leaf) {
    return std::string(kAdminDir) + "/" + std::string(leaf);
}

Result<Fd> open_dir(Root& root, const std::string& path) {
    TRY_SET(Fd at, root.open_path(path));
    Fd fd(openat(at.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("cannot open directory %s", path.c_str());
    return fd;
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
    TRY_SET(Fd from, open_dir(root, from_dir));
    TRY_SET(Fd to, open_dir(root, to_dir));
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
    TRY_SET(Fd from, open_dir(root, from_dir));
    TRY_SET(Fd to, open_dir(root, to_dir));
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

Status put_status(Root& root, const std::string& gen) {
    TRY(root.unlink(admin("status-new")));
    if (!root.link(gen + "/status", admin("status-new"))) {
        TRY_SET(std::string text, root.read_file(gen + "/status"));
        return root.write_file(admin("status"), text);
    }
    TRY(root.rename(admin("status-new"), admin("status")));
    // One file under both names is left alone by rename.
    TRY(root.unlink(admin("status-new")));
    return {};
}

Status drop_updates(Root& root) {
    TRY_SET(auto names, root.list(admin("updates")));
    for (const auto& n : names) TRY(root.unlink(admin("updates/" + n)));
    return {};
}

Result<std::optional<unsigned>> current(Root& root) {
    TRY_SET(auto text, root.read_if_there(kCurrent));
    if (!text) return std::nullopt;
    unsigned long long number = 0;
    if (!parse_u64(trim(*text), number) || number == 0)
        return fail("%s names no generation", kCurrent.c_str());
    return static_cast<unsigned>(number);
}

// The only names that status can have had in this generation: as it was folded, or as it was just
// before.
Result<bool> is_ours(Root& root, const std::string& gen) {
    TRY_SET(auto now, root.read_if_there(admin("status")));
    for (const char* name : {"/status", "/status-before"}) {
        TRY_SET(auto known, root.read_if_there(gen + name));
        if (known == now) return true;
    }
    return false;
}

}  // namespace

std::string Transaction::stage_dir(size_t k) const {
    return kDir + format("/p%zu", k);
}

Transaction::~Transaction() {
    abandon();
}

void Transaction::abandon() {
    if (!open_) return;
    if (!has_begun()) {
        (void)root_.remove_tree(kDir);
        (void)root_.rmdir("/var/lib/pkg");
    }
    root_.set_sync(durable_);
    open_ = false;
}

Status Transaction::defer_syncs() {
    open_ = true;
    durable_ = root_.sync();
    root_.set_sync(false);
    return {};
}

Status Transaction::open() {
    if (open_) return {};
    TRY_SET(auto waiting, current(root_));
    if (waiting) return fail("an interrupted transaction waits to be finished");
    TRY(root_.remove_tree(kDir));
    TRY(root_.mkdir_all("/var/lib/pkg", 0755));
    // Staged files carry their final modes: nobody else may reach a setuid program in here.
    TRY(root_.mkdir(kDir, 0700));
    return defer_syncs();
}

Status Transaction::sync() {
    root_.set_sync(durable_);
    Status s = root_.sync_all();
    root_.set_sync(false);
    return s;
}

Status Transaction::save(Database& db, const std::string& state) {
    const unsigned before = generation_, next = generation_ + 1;
    const std::string gen = gen_dir(next);
    TRY(root_.remove_tree(gen));
    TRY(root_.mkdir(gen, 0700));
    for (const char* d : kCopied) TRY(copy_files(root_, admin(d), gen + "/" + d));
    TRY(root_.write_file(gen + "/status", db.status_text()));
    TRY_SET(auto status, root_.read_if_there(admin("status")));
    if (status) TRY(root_.write_file(gen + "/status-before", *status));
    TRY(root_.write_file(gen + "/state", state));
    TRY(root_.write_file(gen + "/log", ""));
    TRY(sync());
    root_.set_sync(durable_);
    Status named = root_.write_file(kCurrent, format("%u\n", next));
    root_.set_sync(false);
    TRY(named);
    generation_ = next;
    if (!before && status) {
        // The old one stays as status-old, as dpkg keeps it.
        TRY(root_.unlink(admin("status-old")));
        (void)root_.link(admin("status"), admin("status-old"));
    }
    TRY(put_status(root_, gen));
    TRY(db.drop_folded_updates());
    if (before) TRY(root_.remove_tree(gen_dir(before)));
    return {};
}

Status Transaction::log(const std::string& line) {
    TRY(sync());
    const std::string path = gen_dir(generation_) + "/log";
    TRY_SET(auto at, root_.place(path));
    Fd fd(openat(at.dir_fd, at.leaf.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("%s", path.c_str());
    TRY(write_all(fd.get(), line + "\n", path.c_str()));
    if (durable_ && fdatasync(fd.get()) != 0) return fail_errno("cannot sync %s", path.c_str());
    return {};
}

Status Transaction::close() {
    if (!open_) return {};
    // The folded database must be on disk before nothing can restore it any more.
    TRY(sync());
    TRY(root_.unlink(kCurrent));
    if (durable_) {
        TRY_SET(Fd dir, open_dir(root_, kDir));
        if (fsync(dir.get()) != 0) return fail_errno("cannot sync %s", kDir.c_str());
    }
    open_ = false;
    generation_ = 0;
    root_.set_sync(durable_);
    TRY(root_.remove_tree(kDir));
    // Nothing of this is left to see in a finished image.
    (void)root_.rmdir("/var/lib/pkg");
    return {};
}

Result<Transaction::Saved> Transaction::resume() {
    TRY_SET(auto number, current(root_));
    if (!number) return fail("there is nothing to resume");
    generation_ = *number;
    TRY(defer_syncs());
    Saved saved;
    const std::string gen = gen_dir(generation_);
    TRY_SET(saved.state, root_.read_file(gen + "/state"));
    TRY_SET(auto log, root_.read_if_there(gen + "/log"));
    const std::string text = log.value_or("");
    // A line without its newline was never synced.
    for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
        saved.log.push_back(text.substr(at, end - at));
    return saved;
}

Result<bool> Transaction::is_pending(Root& root) {
    return root.exists(kCurrent);
}

Result<bool> Transaction::rewind(Root& root) {
    TRY_SET(auto number, current(root));
    if (!number) {
        // Staged, never begun.
        TRY(root.remove_tree(kDir));
        return false;
    }
    const std::string gen = gen_dir(*number);
    TRY_SET(bool ours, is_ours(root, gen));
    if (!ours) {
        fprintf(stderr,
                "pkg: another tool has changed the database since pkg was interrupted; what pkg "
                "had begun is dropped\n");
        TRY(root.unlink(kCurrent));
        TRY(root.remove_tree(kDir));
        return false;
    }
    for (const char* d : kCopied) TRY(restore_files(root, gen + "/" + d, admin(d)));
    // Last: as long as it is not done, a repetition finds the same.
    TRY(put_status(root, gen));
    TRY(drop_updates(root));
    return true;
}

}  // namespace tenon::pkg
