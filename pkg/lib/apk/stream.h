// Byte streams of a package file: the file itself, gzip members one by one, raw deflate, zstd.
//
// libarchive reads on over the end of a gzip member as if the members were one; what apk signs and
// hashes is single members, so they are taken apart here with zlib itself. Everything goes through
// fixed buffers.  Spec: RFC 1952, RFC 1951, RFC 8878.
#pragma once

#include <stdint.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/fd.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"

namespace tenon::pkg::apk {

class ByteStream {
  public:
    // 0 at the end; may give less than asked for.
    virtual Result<size_t> read(void* buffer, size_t len_bytes) = 0;
    virtual ~ByteStream() = default;

    // Exactly this many, or an error that says "truncated".
    Status read_exactly(void* buffer, size_t len_bytes);
    Status skip(uint64_t len_bytes);
};

// A file, or memory that outlives this.
class Source final : public ByteStream {
  public:
    static Result<Source> open(const std::string& path);
    static Source memory(std::string_view data);
    // A reader of its own on the same bytes, from the beginning.
    Source again() const;
    uint64_t size_bytes() const { return size_; }
    Result<size_t> read(void* buffer, size_t len_bytes) override;

  private:
    std::shared_ptr<Fd> fd_;
    std::string_view memory_;
    uint64_t size_ = 0, at_ = 0;
};

class GzipMembers final : public ByteStream {
  public:
    explicit GzipMembers(Source& source);
    ~GzipMembers() override;
    GzipMembers(const GzipMembers&) = delete;
    GzipMembers& operator=(const GzipMembers&) = delete;

    // Goes to the next member; what is left of the present one must have been read. False at the
    // end of the file; an error when something else than a member follows.
    Result<bool> next();
    // The decompressed bytes of the present member; its CRC and length are checked at its end.
    Result<size_t> read(void* buffer, size_t len_bytes) override;
    // The compressed bytes from here on, headers and trailers too, go into these.
    void tap(std::vector<Hash*> hashes) { taps_ = std::move(hashes); }

  private:
    struct State;
    Status fill();
    Source& source_;
    std::vector<Hash*> taps_;
    std::unique_ptr<State> state_;
};

enum class Compression { none, deflate, zstd };
// Undoes a compression that reaches to the end of `source`; bytes behind it are an error.
Result<std::unique_ptr<ByteStream>> decompressor(Compression compression, Source& source);

}  // namespace tenon::pkg::apk
