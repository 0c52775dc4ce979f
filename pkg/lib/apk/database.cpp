#include "pkg/lib/apk/database.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/utsname.h>

#include <algorithm>

#include "pkg/lib/apk/contents.h"
#include "pkg/lib/apk/scripts_tar.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apk {

namespace {

constexpr const char* kWorld = "/etc/apk/world";
constexpr const char* kArch = "/etc/apk/arch";
constexpr size_t kDigestBytes = 20;

std::string db_path(const char* leaf) {
    return std::string(kDbDir) + "/" + leaf;
}

std::string machine_arch() {
    struct utsname u;
    return uname(&u) == 0 ? u.machine : "x86_64";
}

std::string digest_text(std::string_view bytes) {
    return "Q1" + to_base64(bytes);
}

Result<std::string> parse_digest(std::string_view text) {
    TRY_SET(Checksum c, Checksum::parse(text));
    return c.bytes.substr(0, kDigestBytes);
}

// "UID:GID:MODE" or "UID:GID:MODE:DIGEST".
Result<Acl> parse_acl(std::string_view text) {
    auto parts = split(text, ':');
    unsigned long long uid = 0, gid = 0, mode = 0;
    Acl acl;
    if (parts.size() < 3 || parts.size() > 4 || !parse_u64(parts[0], uid) ||
        !parse_u64(parts[1], gid) || !parse_u64(parts[2], mode, 8) || mode > 07777 ||
        uid > UINT32_MAX || gid > UINT32_MAX)
        return fail("'%s' is no owner and mode", std::string(text.substr(0, 100)).c_str());
    if (parts.size() == 4) {
        TRY_SET(acl.xattrs, parse_digest(parts[3]));
    }
    acl.uid = static_cast<unsigned>(uid);
    acl.gid = static_cast<unsigned>(gid);
    acl.mode = static_cast<unsigned>(mode);
    return acl;
}

void put_acl(std::string& out, char field, const Acl& acl) {
    out += format("%c:%u:%u:%o", field, acl.uid, acl.gid, acl.mode);
    if (!acl.xattrs.empty()) out += ":" + digest_text(acl.xattrs);
    out += "\n";
}

std::string stanza(const Installed& p) {
    std::string out = index_stanza(p.package);
    if (!p.package.replaces.empty()) out += "r:" + to_text(p.package.replaces) + "\n";
    if (p.package.replaces_priority) out += format("q:%u\n", p.package.replaces_priority);
    if (!p.repository_tag.empty()) out += "s:" + p.repository_tag + "\n";
    std::string flags;
    if (p.broken_files) flags += 'f';
    if (p.broken_script) flags += 's';
    if (p.broken_xattr) flags += 'x';
    if (p.is_sha256()) flags += 'S';
    if (!flags.empty()) out += "f:" + flags + "\n";
    for (const auto& dir : p.dirs) {
        out += "F:" + dir.name + "\n";
        if (dir.acl != DirRecord().acl) put_acl(out, 'M', dir.acl);
        for (const auto& file : dir.files) {
            out += "R:" + file.name + "\n";
            if (file.acl != FileRecord().acl) put_acl(out, 'a', file.acl);
            if (!file.digest.empty()) out += "Z:" + digest_text(file.digest) + "\n";
        }
    }
    return out + "\n";
}

std::string trigger_line(const Installed& p) {
    if (p.package.triggers.empty()) return "";
    return p.package.checksum.str() + " " + join(p.package.triggers, " ") + "\n";
}

// Of the entries of scripts.tar.
std::string stem(const Installed& p) {
    return p.package.display_name() + "." + p.package.checksum.str() + ".";
}

bool good_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && !name.contains('/') &&
           !name.contains('\0');
}

// Beside what packages may be called there are virtual ones, that `apk add -t` makes: ".NAME".
Status check_installed(const Package& p) {
    std::string_view name = p.name;
    if (name.starts_with('.')) name.remove_prefix(1);
    if (!valid_name(name)) return fail("'%s' is not a package name", p.name.substr(0, 100).c_str());
    if (p.version.empty()) return fail("%s has no version", p.name.c_str());
    return {};
}

bool good_dir(std::string_view name) {
    if (name.empty()) return true;
    for (std::string_view part : split(name, '/'))
        if (!good_name(part)) return false;
    return true;
}

}  // namespace

std::string Installed::path_of(const DirRecord& dir, const FileRecord& file) {
    return (dir.name.empty() ? "/" : "/" + dir.name + "/") + file.name;
}

Database::~Database() = default;

Result<bool> Database::is_there(Root& root) {
    return root.exists(db_path("installed"));
}

Result<std::unique_ptr<Database>> Database::open(Root& root, Access access) {
    std::unique_ptr<Database> db(new Database(root));
    if (access == Access::write) TRY(db->take_lock());
    TRY(db->load());
    return db;
}

Status Database::take_lock() {
    for (const std::string path : {"/lib", "/lib/apk", kDbDir}) {
        TRY_SET(bool there, root_.exists(path));
        if (!there) made_.push_back(path);
    }
    TRY(root_.mkdir_all(kDbDir, 0755));
    TRY_SET(bool locked_before, root_.exists(db_path("lock")));
    if (!locked_before) made_.push_back(db_path("lock"));
    TRY_SET(auto at, root_.place(db_path("lock")));
    lock_ = Fd(openat(at.dir_fd, at.leaf.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!lock_.valid()) return fail_errno("cannot open %s", db_path("lock").c_str());
    if (flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
    if (errno == EWOULDBLOCK)
        return fail("%s is held by another process: another package tool is at work",
                    db_path("lock").c_str());
    return fail_errno("cannot lock %s", db_path("lock").c_str());
}

Status Database::load() {
    TRY_SET(auto arch, root_.read_if_there(kArch));
    if (arch)
        for (auto word : split_words(*arch)) archs_.emplace_back(word);
    if (archs_.empty()) archs_.push_back(machine_arch());
    TRY_SET(auto world, root_.read_if_there(kWorld));
    if (world) {
        auto parsed = parse_dependencies(*world, Dependency::Tags::allowed);
        if (!parsed) return std::unexpected(std::move(parsed.error()).in(kWorld));
        world_ = std::move(*parsed);
    }
    auto named = [](Status s, const std::string& path) -> Status {
        if (!s) return std::unexpected(std::move(s.error()).in(path));
        return {};
    };
    TRY_SET(auto installed, root_.read_if_there(db_path("installed")));
    if (installed) TRY(named(apply_installed(*installed), db_path("installed")));
    TRY_SET(gzip_scripts_, root_.exists(db_path("scripts.tar.gz")));
    const std::string scripts_path = db_path(gzip_scripts_ ? "scripts.tar.gz" : "scripts.tar");
    TRY_SET(auto scripts, root_.read_if_there(scripts_path));
    if (scripts) TRY(named(apply_scripts(*scripts), scripts_path));
    TRY_SET(auto triggers, root_.read_if_there(db_path("triggers")));
    if (triggers) TRY(named(apply_triggers(*triggers), db_path("triggers")));
    return {};
}

Result<std::unique_ptr<Database>> Database::parse(Root& root,
                                                  const std::map<std::string, std::string>& texts) {
    std::unique_ptr<Database> db(new Database(root));
    auto text = [&](const char* name) {
        auto it = texts.find(name);
        return it == texts.end() ? std::string() : it->second;
    };
    TRY(db->apply_installed(text("installed")));
    TRY(db->apply_scripts(text("scripts.tar")));
    TRY(db->apply_triggers(text("triggers")));
    return db;
}

Status Database::apply_installed(std::string_view text) {
    auto p = std::make_unique<Installed>();
    DirRecord* dir = nullptr;
    FileRecord* file = nullptr;
    bool any = false, sha256 = false;
    size_t number = 0;
    auto finish = [&]() -> Status {
        if (!any) return {};
        TRY(check_installed(p->package));
        if (sha256) p->package.checksum.kind = Checksum::Kind::sha256_160;
        std::string name = p->package.name;
        if (packages_.contains(name)) return fail("%s is there twice", name.c_str());
        packages_[name] = std::move(p);
        p = std::make_unique<Installed>();
        dir = nullptr;
        file = nullptr;
        any = sha256 = false;
        return {};
    };
    auto take = [&](char field, std::string_view value) -> Status {
        if (field == 'F') {
            if (!good_dir(value)) return fail("bad directory name");
            p->dirs.push_back({.name = std::string(value), .files = {}});
            dir = &p->dirs.back();
            file = nullptr;
            return {};
        }
        if (field == 'R') {
            if (!dir || !good_name(value)) return fail("bad file name");
            dir->files.push_back({.name = std::string(value), .digest = {}});
            file = &dir->files.back();
            return {};
        }
        if (field == 'M' || field == 'a' || field == 'Z') {
            if (field == 'M' ? !dir : !file) return fail("%c without a name before it", field);
            if (field == 'Z') {
                TRY_SET(file->digest, parse_digest(value));
                return {};
            }
            TRY_SET((field == 'M' ? dir->acl : file->acl), parse_acl(value));
            return {};
        }
        if (field == 's') {
            p->repository_tag = value;
            return {};
        }
        if (field == 'f') {
            for (char c : value) {
                if (!std::string_view("fsxS").contains(c))
                    return fail("the flag '%c' is not known: a newer apk wrote this", c);
                p->broken_files |= c == 'f';
                p->broken_script |= c == 's';
                p->broken_xattr |= c == 'x';
                sha256 |= c == 'S';
            }
            return {};
        }
        TRY_SET(FieldUse used, set_index_field(p->package, field, value));
        if (used == FieldUse::unknown)
            return fail("the field '%c' is not known: a newer apk wrote this", field);
        return {};
    };
    for (std::string_view line : split_lines(text)) {
        number++;
        Status done;
        if (line.empty()) {
            done = finish();
        } else if (line.size() < 2 || line[1] != ':') {
            done = fail("not a field");
        } else {
            any = true;
            done = take(line[0], line.substr(2));
        }
        if (!done) return std::unexpected(std::move(done.error()).in(format("line %zu", number)));
    }
    TRY(finish());
    for (const auto& [name, installed] : packages_) index(*installed);
    return {};
}

Status Database::apply_scripts(const std::string& tar) {
    if (tar.empty()) return {};
    TRY_SET(auto entries, read_scripts_tar(tar));
    for (auto& [entry, text] : entries) {
        // The checksum in the middle may hold dots in no form, the version may.
        size_t kind = entry.rfind('.');
        size_t sum = kind == std::string::npos || kind == 0 ? kind : entry.rfind('.', kind - 1);
        if (sum == std::string::npos) continue;
        auto checksum = parse_digest(std::string_view(entry).substr(sum + 1, kind - sum - 1));
        if (!checksum || !is_script_name(entry.substr(kind + 1))) continue;
        for (auto& [name, p] : packages_)
            if (p->package.checksum.bytes == *checksum)
                p->scripts[entry.substr(kind + 1)] = std::move(text);
    }
    return {};
}

Status Database::apply_triggers(std::string_view text) {
    for (std::string_view line : split_lines(text)) {
        auto words = split_words(line);
        if (words.empty()) continue;
        TRY_SET(std::string checksum, parse_digest(words[0]));
        for (auto& [name, p] : packages_)
            if (p->package.checksum.bytes == checksum)
                p->package.triggers.assign(words.begin() + 1, words.end());
    }
    return {};
}

void Database::index(const Installed& p) {
    for (const auto& dir : p.dirs)
        for (const auto& file : dir.files) owners_[Installed::path_of(dir, file)] = {&p, &file};
}

std::vector<const Installed*> Database::packages() const {
    std::vector<const Installed*> out;
    for (const auto& [name, p] : packages_) out.push_back(p.get());
    return out;
}

const Installed* Database::find(std::string_view name) const {
    auto it = packages_.find(name);
    return it == packages_.end() ? nullptr : it->second.get();
}

const Installed& Database::put(Installed package) {
    const std::string name = package.package.name;
    remove(name);
    auto p = std::make_unique<Installed>(std::move(package));
    for (const auto& dir : p->dirs)
        for (const auto& file : dir.files) {
            Owner was = owner(Installed::path_of(dir, file));
            if (!was.package) continue;
            // Its file list loses what it has no more.
            for (auto& theirs : packages_.find(was.package->package.name)->second->dirs)
                if (theirs.name == dir.name) {
                    std::erase_if(theirs.files,
                                  [&](const FileRecord& f) { return f.name == file.name; });
                    // The records behind the one that went have moved.
                    for (const auto& f : theirs.files)
                        owners_[Installed::path_of(theirs, f)] = {was.package, &f};
                }
        }
    index(*p);
    return *(packages_[name] = std::move(p));
}

void Database::remove(std::string_view name) {
    auto it = packages_.find(name);
    if (it == packages_.end()) return;
    for (const auto& dir : it->second->dirs)
        for (const auto& file : dir.files) {
            auto at = owners_.find(Installed::path_of(dir, file));
            if (at != owners_.end() && at->second.package == it->second.get()) owners_.erase(at);
        }
    packages_.erase(it);
}

Database::Owner Database::owner(std::string_view path) const {
    auto it = owners_.find(std::string(path));
    return it == owners_.end() ? Owner() : it->second;
}

std::vector<const Installed*> Database::dir_owners(std::string_view name) const {
    std::vector<const Installed*> out;
    for (const auto& [who, p] : packages_)
        for (const auto& dir : p->dirs)
            if (dir.name == name) {
                out.push_back(p.get());
                break;
            }
    return out;
}

bool Database::accepts_arch(std::string_view arch) const {
    return arch.empty() || arch == "noarch" || arch == "all" ||
           std::find(archs_.begin(), archs_.end(), arch) != archs_.end();
}

std::vector<std::string> Database::paths() const {
    return {db_path("installed"), db_path(gzip_scripts_ ? "scripts.tar.gz" : "scripts.tar"),
            db_path("triggers"), kWorld, kArch};
}

Result<std::map<std::string, std::string>> Database::texts() const {
    std::map<std::string, std::string> out;
    std::string installed, triggers, world, archs;
    std::vector<ScriptEntry> scripts;
    for (const auto& [name, p] : packages_) {
        installed += stanza(*p);
        triggers += trigger_line(*p);
        for (const auto& [kind, text] : p->scripts)
            scripts.push_back({stem(*p) + kind, text, p->package.build_time});
    }
    std::vector<std::string> lines;
    auto sorted = world_;
    std::sort(sorted.begin(), sorted.end(),
              [](const Dependency& a, const Dependency& b) { return a.name < b.name; });
    for (const auto& d : sorted) lines.push_back(d.str());
    for (const auto& a : archs_) archs += a + "\n";
    auto at = paths();
    out[at[0]] = std::move(installed);
    TRY_SET(out[at[1]], write_scripts_tar(scripts, gzip_scripts_));
    out[at[2]] = std::move(triggers);
    out[at[3]] = join(lines, "\n") + "\n";
    out[at[4]] = std::move(archs);
    return out;
}

Result<std::map<std::string, std::string>> texts_of(const Installed& p) {
    std::vector<ScriptEntry> scripts;
    for (const auto& [kind, text] : p.scripts)
        scripts.push_back({stem(p) + kind, text, p.package.build_time});
    std::map<std::string, std::string> out;
    out["installed"] = stanza(p);
    out["triggers"] = trigger_line(p);
    TRY_SET(out["scripts.tar"], write_scripts_tar(scripts, false));
    return out;
}

void Database::undo_open() {
    if (!made_.empty() && made_.back() == db_path("lock")) (void)root_.unlink(made_.back());
    while (!made_.empty()) {
        (void)root_.rmdir(made_.back());
        made_.pop_back();
    }
}

Status Database::drop() {
    for (const auto& path : paths()) TRY(root_.unlink(path));
    TRY(root_.unlink(db_path("lock")));
    for (const char* d : {kDbDir, "/lib/apk", "/lib", "/etc/apk", "/etc"}) (void)root_.rmdir(d);
    return {};
}

}  // namespace tenon::pkg::apk
