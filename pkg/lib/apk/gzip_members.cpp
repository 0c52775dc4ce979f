#include "pkg/lib/apk/gzip_members.h"

#include <string.h>
#include <zlib.h>

#include <algorithm>

namespace tenon::pkg::apk {

namespace {
constexpr size_t kBlockBytes = 64 * 1024;
constexpr int kGzipWindow = 15 + 16;
}  // namespace

struct GzipMembers::State {
    z_stream z;
    bool good = false, ended = true;  // `ended`: between members
    Bytef block[kBlockBytes];
};

GzipMembers::GzipMembers(ByteStream& source) : source_(source), state_(std::make_unique<State>()) {
    memset(&state_->z, 0, sizeof(state_->z));
    state_->good = inflateInit2(&state_->z, kGzipWindow) == Z_OK;
}

GzipMembers::~GzipMembers() {
    inflateEnd(&state_->z);
}

Status GzipMembers::fill() {
    z_stream& z = state_->z;
    if (z.avail_in != 0) return {};
    TRY_SET(size_t n, source_.read(state_->block, sizeof(state_->block)));
    z.next_in = state_->block;
    z.avail_in = static_cast<uInt>(n);
    return {};
}

Result<bool> GzipMembers::next() {
    if (!state_->good) return fail("zlib has no memory");
    if (!state_->ended) return fail("a gzip member goes on after its tar has ended");
    TRY(fill());
    if (state_->z.avail_in == 0) return false;
    if (state_->z.next_in[0] != 0x1f) return fail("has bytes that are no gzip member");
    if (inflateReset(&state_->z) != Z_OK) return fail("zlib has no memory");
    state_->ended = false;
    return true;
}

Result<size_t> GzipMembers::read(void* buffer, size_t len_bytes) {
    z_stream& z = state_->z;
    if (state_->ended || len_bytes == 0) return size_t{0};
    z.next_out = static_cast<Bytef*>(buffer);
    z.avail_out = static_cast<uInt>(std::min<size_t>(len_bytes, 1u << 30));
    uInt asked = z.avail_out;
    while (z.avail_out == asked && !state_->ended) {
        TRY(fill());
        bool source_ended = z.avail_in == 0;
        const Bytef* from = z.next_in;
        int r = inflate(&z, Z_NO_FLUSH);
        for (Hash* h : taps_) h->update(from, static_cast<size_t>(z.next_in - from));
        if (r == Z_STREAM_END)
            state_->ended = true;
        else if (r == Z_BUF_ERROR && source_ended)
            return fail("truncated in a gzip member");
        else if (r != Z_OK && r != Z_BUF_ERROR)
            return fail("a gzip member is damaged (%s)", z.msg ? z.msg : "no gzip data");
    }
    return static_cast<size_t>(asked - z.avail_out);
}

}  // namespace tenon::pkg::apk
