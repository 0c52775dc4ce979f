#include "pkg/lib/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <algorithm>

#include "pkg/lib/dpkg_checkpoint.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// dpkg folds at about this many, too; the names have four digits.
constexpr unsigned kUpdatesMax = 250;

std::string admin(std::string_view leaf) {
    return std::string(kAdminDir) + "/" + std::string(leaf);
}

std::string machine_arch() {
    struct utsname u;
    if (uname(&u) == 0 && strcmp(u.machine, "aarch64") == 0) return "arm64";
    return "amd64";
}

Result<Fd> lock_file(Root& root, const std::string& path) {
    TRY_SET(auto at, root.place(path));
    Fd fd(openat(at.dir_fd, at.leaf.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640));
    if (!fd.valid()) return fail_errno("cannot open lock %s", path.c_str());
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(fd.get(), F_SETLK, &lock) == 0) return fd;
    if (errno != EACCES && errno != EAGAIN) return fail_errno("cannot lock %s", path.c_str());
    struct flock holder = {};
    holder.l_type = F_WRLCK;
    holder.l_whence = SEEK_SET;
    if (fcntl(fd.get(), F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK)
        return fail("%s is held by process %d: another package tool is at work", path.c_str(),
                    holder.l_pid);
    return fail("%s is held by another process", path.c_str());
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(Root& root, Access access) {
    std::unique_ptr<Database> db(new Database(root));
    db->access_ = access;
    if (access == Access::write) {
        TRY(db->make_layout());
        TRY(db->take_locks());
        TRY_SET(db->interrupted_, Transaction::rewind(root, DpkgCheckpoint(nullptr)));
    }
    TRY(db->load());
    return db;
}

Status Database::make_layout() {
    for (const char* d : {"", "/info", "/updates", "/triggers", "/alternatives", "/parts"})
        TRY(root_.mkdir_all(std::string(kAdminDir) + d, 0755));
    TRY_SET(bool status, root_.exists(admin("status")));
    if (!status) {
        TRY(root_.write_file(admin("status"), ""));
        TRY_SET(bool available, root_.exists(admin("available")));
        if (!available) TRY(root_.write_file(admin("available"), ""));
    }
    TRY_SET(bool form, root_.exists(admin("info/format")));
    if (!form) TRY(root_.write_file(admin("info/format"), "1\n"));
    return {};
}

Status Database::take_locks() {
    if (!getenv("DPKG_FRONTEND_LOCKED")) {
        TRY_SET(frontend_lock_, lock_file(root_, admin("lock-frontend")));
    }
    TRY_SET(lock_, lock_file(root_, admin("lock")));
    return {};
}

Status Database::load() {
    native_arch_ = machine_arch();
    TRY_SET(auto archs, root_.read_if_there(admin("arch")));
    if (archs)
        for (std::string_view line : split_lines(*archs))
            if (valid_architecture(trim(line))) foreign_archs_.emplace_back(trim(line));
    TRY_SET(auto status, root_.read_if_there(admin("status")));
    if (status) TRY(apply(*status, admin("status")));
    TRY_SET(bool updates, root_.exists(admin("updates")));
    if (updates) {
        TRY_SET(auto names, root_.list(admin("updates")));
        bool any = false;
        for (const auto& n : names) {
            unsigned long long number = 0;
            if (!parse_u64(n, number)) continue;
            TRY_SET(std::string text, root_.read_file(admin("updates/" + n)));
            TRY(apply(text, admin("updates/" + n)));
            next_update_ = std::max(next_update_, static_cast<unsigned>(number) + 1);
            any = true;
        }
        // An earlier run ended early: make its journal part of the status file.
        if (any && access_ == Access::write) TRY(checkpoint());
    }
    return overrides_.load(root_);
}

Status Database::apply(std::string_view text, const std::string& where) {
    auto stanzas = parse_stanzas(text);
    if (!stanzas) return std::unexpected(std::move(stanzas.error()).in(where));
    for (const auto& s : *stanzas) {
        auto p = Package::from_status(s);
        if (!p) return std::unexpected(std::move(p.error()).in(where));
        add(p->name, p->arch) = std::move(*p);
    }
    return {};
}

std::vector<std::string> Database::archs() const {
    std::vector<std::string> out = {native_arch_};
    out.insert(out.end(), foreign_archs_.begin(), foreign_archs_.end());
    return out;
}

bool Database::knows_arch(std::string_view arch) const {
    return arch == "all" || arch == native_arch_ ||
           std::find(foreign_archs_.begin(), foreign_archs_.end(), arch) != foreign_archs_.end();
}

Package* Database::find(std::string_view name, std::string_view arch) {
    auto it = packages_.find(std::pair(std::string(name), std::string(arch)));
    return it == packages_.end() ? nullptr : it->second.get();
}

std::vector<Package*> Database::instances(std::string_view name) {
    std::vector<Package*> out;
    for (auto it = packages_.lower_bound(std::pair(std::string(name), std::string()));
         it != packages_.end() && it->first.first == name; ++it)
        out.push_back(it->second.get());
    return out;
}

Package* Database::find(std::string_view name) {
    Package* best = nullptr;
    auto rank = [&](const Package& p) {
        int r = p.arch == native_arch_ ? 2 : p.arch == "all" ? 1 : 0;
        return p.state == State::not_installed ? r : r + 10;
    };
    for (Package* p : instances(name))
        if (!best || rank(*p) > rank(*best)) best = p;
    return best;
}

Package* Database::find_spec(std::string_view spec) {
    size_t colon = spec.find(':');
    return colon == std::string_view::npos ? find(spec)
                                           : find(spec.substr(0, colon), spec.substr(colon + 1));
}

Package& Database::add(const std::string& name, const std::string& arch) {
    auto& slot = packages_[std::pair(name, arch)];
    if (!slot) {
        slot = std::make_unique<Package>();
        slot->name = name;
        slot->arch = arch;
    }
    return *slot;
}

Package& Database::change_arch(Package& p, const std::string& arch) {
    auto node = packages_.extract(std::pair(p.name, p.arch));
    node.key().second = arch;
    packages_.erase(std::pair(p.name, arch));
    packages_.insert(std::move(node));
    return p;
}

std::vector<Package*> Database::packages() {
    std::vector<Package*> out;
    for (auto& [key, p] : packages_) out.push_back(p.get());
    return out;
}

Status Database::note(const Package& p) {
    if (folds_itself_ && next_update_ >= kUpdatesMax) TRY(checkpoint());
    std::string path = admin(format("updates/%04u", next_update_));
    // "tmp.i" is dpkg's name for the same thing: a left-over one is simply overwritten by either.
    std::string beside = admin("updates/tmp.i");
    TRY(root_.unlink(beside));
    TRY_SET(Fd fd, root_.create_exclusive(beside, 0644));
    TRY(write_all(fd.get(), p.to_status(), beside.c_str()));
    if (root_.sync() && fsync(fd.get()) != 0) return fail_errno("cannot sync %s", beside.c_str());
    TRY(root_.rename(beside, path));
    next_update_++;
    return {};
}

std::string Database::status_text() {
    std::string text;
    for (auto& [key, p] : packages_) {
        // Nothing worth a stanza: never installed, nothing wanted.
        if (p->state == State::not_installed && p->want == Want::unknown && !p->reinst_required)
            continue;
        text += p->to_status() + "\n";
    }
    return text;
}

Status Database::drop_folded_updates() {
    TRY_SET(auto names, root_.list(admin("updates")));
    for (const auto& n : names) TRY(root_.unlink(admin("updates/" + n)));
    next_update_ = 0;
    return {};
}

Status Database::checkpoint() {
    std::string text = status_text();
    // The old one stays as status-old, as dpkg keeps it.
    TRY_SET(bool there, root_.exists(admin("status")));
    if (there) {
        TRY(root_.unlink(admin("status-old")));
        TRY(root_.link(admin("status"), admin("status-old")));
    }
    TRY(root_.write_file(admin("status"), text));
    return drop_folded_updates();
}

std::string Database::info_path(const Package& p, std::string_view kind) const {
    return admin("info/" + p.info_name() + "." + std::string(kind));
}

Result<std::vector<std::string>> Database::read_list(const Package& p) {
    std::vector<std::string> out;
    TRY_SET(auto text, root_.read_if_there(info_path(p, "list")));
    if (text)
        for (std::string_view line : split_lines(*text)) {
            if (line.empty() || line[0] != '/')
                return fail("%s: bad line '%s'", info_path(p, "list").c_str(),
                            std::string(line).c_str());
            out.emplace_back(line);
        }
    return out;
}

Status Database::write_list(const Package& p, const std::vector<std::string>& paths) {
    TRY_SET(FileIndex * index, file_index());
    TRY_SET(auto old, read_list(p));
    for (const auto& path : old) index->remove(&p, path);
    std::string text;
    for (const auto& path : paths) {
        text += path + "\n";
        index->add(&p, path);
    }
    return root_.write_file(info_path(p, "list"), text);
}

Result<std::vector<std::string>> Database::info_kinds(const Package& p) {
    std::vector<std::string> out;
    TRY_SET(auto names, root_.list(admin("info")));
    std::string stem = p.info_name() + ".";
    for (const auto& n : names)
        if (n.starts_with(stem) && !std::string_view(n).substr(stem.size()).contains('.'))
            out.push_back(n.substr(stem.size()));
    return out;
}

Status Database::drop_info_if_renamed(const Package& before, const Package& now) {
    if (before.info_name() == now.info_name()) return {};
    TRY_SET(FileIndex * index, file_index());
    TRY_SET(auto paths, read_list(before));
    for (const auto& path : paths) index->remove(&before, path);
    TRY_SET(auto kinds, info_kinds(before));
    for (const auto& kind : kinds) TRY(root_.unlink(info_path(before, kind)));
    return {};
}

Result<FileIndex*> Database::file_index() {
    if (index_) return index_.get();
    index_ = std::make_unique<FileIndex>();
    for (Package* p : packages()) {
        if (p->state == State::not_installed) continue;
        TRY_SET(auto paths, read_list(*p));
        for (const auto& path : paths) index_->add(p, path);
    }
    return index_.get();
}

}  // namespace tenon::pkg
