#include "pkg/lib/apk/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>

namespace tenon::pkg::apk {

namespace {

constexpr size_t kBlockBytes = 64 * 1024;
// What zstd's own levels up to 22 use; larger windows need an option there, too.
constexpr int kZstdWindowLogMax = 27;
constexpr int kGzipWindow = 15 + 16;
constexpr int kRawDeflateWindow = -15;

class Inflater final : public ByteStream {
  public:
    explicit Inflater(Source& source) : source_(source) {
        memset(&z_, 0, sizeof(z_));
        good_ = inflateInit2(&z_, kRawDeflateWindow) == Z_OK;
    }
    ~Inflater() override { inflateEnd(&z_); }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        if (!good_) return fail("zlib has no memory");
        if (ended_ || len_bytes == 0) return size_t{0};
        z_.next_out = static_cast<Bytef*>(buffer);
        z_.avail_out = static_cast<uInt>(std::min<size_t>(len_bytes, 1u << 30));
        uInt asked = z_.avail_out;
        while (z_.avail_out == asked) {
            if (z_.avail_in == 0 && !source_ended_) {
                TRY_SET(size_t n, source_.read(block_, sizeof(block_)));
                z_.next_in = block_;
                z_.avail_in = static_cast<uInt>(n);
                source_ended_ = n == 0;
            }
            // Without more input there may still be output, and the end, inside the decoder.
            int r = inflate(&z_, Z_NO_FLUSH);
            if (r == Z_STREAM_END) {
                ended_ = true;
                TRY_SET(size_t n, source_.read(block_, 1));
                if (n != 0 || z_.avail_in != 0) return fail("has bytes after its end");
                break;
            }
            if (r == Z_BUF_ERROR && source_ended_) return fail("truncated in compressed data");
            if (r != Z_OK && r != Z_BUF_ERROR)
                return fail("damaged compressed data (%s)", z_.msg ? z_.msg : "deflate");
        }
        return static_cast<size_t>(asked - z_.avail_out);
    }

  private:
    Source& source_;
    z_stream z_;
    bool good_ = false, ended_ = false, source_ended_ = false;
    Bytef block_[kBlockBytes];
};

class ZstdReader final : public ByteStream {
  public:
    explicit ZstdReader(Source& source) : source_(source), z_(ZSTD_createDStream()) {
        good_ =
            z_ && !ZSTD_isError(ZSTD_DCtx_setParameter(z_, ZSTD_d_windowLogMax, kZstdWindowLogMax));
    }
    ~ZstdReader() override { ZSTD_freeDStream(z_); }
    ZstdReader(const ZstdReader&) = delete;
    ZstdReader& operator=(const ZstdReader&) = delete;

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        if (!good_) return fail("zstd has no memory");
        ZSTD_outBuffer out{buffer, len_bytes, 0};
        while (len_bytes != 0 && out.pos == 0) {
            if (in_.pos == in_.size && !source_ended_) {
                TRY_SET(size_t n, source_.read(block_, sizeof(block_)));
                source_ended_ = n == 0;
                in_ = ZSTD_inBuffer{block_, n, 0};
            }
            // At the end there may still be output inside the decoder.
            size_t before = in_.pos;
            if (source_ended_ && frame_done_) break;
            size_t r = ZSTD_decompressStream(z_, &out, &in_);
            if (ZSTD_isError(r)) return fail("damaged compressed data (%s)", ZSTD_getErrorName(r));
            frame_done_ = r == 0;
            if (source_ended_ && out.pos == 0 && in_.pos == before && !frame_done_)
                return fail("truncated in compressed data");
        }
        return out.pos;
    }

  private:
    Source& source_;
    ZSTD_DStream* z_;
    ZSTD_inBuffer in_{nullptr, 0, 0};
    bool good_ = false, source_ended_ = false, frame_done_ = false;
    char block_[kBlockBytes];
};

class Plain final : public ByteStream {
  public:
    explicit Plain(Source& source) : source_(source) {}
    Result<size_t> read(void* buffer, size_t len_bytes) override {
        return source_.read(buffer, len_bytes);
    }

  private:
    Source& source_;
};

}  // namespace

Status ByteStream::read_exactly(void* buffer, size_t len_bytes) {
    char* to = static_cast<char*>(buffer);
    while (len_bytes != 0) {
        TRY_SET(size_t n, read(to, len_bytes));
        if (n == 0) return fail("truncated");
        to += n;
        len_bytes -= n;
    }
    return {};
}

Status ByteStream::skip(uint64_t len_bytes) {
    char buffer[16384];
    while (len_bytes != 0) {
        TRY_SET(size_t n, read(buffer, std::min<uint64_t>(len_bytes, sizeof(buffer))));
        if (n == 0) return fail("truncated");
        len_bytes -= n;
    }
    return {};
}

Result<Source> Source::open(const std::string& path) {
    // A FIFO or a device must not keep us waiting.
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.valid()) return fail_errno("cannot open");
    struct stat st;
    if (fstat(fd.get(), &st) != 0) return fail_errno("cannot stat");
    if (!S_ISREG(st.st_mode)) return fail("not a plain file");
    Source s;
    s.fd_ = std::make_shared<Fd>(std::move(fd));
    s.size_ = static_cast<uint64_t>(st.st_size);
    return s;
}

Source Source::memory(std::string_view data) {
    Source s;
    s.memory_ = data;
    s.size_ = data.size();
    return s;
}

Source Source::again() const {
    Source s = *this;
    s.at_ = 0;
    return s;
}

Result<size_t> Source::read(void* buffer, size_t len_bytes) {
    if (!fd_) {
        size_t n = std::min<uint64_t>(len_bytes, memory_.size() - at_);
        if (n != 0) memcpy(buffer, memory_.data() + at_, n);
        at_ += n;
        return n;
    }
    for (;;) {
        ssize_t n = pread(fd_->get(), buffer, len_bytes, static_cast<off_t>(at_));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("cannot read");
        at_ += static_cast<uint64_t>(n);
        return static_cast<size_t>(n);
    }
}

struct GzipMembers::State {
    z_stream z;
    bool good = false, ended = true;  // `ended`: between members
    Bytef block[kBlockBytes];
};

GzipMembers::GzipMembers(Source& source) : source_(source), state_(std::make_unique<State>()) {
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

Result<std::unique_ptr<ByteStream>> decompressor(Compression compression, Source& source) {
    switch (compression) {
        case Compression::none:
            return std::make_unique<Plain>(source);
        case Compression::deflate:
            return std::make_unique<Inflater>(source);
        case Compression::zstd:
            return std::make_unique<ZstdReader>(source);
    }
    return fail("an unknown compression");
}

}  // namespace tenon::pkg::apk
