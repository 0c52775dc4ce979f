// Bytes that come once, in order: the file, its decompressed payload, and taps that hash both.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/archive.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"

namespace tenon::pkg::rpm {

class ByteStream {
  public:
    virtual ~ByteStream() = default;
    // 0 at the end, never an error then.
    virtual Result<size_t> read(void* buffer, size_t len_bytes) = 0;

    // Exactly `len_bytes`; fewer is an error that says `what` is cut off.
    Status read_exactly(void* buffer, size_t len_bytes, const char* what);
};

Result<std::unique_ptr<ByteStream>> open_file_stream(const std::string& path);
// `data` must outlive the stream.
std::unique_ptr<ByteStream> open_memory_stream(std::string_view data);

// Passes `lower` on and shows every byte to the hashers. The hashers belong to the caller.
class HashingStream final : public ByteStream {
  public:
    HashingStream(ByteStream& lower, std::vector<Hash*> hashers)
        : lower_(lower), hashers_(std::move(hashers)) {}
    Result<size_t> read(void* buffer, size_t len_bytes) override;
    // Reads what is left, so that the digests cover the whole.
    Status drain();

  private:
    ByteStream& lower_;
    std::vector<Hash*> hashers_;
};

// Undoes the compression of `lower`, which must outlive the result. A window or dictionary over
// 128 MiB is refused, whatever the stream asks for.
Result<std::unique_ptr<ByteStream>> decompress(ByteStream& lower, Filter filter);

}  // namespace tenon::pkg::rpm
