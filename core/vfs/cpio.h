// Reader of newc cpio archives in memory, several of them one after the other, as boot loaders
// hand them over. Pure: no kernel services, so that the host can test and fuzz it.
//
// Spec: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
#pragma once

#include <tenon/lib/types.h>

#include <span>
#include <string_view>

namespace tenon::vfs::cpio {

struct Entry {
    std::string_view name;  // without leading slashes and "./"; empty: the root itself
    u64 ino = 0;
    u32 mode = 0, uid = 0, gid = 0, nlink = 1;
    u64 mtime_s = 0;
    u32 dev_major = 0, dev_minor = 0, rdev_major = 0, rdev_minor = 0;
    std::span<const u8> data;
    u64 data_offset = 0;  // of `data` in the archive
};

// Why a reader stopped.
enum class End : u8 {
    none,        // not yet
    finished,    // all archives read
    bad_magic,   // neither a header nor padding where one should be
    bad_header,  // a field is not hexadecimal, or a size is impossible
    truncated,   // the archive ends inside an entry
    compressed,  // a compressed archive: the builder should not have made one
    no_trailer,  // ended cleanly, but without TRAILER!!!
};
const char* describe(End end);

class Reader {
  public:
    explicit Reader(std::span<const u8> archive) : all_(archive) {}
    // False at the end or at the first damage; end() and offset() tell which and where.
    bool next(Entry& entry);
    End end() const { return end_; }
    u64 offset() const { return at_; }
    // Counts archives: hard links are only among entries of one.
    u32 archive_number() const { return archives_; }

  private:
    bool stop(End why) {
        end_ = why;
        return false;
    }
    std::span<const u8> all_;
    u64 at_ = 0;
    u64 start_ = 0;  // of the current archive: alignment counts from here
    u32 archives_ = 0;
    bool inside_ = false;
    End end_ = End::none;
};

}  // namespace tenon::vfs::cpio
