// What `rpm -V` says of files.  Spec: rpm(8), "VERIFY OPTIONS"; what rpm 4.18 does.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pkg/lib/hash.h"
#include "pkg/lib/overrides.h"
#include "pkg/lib/rpm/install/capabilities.h"
#include "pkg/lib/rpm/installer.h"

namespace tenon::pkg::rpm {

namespace {

// RPMTAG_FILEVERIFYFLAGS, and the letters in the order in which they are printed.
enum Check : uint32_t {
    kDigest = 1u << 0,
    kSize = 1u << 1,
    kLink = 1u << 2,
    kUser = 1u << 3,
    kGroup = 1u << 4,
    kMtime = 1u << 5,
    kMode = 1u << 6,
    kDevice = 1u << 7,
    kCapabilities = 1u << 8,
};
constexpr struct {
    uint32_t check;
    char letter;
} kLetters[] = {{kSize, 'S'}, {kMode, 'M'},  {kDigest, '5'}, {kDevice, 'D'},      {kLink, 'L'},
                {kUser, 'U'}, {kGroup, 'G'}, {kMtime, 'T'},  {kCapabilities, 'P'}};
constexpr struct {
    uint32_t flag;
    char letter;
} kKinds[] = {{kFileConfig, 'c'},  {kFileDoc, 'd'},    {kFileGhost, 'g'},
              {kFileLicense, 'l'}, {kFileReadme, 'r'}, {kFileArtifact, 'a'}};
constexpr size_t kMaxXattrBytes = 256;

struct Finding {
    uint32_t differs = 0, unreadable = 0;
};

uint32_t checks_of(const File& f, mode_t on_disk) {
    uint32_t checks = f.verify_flags;
    if (S_ISLNK(on_disk))
        checks &= ~uint32_t{kDigest | kSize | kMtime | kMode | kCapabilities};
    else if (S_ISREG(on_disk))
        checks &= ~uint32_t{kLink};
    else
        checks &= ~uint32_t{kDigest | kSize | kMtime | kLink | kCapabilities};
    if (f.flags & kFileGhost) checks &= ~uint32_t{kDigest | kSize | kMtime | kLink};
    return checks;
}

bool same_digest(int fd, HashAlgorithm algorithm, const std::string& hex, bool& readable) {
    Hash hash(algorithm);
    char block[64 * 1024];
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0) hash.update(block, static_cast<size_t>(n));
    readable = n == 0;
    return to_hex(hash.finish()) == hex;
}

void look_inside(Root& root, const Package& p, const File& f, uint32_t checks, Finding& out) {
    if (!(checks & (kDigest | kCapabilities))) return;
    auto fd = root.open_read(f.path);
    if (!fd) {
        out.unreadable |= checks & kDigest;
        return;
    }
    if (checks & kDigest) {
        bool readable = p.file_digest.has_value();
        if (readable && !same_digest(fd->get(), *p.file_digest, f.digest, readable) && readable)
            out.differs |= kDigest;
        if (!readable) out.unreadable |= kDigest;
    }
    if (checks & kCapabilities) {
        char value[kMaxXattrBytes];
        ssize_t n = fgetxattr(fd->get(), kCapabilityXattr, value, sizeof(value));
        const std::string now(value, n > 0 ? static_cast<size_t>(n) : 0);
        std::string wanted;
        if (!f.capabilities.empty())
            if (auto bytes = capability_xattr(f.capabilities)) wanted = *bytes;
        if (now != wanted) out.differs |= kCapabilities;
    }
}

Result<Finding> look_at(Root& root, const Accounts& accounts, const Package& p, const File& f,
                        const struct stat& st) {
    Finding out;
    const uint32_t checks = checks_of(f, st.st_mode);
    look_inside(root, p, f, checks, out);
    if ((checks & kSize) && static_cast<uint64_t>(st.st_size) != f.size_bytes) out.differs |= kSize;
    if (checks & kLink) {
        TRY_SET(std::string target, root.readlink(f.path));
        if (target != f.link) out.differs |= kLink;
    }
    // The kind of a ghost is nobody's business.
    const mode_t mask = f.flags & kFileGhost ? 07777 : ~mode_t{0};
    if ((checks & kMode) && (st.st_mode & mask) != (f.mode & mask)) out.differs |= kMode;
    const bool device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
    if ((checks & kDevice) && device && (f.mode & S_IFMT) == (st.st_mode & S_IFMT) &&
        (static_cast<unsigned>(st.st_rdev) & 0xffff) != f.rdev)
        out.differs |= kDevice;
    if ((checks & kMtime) && static_cast<uint32_t>(st.st_mtime) != f.mtime) out.differs |= kMtime;
    auto user = f.user == "root" ? std::optional<uid_t>(0) : accounts.user(f.user);
    if ((checks & kUser) && user != st.st_uid) out.differs |= kUser;
    auto group = f.group == "root" ? std::optional<gid_t>(0) : accounts.group(f.group);
    if ((checks & kGroup) && group != st.st_gid) out.differs |= kGroup;
    return out;
}

}  // namespace

Result<std::vector<Fault>> verify(Root& root, const Installed& installed) {
    const Package& p = installed.package;
    Accounts accounts;
    TRY(accounts.load(root));
    std::vector<Fault> out;
    for (size_t i = 0; i < p.files.size(); i++) {
        const File& f = p.files[i];
        const FileState state = installed.state(i);
        if (state == FileState::not_installed || state == FileState::net_shared) continue;
        char kind = ' ';
        for (const auto& k : kKinds)
            if (kind == ' ' && (f.flags & k.flag)) kind = k.letter;
        TRY_SET(auto st, root.lstat(f.path));
        if (!st) {
            if (!(f.flags & (kFileGhost | kFileMissingOk)))
                out.push_back({"missing ", kind, f.path});
            continue;
        }
        // Another package's file is in its place, or none is meant to be.
        if (state != FileState::normal) continue;
        TRY_SET(Finding found, look_at(root, accounts, p, f, *st));
        if (!found.differs && !found.unreadable) continue;
        std::string what;
        for (const auto& l : kLetters)
            what += found.unreadable & l.check ? '?' : found.differs & l.check ? l.letter : '.';
        out.push_back({std::move(what), kind, f.path});
    }
    return out;
}

}  // namespace tenon::pkg::rpm
