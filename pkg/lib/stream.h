// Bytes that come once, in order: a file, what is inside its compression, and taps that hash both.
// Everything goes through fixed buffers.  Spec: RFC 1951, RFC 1952, RFC 8878.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/fd.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"

namespace tenon::pkg {

class ByteStream {
  public:
    virtual ~ByteStream() = default;
    // May give less than asked for; 0 at the end, never an error then.
    virtual Result<size_t> read(void* buffer, size_t len_bytes) = 0;

    // Less than asked for only at the end.
    Result<size_t> read_full(void* buffer, size_t len_bytes);
    // Exactly `len_bytes`; fewer is an error that says `what` is truncated.
    Status read_exactly(void* buffer, size_t len_bytes, const char* what = "it");
    Status skip(uint64_t len_bytes);
    // Reads what is left, so that checksums cover the whole.
    Status drain();
};

// A plain file, or memory that outlives this.
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

// Passes `lower` on and shows every byte to the hashers. The hashers belong to the caller.
class HashingStream final : public ByteStream {
  public:
    HashingStream(ByteStream& lower, std::vector<Hash*> hashers)
        : lower_(lower), hashers_(std::move(hashers)) {}
    Result<size_t> read(void* buffer, size_t len_bytes) override;

  private:
    ByteStream& lower_;
    std::vector<Hash*> hashers_;
};

enum class Filter { none, gzip, xz, zstd, bzip2, lzma, deflate };  // deflate: without a head
// Undoes the compression of `lower`, which must outlive the result, to its end; bytes behind a raw
// deflate are an error. A window or dictionary over 128 MiB is refused, whatever the stream asks
// for.
Result<std::unique_ptr<ByteStream>> decompress(ByteStream& lower, Filter filter);

}  // namespace tenon::pkg
