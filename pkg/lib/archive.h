// The two archive layers of a .deb, on libarchive: an ar of members, each a (compressed) tar.
//
// Everything streams through fixed buffers. A member is read by two libarchive readers, one above
// the other: the lower (lib/stream) undoes the compression, the upper reads the tar. Between them
// sits TypeGuard: libarchive takes an unknown tar type for a plain file, dpkg (and so pkg) refuses
// it.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"
#include "pkg/lib/stream.h"

struct archive;

namespace tenon::pkg {

enum class FileType { regular, hard_link, symlink, directory, char_device, block_device, fifo };

// What a package claims of a file's contents, beside the contents; apk and rpm do that.
struct ContentDigest {
    HashAlgorithm algorithm;
    std::string bytes;  // raw
};

struct Xattr {
    std::string name, value;
};

struct TarEntry {
    std::string path;  // "/usr/bin/x"; the root directory itself is "/."
    FileType type = FileType::regular;
    mode_t mode = 0;  // permission bits, setuid and sticky among them
    uid_t uid = 0;
    gid_t gid = 0;
    std::string user, group;
    std::string link;  // symlink: verbatim; hard link: a path like `path`
    uint64_t size_bytes = 0;
    int64_t mtime = 0;
    unsigned device_major = 0, device_minor = 0;
    std::vector<Xattr> xattrs;
    std::optional<ContentDigest> digest;
    std::string capabilities;  // of an RPM file: cap_to_text(3)
    uint32_t file_index = 0;   // of an RPM file: its place in the package's own list
};

// The contents of the entry at hand.
class EntryData {
  public:
    // 0 at the end.
    virtual Result<size_t> read(void* buffer, size_t len_bytes) = 0;

  protected:
    ~EntryData() = default;
};

class EntrySink {
  public:
    virtual Status entry(const TarEntry& entry, EntryData& data) = 0;

  protected:
    ~EntrySink() = default;
};

struct ArchiveFree {
    void operator()(struct archive* a) const;
};
using ArchivePtr = std::unique_ptr<struct archive, ArchiveFree>;

// The ar container.
class ArReader final : public ByteStream {
  public:
    static Result<ArReader> open(const std::string& path);
    // The fuzzer's and the tests' door. `data` must outlive the reader.
    static Result<ArReader> open_memory(std::string_view data);
    // False at the end of the archive.
    Result<bool> next();
    const std::string& name() const { return name_; }
    uint64_t size_bytes() const { return size_bytes_; }
    // Of the current member.
    Result<size_t> read(void* buffer, size_t len_bytes) override;
    struct archive* get() {
        return archive_.get();
    }

  private:
    ArchivePtr archive_;
    std::string name_;
    uint64_t size_bytes_ = 0;
};

// The file name without its compression suffix must be `stem` ("control.tar"): which filter?
Result<Filter> filter_of_member(std::string_view member, std::string_view stem);

// Reads the current member of `ar` as a tar, to its very end: trailing checksums of the compression
// are verified before this returns.
Status walk_tar(ArReader& ar, Filter filter, EntrySink& sink);

// "./usr/bin/x" -> "/usr/bin/x". Refuses absolute names, "..", and bytes that would break the
// database's line format.
Result<std::string> clean_path(std::string_view raw);

}  // namespace tenon::pkg
