#include "pkg/lib/transaction.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

std::string gen_dir(const std::string& dir, unsigned generation) {
    return dir + format("/gen.%u", generation);
}

std::string parent_of(const std::string& dir) {
    return dir.substr(0, dir.rfind('/'));
}

Result<std::optional<unsigned>> current(Root& root, const std::string& dir) {
    const std::string path = dir + "/current";
    TRY_SET(auto text, root.read_if_there(path));
    if (!text) return std::nullopt;
    unsigned long long number = 0;
    if (!parse_u64(trim(*text), number) || number == 0)
        return fail("%s names no generation", path.c_str());
    return static_cast<unsigned>(number);
}

}  // namespace

Status put_in_place(Root& root, const std::string& kept, const std::string& path) {
    const std::string beside = path + "-new";
    TRY(root.unlink(beside));
    if (!root.link(kept, beside)) {
        // A file system without hard links.
        TRY_SET(std::string text, root.read_file(kept));
        return root.write_file(path, text);
    }
    TRY(root.rename(beside, path));
    // One file under both names is left alone by rename.
    TRY(root.unlink(beside));
    return {};
}

std::string Transaction::stage_dir(size_t k) const {
    return dir_ + format("/p%zu", k);
}

Transaction::~Transaction() {
    abandon();
}

void Transaction::abandon() {
    if (!open_) return;
    if (!has_begun()) {
        (void)root_.remove_tree(dir_);
        (void)root_.rmdir(parent_of(dir_));
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
    TRY_SET(auto waiting, current(root_, dir_));
    if (waiting) return fail("an interrupted transaction waits to be finished");
    TRY(root_.remove_tree(dir_));
    TRY(root_.mkdir_all(parent_of(dir_), 0755));
    // Staged files carry their final modes: nobody else may reach a setuid program in here.
    TRY(root_.mkdir(dir_, 0700));
    return defer_syncs();
}

Status Transaction::sync() {
    root_.set_sync(durable_);
    Status s = root_.sync_all();
    root_.set_sync(false);
    return s;
}

Status Transaction::save(Checkpoint& database, const std::string& state) {
    const unsigned before = generation_, next = generation_ + 1;
    const std::string gen = gen_dir(dir_, next);
    TRY(root_.remove_tree(gen));
    TRY(root_.mkdir(gen, 0700));
    TRY(database.copy(root_, gen));
    TRY(root_.write_file(gen + "/state", state));
    TRY(root_.write_file(gen + "/log", ""));
    TRY(sync());
    root_.set_sync(durable_);
    Status named = root_.write_file(dir_ + "/current", format("%u\n", next));
    root_.set_sync(false);
    TRY(named);
    generation_ = next;
    TRY(database.adopt(root_, gen, before == 0));
    if (before) TRY(root_.remove_tree(gen_dir(dir_, before)));
    return {};
}

Status Transaction::log(const std::string& line) {
    TRY(sync());
    const std::string path = gen_dir(dir_, generation_) + "/log";
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
    TRY(root_.unlink(dir_ + "/current"));
    if (durable_) {
        TRY_SET(Fd dir, root_.open_dir(dir_));
        if (fsync(dir.get()) != 0) return fail_errno("cannot sync %s", dir_.c_str());
    }
    open_ = false;
    generation_ = 0;
    root_.set_sync(durable_);
    TRY(root_.remove_tree(dir_));
    // Nothing of this is left to see in a finished image.
    (void)root_.rmdir(parent_of(dir_));
    return {};
}

Result<Transaction::Saved> Transaction::resume() {
    TRY_SET(auto number, current(root_, dir_));
    if (!number) return fail("there is nothing to resume");
    generation_ = *number;
    TRY(defer_syncs());
    Saved saved;
    const std::string gen = gen_dir(dir_, generation_);
    TRY_SET(saved.state, root_.read_file(gen + "/state"));
    TRY_SET(auto log, root_.read_if_there(gen + "/log"));
    const std::string text = log.value_or("");
    // A line without its newline was never synced.
    for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
        saved.log.push_back(text.substr(at, end - at));
    return saved;
}

Result<bool> Transaction::is_pending(Root& root, const std::string& directory) {
    return root.exists(directory + "/current");
}

Result<bool> Transaction::rewind(Root& root, const Checkpoint& database) {
    const std::string dir = database.directory();
    TRY_SET(auto number, current(root, dir));
    if (!number) {
        // Staged, never begun.
        TRY(root.remove_tree(dir));
        return false;
    }
    const std::string gen = gen_dir(dir, *number);
    TRY_SET(bool ours, database.is_ours(root, gen));
    if (!ours) {
        fprintf(stderr,
                "pkg: another tool has changed the database since pkg was interrupted; what pkg "
                "had begun is dropped\n");
        TRY(root.unlink(dir + "/current"));
        TRY(root.remove_tree(dir));
        return false;
    }
    TRY(database.restore(root, gen));
    return true;
}

}  // namespace tenon::pkg
