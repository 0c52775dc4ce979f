#include "pkg/lib/rpm/payload.h"

#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace tenon::pkg::rpm {

namespace {

constexpr size_t kMaxNameBytes = 4096 + 2;
constexpr const char* kTrailer = "TRAILER!!!";
// rpm writes nothing behind the trailer; a block's padding does no harm.
constexpr size_t kMaxPaddingBytes = 64 * 1024;

struct CpioHeader {
    bool at_end = false;
    std::optional<uint32_t> index;  // stripped form
    std::string name;               // the others
    uint64_t size_bytes = 0;
    std::optional<uint32_t> checksum;
};

// Fields of hexadecimal digits, and the padding to four bytes that follows names and contents.
class CpioReader {
  public:
    explicit CpioReader(ByteStream& stream) : stream_(stream) {}

    Result<CpioHeader> next() {
        CpioHeader h;
        char magic[6];
        TRY(read(magic, sizeof(magic)));
        std::string_view m(magic, sizeof(magic));
        if (m == "07070X") {
            TRY_SET(h.index, field());
            TRY(skip_padding());
            h.at_end = h.index == 0xffffffffu;
            return h;
        }
        if (m != "070701" && m != "070702")
            return fail("the payload is not a cpio archive, or damaged");
        uint32_t fields[13];
        for (uint32_t& f : fields) {
            TRY_SET(f, field());
        }
        h.size_bytes = fields[6];
        if (m == "070702") h.checksum = fields[12];
        uint32_t name_bytes = fields[11];
        if (name_bytes < 2 || name_bytes > kMaxNameBytes)
            return fail("the payload has a file name of %u bytes", name_bytes);
        h.name.resize(name_bytes);
        TRY(read(h.name.data(), name_bytes));
        h.name.resize(strlen(h.name.c_str()));
        TRY(skip_padding());
        h.at_end = h.name == kTrailer;
        return h;
    }

    Status read(void* buffer, size_t len_bytes) {
        TRY(stream_.read_exactly(buffer, len_bytes, "the payload"));
        offset_ += len_bytes;
        return {};
    }

    Status skip_padding() {
        char padding[4];
        return read(padding, -offset_ % 4);
    }

    Status expect_end() {
        char block[4096];
        size_t total = 0;
        for (;;) {
            TRY_SET(size_t n, stream_.read(block, sizeof(block)));
            if (n == 0) return {};
            total += n;
            if (total > kMaxPaddingBytes || std::any_of(block, block + n, [](char c) { return c; }))
                return fail("the payload goes on behind its end");
        }
    }

  private:
    Result<uint32_t> field() {
        char digits[8];
        TRY(read(digits, sizeof(digits)));
        uint32_t v = 0;
        for (char c : digits) {
            int d = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
            if (d < 0) return fail("the payload has a damaged cpio header");
            v = v << 4 | static_cast<uint32_t>(d);
        }
        return v;
    }

    ByteStream& stream_;
    uint64_t offset_ = 0;
};

// The contents of one entry, hashed and counted as they pass.
class Contents final : public EntryData {
  public:
    Contents(CpioReader& cpio, const File& file, uint64_t size_bytes,
             std::optional<HashAlgorithm> algo)
        : cpio_(cpio), file_(file), left_(size_bytes) {
        if (algo && !file.digest.empty()) hasher_.emplace(*algo);
    }

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        size_t n = static_cast<size_t>(std::min<uint64_t>(len_bytes, left_));
        if (n == 0) return 0;
        TRY(cpio_.read(buffer, n));
        left_ -= n;
        if (hasher_) hasher_->update(buffer, n);
        auto* p = static_cast<const unsigned char*>(buffer);
        for (size_t i = 0; i < n; i++) sum_ += p[i];
        return n;
    }

    // Reads what nobody wanted, and judges the whole.
    Status finish(std::optional<uint32_t> checksum) {
        char block[16 * 1024];
        while (left_ > 0) TRY(read(block, sizeof(block)));
        TRY(cpio_.skip_padding());
        if (checksum && *checksum != sum_)
            return fail("the cpio checksum of '%s' is wrong", file_.path.c_str());
        if (hasher_ && to_hex(hasher_->finish()) != file_.digest)
            return fail("the contents of '%s' do not have the %s digest that the header states",
                        file_.path.c_str(), to_string(hasher_->algorithm()));
        return {};
    }

  private:
    CpioReader& cpio_;
    const File& file_;
    uint64_t left_;
    std::optional<Hash> hasher_;
    uint32_t sum_ = 0;
};

// For entries without contents of their own.
class NoContents final : public EntryData {
  public:
    Result<size_t> read(void*, size_t) override { return 0; }
};

FileType type_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR:
            return FileType::directory;
        case S_IFLNK:
            return FileType::symlink;
        case S_IFCHR:
            return FileType::char_device;
        case S_IFBLK:
            return FileType::block_device;
        case S_IFIFO:
            return FileType::fifo;
        default:
            return FileType::regular;
    }
}

TarEntry entry_of(const File& f, uint32_t index) {
    TarEntry e;
    e.path = f.path;
    e.type = type_of(f.mode);
    e.mode = f.mode & 07777;
    e.user = f.user;
    e.group = f.group;
    e.mtime = f.mtime;
    e.capabilities = f.capabilities;
    e.file_index = index;
    if (e.type == FileType::symlink) e.link = f.link;
    if (e.type == FileType::regular) e.size_bytes = f.size_bytes;
    if (e.type == FileType::char_device || e.type == FileType::block_device) {
        e.device_major = f.rdev >> 8;
        e.device_minor = f.rdev & 0xff;
    }
    return e;
}

class Walk {
  public:
    Walk(ByteStream& payload, const Package& package, EntrySink& sink)
        : cpio_(payload),
          package_(package),
          sink_(sink),
          seen_(package.files.size()),
          set_given_(package.link_sets.size()) {}

    Status run() {
        for (;;) {
            TRY_SET(CpioHeader h, cpio_.next());
            if (h.at_end) break;
            TRY_SET(uint32_t index, index_of(h));
            if (package_.files[index].flags & kFileGhost) {
                // Some old versions of rpm put ghosts into the payload.
                TRY(skip(h.index ? 0 : h.size_bytes));
                continue;
            }
            if (seen_[index]) return twice(index);
            seen_[index] = true;
            TRY(one(h, index));
        }
        for (size_t i = 0; i < seen_.size(); i++) {
            const File& f = package_.files[i];
            if (!(f.flags & kFileGhost) && (!seen_[i] || (f.link_set >= 0 && !given(f))))
                return fail("'%s' is missing from the payload", f.path.c_str());
        }
        return cpio_.expect_end();
    }

  private:
    std::unexpected<Error> twice(uint32_t index) const {
        return fail("the payload has '%s' twice", package_.files[index].path.c_str());
    }
    bool given(const File& f) const { return set_given_[static_cast<size_t>(f.link_set)]; }

    Result<uint32_t> index_of(const CpioHeader& h) {
        const auto& files = package_.files;
        if (h.index) {
            if (*h.index >= files.size())
                return fail("the payload has a file that the header does not list");
            return *h.index;
        }
        std::string_view name = h.name;
        if (name.starts_with("./")) name.remove_prefix(1);
        auto is = [&](const File& f) {
            std::string_view path = f.path == "/." ? "/" : std::string_view(f.path);
            return path == name || (!name.starts_with('/') && path.substr(1) == name);
        };
        // Nearly always the next one.
        if (next_ < files.size() && is(files[next_])) return next_++;
        if (by_path_.empty())
            for (uint32_t i = 0; i < files.size(); i++) by_path_.emplace(files[i].path, i);
        std::string path = name.starts_with('/') ? std::string(name) : "/" + std::string(name);
        auto it = by_path_.find(path == "/" ? "/." : path);
        if (it == by_path_.end())
            return fail("the payload has '%s', which the header does not list", h.name.c_str());
        next_ = it->second + 1;
        return it->second;
    }

    Status skip(uint64_t size_bytes) {
        char block[4096];
        while (size_bytes > 0) {
            size_t n = static_cast<size_t>(std::min<uint64_t>(size_bytes, sizeof(block)));
            TRY(cpio_.read(block, n));
            size_bytes -= n;
        }
        return cpio_.skip_padding();
    }

    Status one(CpioHeader& h, uint32_t index) {
        const File& f = package_.files[index];
        bool stripped = h.index.has_value();
        auto wrong_size = [&] {
            return fail("the payload and the header disagree about the size of '%s'",
                        f.path.c_str());
        };
        if (S_ISREG(f.mode)) {
            // Of hard links, one carries the contents: in the stripped form the set's last.
            bool is_last = f.link_set < 0 ||
                           package_.link_sets[static_cast<size_t>(f.link_set)].back() == index;
            if (stripped) h.size_bytes = is_last ? f.size_bytes : 0;
            bool has_contents = f.size_bytes ? h.size_bytes != 0 : is_last;
            if (!has_contents) {
                if (f.link_set < 0) return wrong_size();
                return {};
            }
            if (h.size_bytes != f.size_bytes) return wrong_size();
            return regular(h, index);
        }
        if (S_ISLNK(f.mode)) {
            if (stripped) h.size_bytes = f.link.size();
            if (h.size_bytes != f.link.size()) return wrong_size();
            std::string target(f.link.size(), '\0');
            TRY(cpio_.read(target.data(), target.size()));
            TRY(cpio_.skip_padding());
            if (target != f.link)
                return fail("the payload and the header disagree about the target of '%s'",
                            f.path.c_str());
        } else if (!stripped && h.size_bytes != 0) {
            return wrong_size();
        }
        NoContents nothing;
        return sink_.entry(entry_of(f, index), nothing);
    }

    Status regular(const CpioHeader& h, uint32_t index) {
        const File& f = package_.files[index];
        if (f.link_set >= 0) {
            if (given(f)) return twice(index);
            set_given_[static_cast<size_t>(f.link_set)] = true;
        }
        Contents contents(cpio_, f, h.size_bytes, package_.file_digest);
        TRY(sink_.entry(entry_of(f, index), contents));
        TRY(contents.finish(h.checksum));
        if (f.link_set < 0) return {};
        for (uint32_t other : package_.link_sets[static_cast<size_t>(f.link_set)]) {
            if (other == index) continue;
            TarEntry link = entry_of(package_.files[other], other);
            link.type = FileType::hard_link;
            link.link = f.path;
            link.size_bytes = 0;
            NoContents nothing;
            TRY(sink_.entry(link, nothing));
        }
        return {};
    }

    CpioReader cpio_;
    const Package& package_;
    EntrySink& sink_;
    std::vector<bool> seen_, set_given_;
    std::unordered_map<std::string_view, uint32_t> by_path_;
    uint32_t next_ = 0;
};

}  // namespace

Result<Filter> filter_of_compressor(std::string_view name) {
    if (name.empty() || name == "gzip") return Filter::gzip;
    if (name == "bzip2") return Filter::bzip2;
    if (name == "xz") return Filter::xz;
    if (name == "lzma") return Filter::lzma;
    if (name == "zstd") return Filter::zstd;
    return fail("the payload's compression '%s' is not known", std::string(name).c_str());
}

Status walk_cpio(ByteStream& payload, const Package& package, EntrySink& sink) {
    if (package.payload_format != "cpio")
        return fail("the payload's format '%s' is not cpio", package.payload_format.c_str());
    return Walk(payload, package, sink).run();
}

}  // namespace tenon::pkg::rpm
