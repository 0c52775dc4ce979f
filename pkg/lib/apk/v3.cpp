// Format v3: one ADB block that describes everything, signatures over it, then a data block for
// each file that has contents, in the order of the description.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pkg/lib/apk/adb.h"
#include "pkg/lib/apk/contents.h"

namespace tenon::pkg::apk {

namespace {

constexpr uint64_t kPackageBlockMax = 64u << 20;
constexpr uint64_t kIndexBlockMax = 256u << 20;  // what 28 bits of offset reach
constexpr uint64_t kSignatureMax = 4096;
constexpr size_t kSignaturesMax = 64;
constexpr size_t kLinkMax = 4095;
constexpr uid_t kNobody = 65534;

// Slots.  Spec: apk_adb.h of apk-tools names them.
enum : uint32_t { kDepName = 1, kDepVersion, kDepMatch };
enum : uint32_t {
    kInfoName = 1,
    kInfoVersion,
    kInfoHashes,
    kInfoDescription,
    kInfoArch,
    kInfoLicense,
    kInfoOrigin,
    kInfoMaintainer,
    kInfoUrl,
    kInfoCommit,
    kInfoBuildTime,
    kInfoInstalledSize,
    kInfoFileSize,
    kInfoProviderPriority,
    kInfoDepends,
    kInfoProvides,
    kInfoReplaces,
    kInfoInstallIf,
    kInfoRecommends,
    kInfoLayer,
    kInfoTags,
};
enum : uint32_t { kAclMode = 1, kAclUser, kAclGroup, kAclXattrs };
enum : uint32_t { kFileName = 1, kFileAcl, kFileSize, kFileMtime, kFileHashes, kFileTarget };
enum : uint32_t { kDirName = 1, kDirAcl, kDirFiles };
enum : uint32_t { kPkgInfo = 1, kPkgPaths, kPkgScripts, kPkgTriggers, kPkgReplacesPriority };
enum : uint32_t { kIndexDescription = 1, kIndexPackages };
constexpr uint64_t kConflictBit = 16;

constexpr const char* kScripts[] = {"trigger",       "pre-install",    "post-install",
                                    "pre-deinstall", "post-deinstall", "pre-upgrade",
                                    "post-upgrade"};

// The signed message: schema, the head of the signature, and the digest of the ADB block.
Signature judge(std::string_view block, Schema schema, std::string_view adb, const KeyRing& keys) {
    constexpr size_t kHead = 2 + 16;
    constexpr char kSha256 = 3, kSha512 = 4;
    Signature out;
    if (block.size() <= kHead || block[0] != 0) return out;
    std::string_view id = block.substr(2, 16);
    out.key = to_hex(id);
    HashAlgorithm algorithm;
    if (block[1] == kSha512)
        algorithm = HashAlgorithm::sha512;
    else if (block[1] == kSha256)
        algorithm = HashAlgorithm::sha256;
    else
        return out;
    out.algorithm = to_string(algorithm);
    out.state = Signature::State::unknown_key;
    std::string message;
    for (int i = 0; i < 4; i++)
        message += static_cast<char>(static_cast<uint32_t>(schema) >> 8 * i);
    message += block.substr(0, kHead);
    message += hash_of(algorithm, adb);
    std::string digest = hash_of(HashAlgorithm::sha512, message);
    for (const auto& k : keys.keys()) {
        if (k.id != id) continue;
        out.key = k.name;
        // Ed25519 digests the message by itself.
        std::string_view signed_bytes = k.key.kind() == KeyKind::ed25519 ? message : digest;
        bool good = k.key.verify(HashAlgorithm::sha512, signed_bytes, block.substr(kHead));
        out.state = good ? Signature::State::good : Signature::State::bad;
        if (good) break;
    }
    return out;
}

Status take_dependencies(const AdbObject& list, std::vector<Dependency>& out) {
    for (uint32_t i = 1; i <= list.count(); i++) {
        TRY_SET(AdbObject d, list.object(i));
        TRY_SET(std::string name, d.text(kDepName));
        TRY_SET(std::string version, d.text(kDepVersion));
        TRY_SET(uint64_t match, d.integer(kDepMatch));
        bool conflict = match & kConflictBit;
        match &= ~kConflictBit;
        if (match == 0) match = kMatchEqual;
        // Written out and read again, so that both formats obey the same rules.
        std::string text = conflict ? "!" + name : name;
        if (!version.empty()) {
            const char* op = match > 15 ? "" : match_text(static_cast<unsigned>(match));
            if (!*op) return fail("the dependency on '%s' has a bad operator", name.c_str());
            text += op + version;
        }
        TRY_SET(auto parsed, Dependency::parse(text));
        out.push_back(std::move(parsed));
    }
    return {};
}

Status take_texts(const AdbObject& list, std::vector<std::string>& out) {
    for (uint32_t i = 1; i <= list.count(); i++) {
        TRY_SET(std::string text, list.text(i));
        out.push_back(std::move(text));
    }
    return {};
}

Result<unsigned> small_integer(const AdbObject& o, uint32_t slot) {
    TRY_SET(uint64_t n, o.integer(slot));
    if (n > UINT32_MAX) return fail("a priority is out of range");
    return static_cast<unsigned>(n);
}

Result<Package> read_info(const AdbObject& info) {
    Package p;
    TRY_SET(p.name, info.text(kInfoName));
    TRY_SET(p.version, info.text(kInfoVersion));
    TRY_SET(p.description, info.text(kInfoDescription));
    TRY_SET(p.arch, info.text(kInfoArch));
    TRY_SET(p.license, info.text(kInfoLicense));
    TRY_SET(p.origin, info.text(kInfoOrigin));
    TRY_SET(p.maintainer, info.text(kInfoMaintainer));
    TRY_SET(p.url, info.text(kInfoUrl));
    TRY_SET(auto commit, info.blob(kInfoCommit));
    p.commit = to_hex(commit);
    TRY_SET(uint64_t built, info.integer(kInfoBuildTime));
    TRY_SET(p.installed_size_bytes, info.integer(kInfoInstalledSize));
    TRY_SET(p.file_size_bytes, info.integer(kInfoFileSize));
    if (built > INT64_MAX || p.installed_size_bytes > INT64_MAX || p.file_size_bytes > INT64_MAX)
        return fail("a size or time is out of range");
    p.build_time = static_cast<int64_t>(built);
    TRY_SET(p.provider_priority, small_integer(info, kInfoProviderPriority));
    TRY_SET(p.layer, small_integer(info, kInfoLayer));
    TRY_SET(auto hashes, info.blob(kInfoHashes));
    if (hashes.size() == hash_size_bytes(HashAlgorithm::sha256))
        p.checksum = {Checksum::Kind::sha256, std::string(hashes)};
    else if (hashes.size() == hash_size_bytes(HashAlgorithm::sha1))
        p.checksum = {Checksum::Kind::sha256_160, std::string(hashes)};
    const std::pair<uint32_t, std::vector<Dependency>*> lists[] = {
        {kInfoDepends, &p.depends},       {kInfoProvides, &p.provides},
        {kInfoReplaces, &p.replaces},     {kInfoInstallIf, &p.install_if},
        {kInfoRecommends, &p.recommends},
    };
    for (auto [slot, to] : lists) {
        TRY_SET(AdbObject list, info.object(slot));
        TRY(take_dependencies(list, *to));
    }
    TRY_SET(AdbObject tags, info.object(kInfoTags));
    TRY(take_texts(tags, p.tags));
    TRY(p.check());
    return p;
}

// The ADB block and the signatures; leaves the container at the first data block, if any.
struct Front {
    std::string adb;
    std::vector<Signature> signatures;
    std::optional<AdbContainer::Block> next;
};
Result<Front> read_front(AdbContainer& in, Schema schema, uint64_t block_max, const KeyRing& keys) {
    Front f;
    TRY_SET(f.next, in.next());
    if (!f.next || f.next->type != BlockType::adb) return fail("does not begin with an ADB block");
    TRY_SET(f.adb, in.read_all(block_max));
    for (;;) {
        TRY_SET(f.next, in.next());
        if (!f.next || f.next->type != BlockType::signature) break;
        if (f.signatures.size() == kSignaturesMax) return fail("has too many signatures");
        TRY_SET(std::string block, in.read_all(kSignatureMax));
        f.signatures.push_back(judge(block, schema, f.adb, keys));
    }
    if (f.next && f.next->type != BlockType::data) return fail("has two ADB blocks");
    return f;
}

Status take_acl(const AdbObject& acl, TarEntry& e) {
    TRY_SET(uint64_t mode, acl.integer(kAclMode));
    if (mode > 07777) return fail("'%s' has a bad mode", e.path.c_str());
    e.mode = static_cast<mode_t>(mode);
    TRY_SET(e.user, acl.text(kAclUser));
    TRY_SET(e.group, acl.text(kAclGroup));
    // Names only. Whoever installs looks them up in the root.
    e.uid = e.user == "root" ? 0 : kNobody;
    e.gid = e.group == "root" ? 0 : kNobody;
    TRY_SET(AdbObject xattrs, acl.object(kAclXattrs));
    for (uint32_t i = 1; i <= xattrs.count(); i++) {
        TRY_SET(auto pair, xattrs.blob(i));
        size_t nul = pair.find('\0');
        if (nul == 0 || nul > 255 || nul == std::string_view::npos)
            return fail("'%s' has a malformed extended attribute", e.path.c_str());
        e.xattrs.push_back({std::string(pair.substr(0, nul)), std::string(pair.substr(nul + 1))});
    }
    return {};
}

Status take_target(std::string_view target, TarEntry& e) {
    auto bad = [&] { return fail("'%s' has a malformed target", e.path.c_str()); };
    if (target.size() < 2) return bad();
    mode_t type = static_cast<mode_t>(load_le(target.substr(0, 2)));
    target.remove_prefix(2);
    if (type == S_IFCHR || type == S_IFBLK || type == S_IFIFO) {
        if (target.size() != 8) return bad();
        dev_t device = load_le(target);
        e.type = type == S_IFCHR   ? FileType::char_device
                 : type == S_IFBLK ? FileType::block_device
                                   : FileType::fifo;
        if (type != S_IFIFO) {
            e.device_major = major(device);
            e.device_minor = minor(device);
        }
        return {};
    }
    if (target.empty() || target.size() > kLinkMax || target.contains('\0')) return bad();
    if (type == S_IFLNK) {
        e.type = FileType::symlink;
        e.link = target;
        return {};
    }
    if (type != S_IFREG) return bad();
    e.type = FileType::hard_link;
    auto link = clean_path(target);
    if (!link) return std::unexpected(std::move(link.error()).in(e.path + ": hard link"));
    e.link = std::move(*link);
    return {};
}

Result<TarEntry> read_file(const AdbObject& file, const std::string& dir) {
    TarEntry e;
    TRY_SET(std::string name, file.text(kFileName));
    if (name.empty() || name == "." || name.contains('/'))
        return fail("'%s' is not the name of a file", name.c_str());
    TRY_SET(e.path, clean_path(dir + "/" + name));
    TRY_SET(AdbObject acl, file.object(kFileAcl));
    TRY(take_acl(acl, e));
    TRY_SET(uint64_t mtime, file.integer(kFileMtime));
    e.mtime = static_cast<int64_t>(std::min<uint64_t>(mtime, INT64_MAX));
    TRY_SET(auto target, file.blob(kFileTarget));
    if (file.has(kFileTarget)) {
        TRY(take_target(target, e));
        return e;
    }
    TRY_SET(e.size_bytes, file.integer(kFileSize));
    TRY_SET(auto hash, file.blob(kFileHashes));
    for (auto algorithm : {HashAlgorithm::sha1, HashAlgorithm::sha256, HashAlgorithm::sha512})
        if (hash.size() == hash_size_bytes(algorithm))
            e.digest = ContentDigest{algorithm, std::string(hash)};
    // Nothing else ties the contents to what was signed.
    if (!e.digest || e.digest->algorithm == HashAlgorithm::sha1)
        return fail("'%s' has no SHA256 or SHA512 of its contents", e.path.c_str());
    return e;
}

// A file's data block; checks the digest when the end is reached.
class BlockData final : public EntryData {
  public:
    BlockData(AdbContainer& in, const TarEntry& entry)
        : in_(in), entry_(entry), hash_(entry.digest->algorithm) {}

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        TRY_SET(size_t n, in_.read(buffer, len_bytes));
        hash_.update(buffer, n);
        got_ += n;
        if (got_ == entry_.size_bytes && !checked_) {
            checked_ = true;
            if (hash_.finish() != entry_.digest->bytes)
                return fail("'%s' does not have the digest that the package names",
                            entry_.path.c_str());
        }
        return n;
    }
    Status finish() {
        char buffer[16384];
        for (;;) {
            TRY_SET(size_t n, read(buffer, sizeof(buffer)));
            if (n == 0) return {};
        }
    }

  private:
    AdbContainer& in_;
    const TarEntry& entry_;
    Hash hash_;
    uint64_t got_ = 0;
    bool checked_ = false;
};

class NoData final : public EntryData {
  public:
    Result<size_t> read(void*, size_t) override { return size_t{0}; }
};

Status give_file(AdbContainer& in, const TarEntry& e, uint64_t path_index, uint64_t file_index,
                 EntrySink& sink) {
    if (e.type != FileType::regular) {
        NoData none;
        return sink.entry(e, none);
    }
    if (e.size_bytes == 0) {
        if (hash_of(e.digest->algorithm, "") != e.digest->bytes)
            return fail("'%s' does not have the digest that the package names", e.path.c_str());
        NoData none;
        return sink.entry(e, none);
    }
    TRY_SET(auto block, in.next());
    if (!block) return fail("truncated: the contents of '%s' are missing", e.path.c_str());
    char head[8];
    if (block->type != BlockType::data || block->size_bytes < sizeof(head))
        return fail("has a wrong block where the contents of '%s' should be", e.path.c_str());
    for (size_t have = 0; have < sizeof(head);) {
        TRY_SET(size_t n, in.read(head + have, sizeof(head) - have));
        have += n;
    }
    if (load_le(std::string_view(head, 4)) != path_index ||
        load_le(std::string_view(head + 4, 4)) != file_index ||
        block->size_bytes - sizeof(head) != e.size_bytes)
        return fail("has a wrong block where the contents of '%s' should be", e.path.c_str());
    BlockData data(in, e);
    TRY(sink.entry(e, data));
    return data.finish();
}

}  // namespace

Result<Contents> read_v3(Source source, const KeyRing& keys) {
    TRY_SET(AdbContainer in, AdbContainer::open(source, Schema::package));
    TRY_SET(Front front, read_front(in, Schema::package, kPackageBlockMax, keys));
    Contents out;
    out.adb = std::move(front.adb);
    out.signatures = std::move(front.signatures);
    Adb adb(out.adb);
    TRY_SET(AdbObject root, adb.root());
    TRY_SET(AdbObject info, root.object(kPkgInfo));
    TRY_SET(out.package, read_info(info));
    TRY_SET(AdbObject scripts, root.object(kPkgScripts));
    for (uint32_t i = 0; i < std::size(kScripts); i++) {
        TRY_SET(auto text, scripts.blob(i + 1));
        if (!text.empty()) out.scripts.emplace(kScripts[i], text);
    }
    TRY_SET(AdbObject triggers, root.object(kPkgTriggers));
    TRY(take_texts(triggers, out.package.triggers));
    TRY_SET(out.package.replaces_priority, small_integer(root, kPkgReplacesPriority));
    out.package.checksum = {Checksum::Kind::sha256, hash_of(HashAlgorithm::sha256, out.adb)};
    out.package.file_size_bytes = source.size_bytes();
    return out;
}

Status walk_v3(Source source, const Contents& contents, EntrySink& sink) {
    TRY_SET(AdbContainer in, AdbContainer::open(source, Schema::package));
    // Up to the first data block, which next() must then find.
    TRY_SET(auto block, in.next());
    if (!block || block->type != BlockType::adb) return fail("does not begin with an ADB block");
    TRY_SET(std::string again, in.read_all(kPackageBlockMax));
    if (again != contents.adb) return fail("was changed while it was read");
    again = std::string();
    for (size_t i = 0; i < contents.signatures.size(); i++) {
        TRY_SET(block, in.next());
        if (!block || block->type != BlockType::signature)
            return fail("was changed while it was read");
        TRY(in.read_all(kSignatureMax));
    }
    Adb adb(contents.adb);
    TRY_SET(AdbObject root, adb.root());
    TRY_SET(AdbObject paths, root.object(kPkgPaths));
    for (uint32_t p = 1; p <= paths.count(); p++) {
        TRY_SET(AdbObject path, paths.object(p));
        TRY_SET(std::string dir, path.text(kDirName));
        if (!dir.empty()) {
            TarEntry e;
            e.type = FileType::directory;
            TRY_SET(e.path, clean_path(dir));
            TRY_SET(AdbObject acl, path.object(kDirAcl));
            TRY(take_acl(acl, e));
            NoData none;
            TRY(sink.entry(e, none));
        }
        TRY_SET(AdbObject files, path.object(kDirFiles));
        if (dir.empty()) dir = ".";
        for (uint32_t f = 1; f <= files.count(); f++) {
            TRY_SET(AdbObject file, files.object(f));
            TRY_SET(TarEntry e, read_file(file, dir));
            TRY(give_file(in, e, p, f, sink));
        }
    }
    TRY_SET(block, in.next());
    if (block) return fail("has a block after the contents of its last file");
    return {};
}

Result<IndexContents> read_index_v3(Source source, const KeyRing& keys) {
    TRY_SET(AdbContainer in, AdbContainer::open(source, Schema::index));
    TRY_SET(Front front, read_front(in, Schema::index, kIndexBlockMax, keys));
    if (front.next) return fail("is an index, but has data");
    IndexContents out;
    out.signatures = std::move(front.signatures);
    Adb adb(front.adb);
    TRY_SET(AdbObject root, adb.root());
    TRY_SET(out.description, root.text(kIndexDescription));
    TRY_SET(AdbObject packages, root.object(kIndexPackages));
    for (uint32_t i = 1; i <= packages.count(); i++) {
        TRY_SET(AdbObject info, packages.object(i));
        auto package = read_info(info);
        if (!package)
            return std::unexpected(std::move(package.error()).in(format("package %u", i)));
        out.packages.push_back(std::move(*package));
    }
    return out;
}

}  // namespace tenon::pkg::apk
