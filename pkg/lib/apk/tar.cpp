#include "pkg/lib/apk/tar.h"

#include <string.h>

#include <algorithm>

#include "pkg/lib/text.h"

namespace tenon::pkg::apk {

namespace {

constexpr size_t kBlock = 512;
constexpr uint64_t kPaxMaxBytes = 1u << 20;
constexpr uint64_t kFileMaxBytes = uint64_t{1} << 48;
constexpr uint64_t kIdMax = 0xfffffffe;

std::string text_field(const char* at, size_t len) {
    return std::string(at, strnlen(at, len));
}

bool octal_field(const char* at, size_t len, uint64_t& out) {
    std::string_view digits(at, strnlen(at, len));
    digits = trim(digits);
    unsigned long long n = 0;
    if (!digits.empty() && !parse_u64(digits, n, 8)) return false;
    out = n;
    return true;
}

bool zeros(const char* block) {
    return std::all_of(block, block + kBlock, [](char c) { return c == 0; });
}

bool good_checksum(const char* block) {
    uint64_t stored = 0;
    if (!octal_field(block + 148, 8, stored)) return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < kBlock; i++)
        sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
    return sum == stored;
}

}  // namespace

// False at the end of the stream between two blocks.
Result<bool> TarStream::read_block(char* block) {
    size_t have = 0;
    while (have < kBlock) {
        TRY_SET(size_t n, stream_.read(block + have, kBlock - have));
        if (n == 0 && have == 0) return false;
        if (n == 0) return fail("the tar is truncated");
        have += n;
    }
    return true;
}

Status TarStream::finish_entry() {
    char buffer[16384];
    while (left_bytes_ != 0) {
        TRY_SET(size_t n, read(buffer, sizeof(buffer)));
        if (n == 0) break;
    }
    TRY(stream_.skip(padding_bytes_));
    padding_bytes_ = 0;
    return {};
}

Result<std::string> TarStream::read_extra(uint64_t size_bytes) {
    if (size_bytes > kPaxMaxBytes) return fail("a tar header extension is too long");
    std::string data(size_bytes, '\0');
    TRY(stream_.read_exactly(data.data(), data.size()));
    TRY(stream_.skip((kBlock - size_bytes % kBlock) % kBlock));
    return data;
}

Status TarStream::take_pax(std::string_view records) {
    if (!pax_) pax_.emplace();
    TarEntry& p = *pax_;
    while (!records.empty()) {
        auto bad = [] { return fail("a pax record is malformed"); };
        size_t space = records.find(' ');
        unsigned long long len = 0;
        if (space == std::string_view::npos || !parse_u64(records.substr(0, space), len) ||
            len <= space + 1 || len > records.size() || records[len - 1] != '\n')
            return bad();
        std::string_view record = records.substr(space + 1, len - space - 2);
        records.remove_prefix(len);
        size_t equals = record.find('=');
        if (equals == std::string_view::npos) return bad();
        std::string_view key = record.substr(0, equals), value = record.substr(equals + 1);
        constexpr std::string_view kXattr = "SCHILY.xattr.";
        constexpr std::string_view kChecksum = "APK-TOOLS.checksum.";
        unsigned long long number = 0;
        if (key == "path" || key == "linkpath" || key == "uname" || key == "gname") {
            if (value.contains('\0')) return bad();
            std::string& to = key == "path"       ? p.path
                              : key == "linkpath" ? p.link
                              : key == "uname"    ? p.user
                                                  : p.group;
            to = value;
        } else if (key == "size") {
            if (!parse_u64(value, number)) return bad();
            p.size_bytes = number;
            pax_size_ = true;
        } else if (key == "uid" || key == "gid") {
            if (!parse_u64(value, number) || number > kIdMax) return bad();
            (key == "uid" ? p.uid : p.gid) = static_cast<uid_t>(number);
            (key == "uid" ? pax_uid_ : pax_gid_) = true;
        } else if (key == "mtime") {
            if (!parse_u64(value.substr(0, value.find('.')), number) || number > INT64_MAX)
                return bad();
            p.mtime = static_cast<int64_t>(number);
            pax_mtime_ = true;
        } else if (key.starts_with(kXattr)) {
            std::string_view name = key.substr(kXattr.size());
            if (name.empty() || name.size() > 255 || name.contains('\0')) return bad();
            p.xattrs.push_back({std::string(name), std::string(value)});
        } else if (key.starts_with(kChecksum)) {
            std::string_view name = key.substr(kChecksum.size());
            if (name != "SHA1") continue;
            ContentDigest d{HashAlgorithm::sha1, {}};
            if (!from_hex(value, d.bytes) || d.bytes.size() != hash_size_bytes(d.algorithm))
                return bad();
            p.digest = std::move(d);
        }
    }
    return {};
}

Status TarStream::take_header(const char* block) {
    TarEntry h;
    uint64_t mode = 0, uid = 0, gid = 0, size = 0, mtime = 0, major = 0, minor = 0;
    h.path = text_field(block, 100);
    std::string prefix = text_field(block + 345, 155);
    // GNU's magic is "ustar  "; there the bytes of the prefix are for other things.
    if (memcmp(block + 257, "ustar\0", 6) == 0 && !prefix.empty()) h.path = prefix + "/" + h.path;
    if (!long_name_.empty()) h.path = std::move(long_name_);
    h.link = long_link_.empty() ? text_field(block + 157, 100) : std::move(long_link_);
    long_name_.clear();
    long_link_.clear();
    if (!octal_field(block + 100, 8, mode) || !octal_field(block + 108, 8, uid) ||
        !octal_field(block + 116, 8, gid) || !octal_field(block + 124, 12, size) ||
        !octal_field(block + 136, 12, mtime) || !octal_field(block + 329, 8, major) ||
        !octal_field(block + 337, 8, minor))
        return fail("a tar header has a bad number");
    h.mode = static_cast<mode_t>(mode) & 07777;
    h.uid = static_cast<uid_t>(uid);
    h.gid = static_cast<gid_t>(gid);
    h.mtime = static_cast<int64_t>(mtime);
    h.user = text_field(block + 265, 32);
    h.group = text_field(block + 297, 32);
    if (pax_) {
        if (!pax_->path.empty()) h.path = pax_->path;
        if (!pax_->link.empty()) h.link = pax_->link;
        if (!pax_->user.empty()) h.user = pax_->user;
        if (!pax_->group.empty()) h.group = pax_->group;
        if (pax_size_) size = pax_->size_bytes;
        if (pax_uid_) h.uid = pax_->uid;
        if (pax_gid_) h.gid = pax_->gid;
        if (pax_mtime_) h.mtime = pax_->mtime;
        h.xattrs = std::move(pax_->xattrs);
        h.digest = std::move(pax_->digest);
        pax_.reset();
    }
    pax_size_ = pax_mtime_ = pax_uid_ = pax_gid_ = false;
    if (h.path.empty()) return fail("a tar entry has no name");
    char type = block[156];
    switch (type) {
        case '\0':
        case '0':
        case '7':
            h.type = FileType::regular;
            break;
        case '1':
            h.type = FileType::hard_link;
            break;
        case '2':
            h.type = FileType::symlink;
            break;
        case '3':
            h.type = FileType::char_device;
            break;
        case '4':
            h.type = FileType::block_device;
            break;
        case '5':
            h.type = FileType::directory;
            break;
        case '6':
            h.type = FileType::fifo;
            break;
        default:
            return fail("'%s' has the unknown tar type 0x%02x", h.path.c_str(),
                        static_cast<unsigned char>(type));
    }
    bool device = h.type == FileType::char_device || h.type == FileType::block_device;
    if (device) {
        h.device_major = static_cast<unsigned>(major);
        h.device_minor = static_cast<unsigned>(minor);
    }
    if (h.type != FileType::regular && size != 0)
        return fail("'%s' has contents but is not a plain file", h.path.c_str());
    if (h.type != FileType::hard_link && h.type != FileType::symlink) h.link.clear();
    if (size > kFileMaxBytes) return fail("'%s' has an impossible size", h.path.c_str());
    h.size_bytes = size;
    left_bytes_ = size;
    padding_bytes_ = (kBlock - size % kBlock) % kBlock;
    hash_.reset();
    if (h.digest && h.type == FileType::regular) hash_.emplace(h.digest->algorithm);
    header_ = std::move(h);
    return {};
}

// A symbolic link's digest is that of its target.
Status TarStream::check_link_digest() const {
    if (header_.type != FileType::symlink || !header_.digest) return {};
    if (hash_of(header_.digest->algorithm, header_.link) == header_.digest->bytes) return {};
    return fail("'%s' does not have the checksum that its header names", header_.path.c_str());
}

Result<bool> TarStream::next() {
    if (ended_) return false;
    TRY(finish_entry());
    char block[kBlock];
    for (;;) {
        TRY_SET(bool more, read_block(block));
        if (!more || zeros(block)) {
            ended_ = true;
            if (pax_ || !long_name_.empty() || !long_link_.empty())
                return fail("the tar ends after a header extension");
            while (more) {
                if (!zeros(block)) return fail("the tar goes on after its end");
                TRY_SET(more, read_block(block));
            }
            return false;
        }
        if (memcmp(block + 257, "ustar", 5) != 0 || !good_checksum(block))
            return fail("a tar header is damaged");
        char type = block[156];
        if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
            uint64_t size = 0;
            if (!octal_field(block + 124, 12, size)) return fail("a tar header has a bad number");
            TRY_SET(std::string data, read_extra(size));
            if (type == 'x') {
                TRY(take_pax(data));
            } else if (type != 'g') {
                (type == 'L' ? long_name_ : long_link_) = data.substr(0, data.find('\0'));
            }
            continue;
        }
        TRY(take_header(block));
        if (left_bytes_ == 0 && hash_) {
            char none;
            TRY(read(&none, 0));
        }
        TRY(check_link_digest());
        return true;
    }
}

Result<TarEntry> TarStream::entry() const {
    TarEntry e = header_;
    TRY_SET(e.path, clean_path(header_.path));
    if (e.type == FileType::hard_link) {
        auto target = clean_path(header_.link);
        if (!target) return std::unexpected(std::move(target.error()).in(e.path + ": hard link"));
        e.link = std::move(*target);
    } else if (e.type == FileType::symlink && e.link.empty()) {
        return fail("the symbolic link '%s' points nowhere", e.path.c_str());
    }
    return e;
}

Result<size_t> TarStream::read(void* buffer, size_t len_bytes) {
    size_t n = 0;
    if (left_bytes_ != 0 && len_bytes != 0) {
        TRY_SET(n, stream_.read(buffer, std::min<uint64_t>(len_bytes, left_bytes_)));
        if (n == 0) return fail("'%s' is truncated", header_.path.c_str());
        left_bytes_ -= n;
        if (hash_) hash_->update(buffer, n);
    }
    if (left_bytes_ == 0 && hash_) {
        std::string digest = hash_->finish();
        hash_.reset();
        if (digest != header_.digest->bytes)
            return fail("'%s' does not have the checksum that its header names",
                        header_.path.c_str());
    }
    return n;
}

Result<std::string> TarStream::read_all(size_t max_bytes) {
    if (header_.size_bytes > max_bytes) return fail("'%s' is too large", header_.path.c_str());
    std::string out;
    char buffer[16384];
    for (;;) {
        TRY_SET(size_t n, read(buffer, sizeof(buffer)));
        if (n == 0) return out;
        out.append(buffer, n);
    }
}

}  // namespace tenon::pkg::apk
