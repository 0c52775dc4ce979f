// The gzip members of a package file, one by one.
//
// libarchive reads on over the end of a gzip member as if the members were one; what apk signs and
// hashes is single members, so they are taken apart here with zlib itself.  Spec: RFC 1952.
#pragma once

#include <memory>
#include <vector>

#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"
#include "pkg/lib/stream.h"

namespace tenon::pkg::apk {

class GzipMembers final : public ByteStream {
  public:
    explicit GzipMembers(ByteStream& source);
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
    ByteStream& source_;
    std::vector<Hash*> taps_;
    std::unique_ptr<State> state_;
};

}  // namespace tenon::pkg::apk
