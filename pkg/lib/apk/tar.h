// The tar members of a v2 package and index.
//
// libarchive keeps pax records that it does not know from its callers, and APK-TOOLS.checksum is
// one; so tar is read here: ustar headers with their checksum, pax records, GNU long names. Strict:
// what does not follow the format is an error, and nothing follows the end marker but zeros. A
// member may also end without a marker, between two entries, as apk's first two do.
// Spec: pax(1) of POSIX, tar(5), apk-v2(5).
#pragma once

#include <optional>
#include <string>

#include "pkg/lib/archive.h"
#include "pkg/lib/result.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::apk {

class TarStream final : public EntryData {
  public:
    explicit TarStream(ByteStream& stream) : stream_(stream) {}

    // False at the end of the stream, whose very last byte has been read then. What was left of
    // the entry before is skipped. header() is the entry, its names as they stand in the tar.
    Result<bool> next();
    const TarEntry& header() const { return header_; }
    // The same with clean names, ready for a sink.
    Result<TarEntry> entry() const;
    // The contents. When the header names a digest and all was read, it has been compared.
    Result<size_t> read(void* buffer, size_t len_bytes) override;
    // The whole contents, at most `max_bytes`.
    Result<std::string> read_all(size_t max_bytes);

  private:
    Result<bool> read_block(char* block);
    Status finish_entry();
    Result<std::string> read_extra(uint64_t size_bytes);
    Status take_pax(std::string_view records);
    Status take_header(const char* block);
    Status check_link_digest() const;

    ByteStream& stream_;
    TarEntry header_;
    std::string long_name_, long_link_;
    std::optional<TarEntry> pax_;  // what the records before the header at hand set
    bool pax_size_ = false, pax_mtime_ = false, pax_uid_ = false, pax_gid_ = false;
    uint64_t left_bytes_ = 0, padding_bytes_ = 0;
    std::optional<Hash> hash_;
    bool ended_ = false;
};

}  // namespace tenon::pkg::apk
