#include "pkg/lib/apk/placement.h"

#include <fnmatch.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "pkg/lib/apk/world.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apk {

namespace {

constexpr size_t kDigestBytes = 20;

HashAlgorithm algorithm_of(bool sha256) {
    return sha256 ? HashAlgorithm::sha256 : HashAlgorithm::sha1;
}

bool replaces(const Package& a, const Package& b) {
    return std::any_of(a.replaces.begin(), a.replaces.end(),
                       [&](const Dependency& d) { return provides(b, d); });
}

std::string dir_of(const std::string& path) {
    size_t slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "" : path.substr(1, slash - 1);
}

// As apk computes it: names in order, each name and value with its length before it.
std::string digest_of_xattrs(std::vector<Xattr> xattrs, bool sha256) {
    if (xattrs.empty()) return "";
    std::sort(xattrs.begin(), xattrs.end(),
              [](const Xattr& a, const Xattr& b) { return a.name < b.name; });
    Hash hash(algorithm_of(sha256));
    auto put = [&](std::string_view s) {
        const auto n = static_cast<uint32_t>(s.size());
        const unsigned char len[4] = {
            static_cast<unsigned char>(n >> 24), static_cast<unsigned char>(n >> 16),
            static_cast<unsigned char>(n >> 8), static_cast<unsigned char>(n)};
        hash.update(len, sizeof(len));
        hash.update(s);
    };
    for (const auto& x : xattrs) {
        put(x.name);
        put(x.value);
    }
    return hash.finish().substr(0, kDigestBytes);
}

}  // namespace

void ProtectedPaths::add(std::string_view line) {
    line = trim(line);
    if (line.empty() || line[0] == '#') return;
    Rule rule;
    if (std::string_view("-+@!").contains(line[0])) {
        rule.on = line[0] != '-';
        line.remove_prefix(1);
    }
    for (std::string_view part : split(line, '/'))
        if (!part.empty()) rule.parts.emplace_back(part);
    if (!rule.parts.empty()) rules_.push_back(std::move(rule));
}

Result<ProtectedPaths> ProtectedPaths::load(Root& root) {
    ProtectedPaths out;
    for (const char* line : {"+etc", "@etc/init.d", "!etc/apk"}) out.add(line);
    const std::string dir = "/etc/apk/protected_paths.d";
    TRY_SET(auto st, root.stat_follow(dir));
    if (!st) return out;
    TRY_SET(auto names, root.list(dir));
    for (const auto& name : names) {
        if (name.starts_with('.') || !name.ends_with(".list")) continue;
        TRY_SET(std::string text, root.read_file(dir + "/" + name));
        for (std::string_view line : split_lines(text)) out.add(line);
    }
    return out;
}

// The last rule that fits the deepest directory counts, and holds for what is below it.
bool ProtectedPaths::covers(std::string_view path) const {
    std::vector<std::string> dirs;
    for (std::string_view part : split(path, '/'))
        if (!part.empty()) dirs.emplace_back(part);
    if (dirs.empty()) return false;
    dirs.pop_back();
    bool on = false;
    for (size_t depth = 1; depth <= dirs.size(); depth++)
        for (const auto& rule : rules_) {
            if (rule.parts.size() != depth) continue;
            bool fits = true;
            for (size_t i = 0; i < depth && fits; i++)
                fits = fnmatch(rule.parts[i].c_str(), dirs[i].c_str(), FNM_PATHNAME) == 0;
            if (fits) on = rule.on;
        }
    return on;
}

Result<std::string> digest_on_disk(Root& root, const std::string& path, bool sha256) {
    TRY_SET(auto st, root.lstat(path));
    if (!st) return std::string();
    Hash hash(algorithm_of(sha256));
    if (S_ISLNK(st->st_mode)) {
        TRY_SET(std::string target, root.readlink(path));
        hash.update(target);
    } else if (S_ISREG(st->st_mode)) {
        TRY_SET(Fd fd, root.open_read(path));
        char buffer[65536];
        ssize_t n;
        while ((n = read(fd.get(), buffer, sizeof(buffer))) > 0)
            hash.update(buffer, static_cast<size_t>(n));
        if (n < 0) return fail_errno("cannot read %s", path.c_str());
    } else {
        return std::string();
    }
    return hash.finish().substr(0, kDigestBytes);
}

ApkPlacement::Right ApkPlacement::right_to(const std::string& path) const {
    const Installed* other = db_.owner(path).package;
    if (!other || other->package.name == package_.package.name || gone_(*other, path))
        return Right::ours;
    const Package &a = other->package, &b = package_.package;
    int64_t theirs = replaces(a, b) ? int64_t{a.replaces_priority} : -1;
    int64_t ours = replaces(b, a) ? int64_t{b.replaces_priority} : -1;
    if (theirs > ours) return Right::theirs;
    if (ours >= 0 || (!a.origin.empty() && a.origin == b.origin)) return Right::ours;
    return Right::unclear;
}

bool ApkPlacement::is_left_out(const std::string& path) const {
    return right_to(path) == Right::theirs;
}

std::string ApkPlacement::digest_of(const std::string& path) const {
    for (const auto& dir : package_.dirs)
        for (const auto& file : dir.files)
            if (Installed::path_of(dir, file) == path) return file.digest;
    return "";
}

Result<std::optional<std::string>> ApkPlacement::place_of(size_t, const PlannedFile& f) {
    const std::string& path = f.entry.path;
    if (f.entry.type == FileType::directory) return path;
    TRY_SET(auto st, root_.lstat(path));
    if (!st) return path;
    if (S_ISDIR(st->st_mode))
        return fail("'%s' is a directory in the root, and no directory in %s", path.c_str(),
                    package_.package.display_name().c_str());
    if (is_left_out(path)) return std::nullopt;
    if (!paths_.covers(path)) return path;
    Database::Owner known = db_.owner(path);
    if (known.file && !known.file->digest.empty()) {
        TRY_SET(std::string now, digest_on_disk(root_, path, known.package->is_sha256()));
        if (now == known.file->digest) return path;
    }
    // Changed by its user, or not of any package. When it is the new one already, it stays.
    const bool sha256 = package_.is_sha256();
    TRY_SET(std::string now, digest_on_disk(root_, path, sha256));
    const std::string ours = digest_of(path);
    if (!ours.empty() && now == ours) return std::nullopt;
    return path + ".apk-new";
}

Status ApkPlacement::check_owner(const PlannedFile& f, const Found& found) {
    const std::string& path = f.entry.path;
    if (f.entry.type == FileType::directory) {
        if (!found.occupied) return {};
        // A file that this package had there may become a directory.
        const Installed* owner = db_.owner(path).package;
        if (owner && (owner->package.name == package_.package.name || gone_(*owner, path)))
            return {};
        return fail("'%s' is no directory in the root, but one in %s", path.c_str(),
                    package_.package.display_name().c_str());
    }
    if (right_to(path) != Right::unclear) return {};
    return fail("trying to overwrite '%s', which is also in package %s", path.c_str(),
                db_.owner(path).package->package.display_name().c_str());
}

// Only where nobody else has a say, and where the package changed its mind: what the administrator
// made of it stays otherwise.
bool ApkPlacement::takes_over_directory(const PlannedFile& f) {
    if (f.entry.path == "/.") return false;
    const std::string name = f.entry.path.substr(1);
    auto owners = db_.dir_owners(name);
    if (owners.size() != 1 || owners[0]->package.name != package_.package.name) return false;
    for (const auto& dir : owners[0]->dirs)
        if (dir.name == name)
            for (const auto& now : package_.dirs)
                if (now.name == name) return now.acl != dir.acl;
    return false;
}

bool ApkPlacement::was_ours(const std::string& path) {
    const Installed* owner = db_.owner(path).package;
    return owner && owner->package.name == package_.package.name;
}

std::vector<DirRecord> records_of(const std::vector<PlannedFile>& files, const Accounts& accounts,
                                  bool sha256,
                                  const std::function<bool(const std::string&)>& left_out) {
    std::vector<DirRecord> out;
    std::map<std::string, size_t> at;
    auto dir = [&](const std::string& name) -> DirRecord& {
        auto [it, fresh] = at.emplace(name, out.size());
        if (fresh) out.push_back({.name = name, .files = {}});
        return out[it->second];
    };
    std::map<std::string, std::string> digests;
    for (const auto& f : files) {
        const TarEntry& e = f.entry;
        Acl acl{accounts.user(e.user).value_or(e.uid), accounts.group(e.group).value_or(e.gid),
                e.type == FileType::symlink ? 0777 : e.mode, digest_of_xattrs(e.xattrs, sha256)};
        if (e.type == FileType::directory) {
            dir(e.path == "/." ? "" : e.path.substr(1)).acl = acl;
            continue;
        }
        std::string digest;
        if (e.digest) digest = e.digest->bytes.substr(0, kDigestBytes);
        if (e.type == FileType::symlink && (digest.empty() || sha256))
            digest = hash_of(algorithm_of(sha256), e.link).substr(0, kDigestBytes);
        if (e.type == FileType::hard_link) digest = digests[e.link];
        digests[e.path] = digest;
        if (left_out(e.path)) continue;
        dir(dir_of(e.path))
            .files.push_back({e.path.substr(e.path.rfind('/') + 1), acl, std::move(digest)});
    }
    return out;
}

}  // namespace tenon::pkg::apk
