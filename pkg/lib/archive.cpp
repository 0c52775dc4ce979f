#include "pkg/lib/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <optional>

#include "pkg/lib/text.h"

namespace tenon::pkg {

void ArchiveFree::operator()(struct archive* a) const {
    archive_read_free(a);
}

namespace {

constexpr size_t kBlockBytes = 64 * 1024;
constexpr size_t kTarBlockBytes = 512;

const char* reason(struct archive* a) {
    const char* s = archive_error_string(a);
    return s ? s : "unknown error";
}

// The upper layer. Keeps the last two blocks it handed to libarchive, so that the type byte of the
// header that libarchive has just parsed can still be looked at.
class TarReader final : public EntryData {
  public:
    explicit TarReader(ByteStream& lower) : lower_(lower), tar_(archive_read_new()) {
        archive_read_support_format_tar(tar_.get());
    }

    Status start() {
        if (archive_read_open(tar_.get(), this, nullptr, read_block, nullptr) != ARCHIVE_OK)
            return fail("%s", reason(tar_.get()));
        return {};
    }

    // nullopt at the end of the tar.
    Result<std::optional<TarEntry>> next() {
        struct archive_entry* e = nullptr;
        int r = archive_read_next_header(tar_.get(), &e);
        if (r == ARCHIVE_EOF) return std::nullopt;
        if (r != ARCHIVE_OK) return fail("%s", reason(tar_.get()));
        int format = archive_format(tar_.get());
        const char* name = archive_entry_pathname(e);
        if (!name) return fail("an entry has no name");
        if (format == ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE ||
            format == ARCHIVE_FORMAT_TAR_PAX_RESTRICTED)
            return fail("'%s' uses a pax header, which a .deb must not have", name);
        if (Status s = check_type(name); !s) return std::unexpected(s.error());
        TRY_SET(TarEntry entry, convert(e, name));
        return entry;
    }

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        la_ssize_t n = archive_read_data(tar_.get(), buffer, len_bytes);
        if (n < 0) return fail("%s", reason(tar_.get()));
        return static_cast<size_t>(n);
    }

  private:
    static la_ssize_t read_block(struct archive* a, void* self, const void** out) {
        auto* me = static_cast<TarReader*>(self);
        me->current_ ^= 1;
        char* block = me->blocks_[me->current_];
        // Full blocks: a header must lie within two.
        auto n = me->lower_.read_full(block, kBlockBytes);
        if (!n) {
            archive_set_error(a, EILSEQ, "%s", n.error().text.c_str());
            return ARCHIVE_FATAL;
        }
        me->block_start_[me->current_] = me->fed_bytes_;
        me->block_len_[me->current_] = *n;
        me->fed_bytes_ += static_cast<int64_t>(*n);
        *out = block;
        return static_cast<la_ssize_t>(*n);
    }

    // Copies `len` bytes at `offset` of the tar stream out of the blocks that are still here.
    bool peek(int64_t offset, char* out, size_t len) const {
        for (size_t done = 0; done < len; done++, offset++) {
            bool found = false;
            for (int b = 0; b < 2 && !found; b++)
                if (offset >= block_start_[b] &&
                    offset < block_start_[b] + static_cast<int64_t>(block_len_[b])) {
                    out[done] = blocks_[b][offset - block_start_[b]];
                    found = true;
                }
            if (!found) return false;
        }
        return true;
    }

    Status check_type(const char* name) {
        int64_t at = archive_read_header_position(tar_.get());
        for (;;) {
            char header[kTarBlockBytes];
            if (!peek(at, header, sizeof(header)))
                return fail("the headers of '%s' are too long", name);
            char type = header[156];
            if (type == 'L' || type == 'K') {
                unsigned long long size = 0;
                std::string_view digits(header + 124, 12);
                digits = trim(digits.substr(0, digits.find('\0')));
                if (!parse_u64(digits, size, 8) || size > kBlockBytes)
                    return fail("the long name of '%s' has a bad size", name);
                at += static_cast<int64_t>(kTarBlockBytes * (1 + (size + 511) / 512));
                continue;
            }
            if (type == '\0' || (type >= '0' && type <= '7')) return {};
            return fail("'%s' has the unknown tar type '%c' (0x%02x)", name,
                        type > ' ' && type < 127 ? type : '?', static_cast<unsigned char>(type));
        }
    }

    Result<TarEntry> convert(struct archive_entry* e, const char* name) {
        TarEntry t;
        auto cleaned = clean_path(name);
        if (!cleaned) return std::unexpected(cleaned.error());
        t.path = std::move(*cleaned);
        t.mode = archive_entry_perm(e) & 07777;
        t.uid = static_cast<uid_t>(archive_entry_uid(e));
        t.gid = static_cast<gid_t>(archive_entry_gid(e));
        if (archive_entry_uid(e) < 0 || archive_entry_uid(e) > 0xfffffffe ||
            archive_entry_gid(e) < 0 || archive_entry_gid(e) > 0xfffffffe)
            return fail("'%s' has an owner out of range", name);
        if (const char* u = archive_entry_uname(e)) t.user = u;
        if (const char* g = archive_entry_gname(e)) t.group = g;
        t.mtime = archive_entry_mtime(e);
        if (const char* link = archive_entry_hardlink(e)) {
            t.type = FileType::hard_link;
            auto target = clean_path(link);
            if (!target)
                return std::unexpected(std::move(target.error()).in(t.path + ": hard link"));
            t.link = std::move(*target);
            return t;
        }
        if (archive_entry_size(e) < 0) return fail("'%s' has a negative size", name);
        t.size_bytes = static_cast<uint64_t>(archive_entry_size(e));
        switch (archive_entry_filetype(e)) {
            case AE_IFREG:
                t.type = FileType::regular;
                break;
            case AE_IFDIR:
                t.type = FileType::directory;
                break;
            case AE_IFIFO:
                t.type = FileType::fifo;
                break;
            case AE_IFCHR:
                t.type = FileType::char_device;
                break;
            case AE_IFBLK:
                t.type = FileType::block_device;
                break;
            case AE_IFLNK: {
                t.type = FileType::symlink;
                const char* link = archive_entry_symlink(e);
                if (!link || !*link) return fail("the symbolic link '%s' points nowhere", name);
                t.link = link;
                break;
            }
            default:
                return fail("'%s' is neither file, directory, link nor device", name);
        }
        if (t.type == FileType::char_device || t.type == FileType::block_device) {
            t.device_major = static_cast<unsigned>(archive_entry_rdevmajor(e));
            t.device_minor = static_cast<unsigned>(archive_entry_rdevminor(e));
        }
        return t;
    }

    ByteStream& lower_;
    ArchivePtr tar_;
    char blocks_[2][kBlockBytes];
    int64_t block_start_[2] = {0, 0};
    size_t block_len_[2] = {0, 0};
    int64_t fed_bytes_ = 0;
    int current_ = 0;
};

}  // namespace

Result<ArReader> ArReader::open(const std::string& path) {
    ArReader r;
    r.archive_.reset(archive_read_new());
    archive_read_support_format_ar(r.archive_.get());
    if (archive_read_open_filename(r.archive_.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK)
        return fail("%s", reason(r.archive_.get()));
    return r;
}

Result<ArReader> ArReader::open_memory(std::string_view data) {
    ArReader r;
    r.archive_.reset(archive_read_new());
    archive_read_support_format_ar(r.archive_.get());
    if (archive_read_open_memory(r.archive_.get(), data.data(), data.size()) != ARCHIVE_OK)
        return fail("%s", reason(r.archive_.get()));
    return r;
}

Result<bool> ArReader::next() {
    struct archive_entry* e = nullptr;
    int r = archive_read_next_header(archive_.get(), &e);
    if (r == ARCHIVE_EOF) return false;
    if (r != ARCHIVE_OK) return fail("%s", reason(archive_.get()));
    const char* name = archive_entry_pathname(e);
    if (!name || !*name) return fail("an ar member has no name");
    name_ = name;
    if (archive_entry_size(e) < 0) return fail("ar member '%s' has a negative size", name);
    size_bytes_ = static_cast<uint64_t>(archive_entry_size(e));
    return true;
}

Result<size_t> ArReader::read(void* buffer, size_t len_bytes) {
    la_ssize_t n = archive_read_data(archive_.get(), buffer, len_bytes);
    if (n < 0) return fail("%s", reason(archive_.get()));
    return static_cast<size_t>(n);
}

Result<Filter> filter_of_member(std::string_view member, std::string_view stem) {
    std::string shown(member);
    if (!member.starts_with(stem))
        return fail("member '%s' where %s was expected", shown.c_str(), std::string(stem).c_str());
    std::string_view suffix = member.substr(stem.size());
    if (suffix.empty()) return Filter::none;
    if (suffix == ".gz") return Filter::gzip;
    if (suffix == ".xz") return Filter::xz;
    if (suffix == ".zst") return Filter::zstd;
    if (suffix == ".bz2") return Filter::bzip2;
    if (suffix == ".lzma") return Filter::lzma;
    return fail("member '%s' has an unknown compression", shown.c_str());
}

Status walk_tar(ArReader& ar, Filter filter, EntrySink& sink) {
    auto in_member = [&](Error e) { return std::unexpected(std::move(e).in(ar.name())); };
    auto lower = decompress(ar, filter);
    if (!lower) return in_member(lower.error());
    auto tar = std::make_unique<TarReader>(**lower);
    if (Status s = tar->start(); !s) return in_member(s.error());
    for (;;) {
        auto entry = tar->next();
        if (!entry) return in_member(entry.error());
        if (!*entry) break;
        TRY(sink.entry(**entry, *tar));
    }
    // What is behind the end marker, so that the compression's own checksum is seen.
    if (Status s = (*lower)->drain(); !s) return in_member(s.error());
    return {};
}

Result<std::string> clean_path(std::string_view raw) {
    std::string shown(raw);
    if (raw.starts_with('/')) return fail("'%s' is an absolute path", shown.c_str());
    std::string out;
    for (std::string_view part : split(raw, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..") return fail("'%s' leads out of its directory ('..')", shown.c_str());
        if (part.size() > 255) return fail("'%s' has a component over 255 bytes", shown.c_str());
        if (part.contains('\n')) return fail("'%s' has a newline in its name", shown.c_str());
        out += '/';
        out += part;
    }
    if (out.empty()) return std::string("/.");
    if (out.size() > 4000) return fail("a path is longer than 4000 bytes");
    return out;
}

}  // namespace tenon::pkg
