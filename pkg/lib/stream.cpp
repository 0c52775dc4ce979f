#include "pkg/lib/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "pkg/lib/archive.h"

namespace tenon::pkg {

namespace {

constexpr size_t kBlockBytes = 64 * 1024;
// What zstd's own levels up to 22 use, and twice what xz -9 needs; larger windows need an option
// there, too.
constexpr int kWindowLogMax = 27;
constexpr uint64_t kMaxDecoderBytes = (uint64_t{1} << kWindowLogMax) + 64 * 1024;
constexpr int kRawDeflateWindow = -15;

class PlainStream final : public ByteStream {
  public:
    explicit PlainStream(ByteStream& lower) : lower_(lower) {}
    Result<size_t> read(void* buffer, size_t len_bytes) override {
        return lower_.read(buffer, len_bytes);
    }

  private:
    ByteStream& lower_;
};

// gzip and bzip2, by libarchive.
class ArchiveStream final : public ByteStream {
  public:
    explicit ArchiveStream(ByteStream& lower) : lower_(lower), raw_(archive_read_new()) {}

    Status start(Filter filter) {
        struct archive* a = raw_.get();
        if (filter == Filter::gzip) archive_read_support_filter_gzip(a);
        if (filter == Filter::bzip2) archive_read_support_filter_bzip2(a);
        archive_read_support_format_raw(a);
        archive_read_support_format_empty(a);
        if (archive_read_open(a, this, nullptr, read_lower, nullptr) != ARCHIVE_OK) return broken();
        struct archive_entry* entry = nullptr;
        int r = archive_read_next_header(a, &entry);
        if (r == ARCHIVE_EOF) {
            at_end_ = true;
            return {};
        }
        if (r != ARCHIVE_OK) return broken();
        return {};
    }

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        if (at_end_) return 0;
        la_ssize_t n = archive_read_data(raw_.get(), buffer, len_bytes);
        if (n < 0) return broken();
        return static_cast<size_t>(n);
    }

  private:
    std::unexpected<Error> broken() {
        const char* s = archive_error_string(raw_.get());
        return fail("damaged compressed data (%s)", s ? s : "unknown error");
    }

    static la_ssize_t read_lower(struct archive* a, void* self, const void** out) {
        auto* me = static_cast<ArchiveStream*>(self);
        auto n = me->lower_.read(me->block_, sizeof(me->block_));
        if (!n) {
            archive_set_error(a, EIO, "%s", n.error().text.c_str());
            return ARCHIVE_FATAL;
        }
        *out = me->block_;
        return static_cast<la_ssize_t>(*n);
    }

    ByteStream& lower_;
    ArchivePtr raw_;
    bool at_end_ = false;
    char block_[kBlockBytes];
};

// xz and lzma, by liblzma itself: libarchive would believe any dictionary size.
class LzmaStream final : public ByteStream {
  public:
    explicit LzmaStream(ByteStream& lower) : lower_(lower) {}
    ~LzmaStream() override { lzma_end(&stream_); }
    LzmaStream(const LzmaStream&) = delete;
    LzmaStream& operator=(const LzmaStream&) = delete;

    Status start() {
        if (lzma_auto_decoder(&stream_, kMaxDecoderBytes, LZMA_CONCATENATED) != LZMA_OK)
            return fail("liblzma has no memory");
        return {};
    }

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        if (at_end_) return 0;
        stream_.next_out = static_cast<uint8_t*>(buffer);
        stream_.avail_out = len_bytes;
        while (stream_.avail_out == len_bytes && len_bytes > 0) {
            if (stream_.avail_in == 0 && !lower_at_end_) {
                TRY_SET(size_t n, lower_.read(block_, sizeof(block_)));
                stream_.next_in = block_;
                stream_.avail_in = n;
                lower_at_end_ = n == 0;
            }
            lzma_ret r = lzma_code(&stream_, lower_at_end_ ? LZMA_FINISH : LZMA_RUN);
            if (r == LZMA_STREAM_END) {
                at_end_ = true;
                break;
            }
            if (r != LZMA_OK) return broken(r);
        }
        return len_bytes - stream_.avail_out;
    }

  private:
    static std::unexpected<Error> broken(lzma_ret r) {
        if (r == LZMA_MEMLIMIT_ERROR)
            return fail("its decompression needs more than 128 MiB of memory");
        if (r == LZMA_BUF_ERROR) return fail("truncated in compressed data");
        if (r == LZMA_MEM_ERROR) return fail("liblzma has no memory");
        return fail("damaged compressed data");
    }

    ByteStream& lower_;
    lzma_stream stream_ = LZMA_STREAM_INIT;
    bool lower_at_end_ = false, at_end_ = false;
    uint8_t block_[kBlockBytes];
};

// zlib itself: libarchive knows no deflate without a head.
class DeflateStream final : public ByteStream {
  public:
    explicit DeflateStream(ByteStream& lower) : lower_(lower) {
        memset(&z_, 0, sizeof(z_));
        good_ = inflateInit2(&z_, kRawDeflateWindow) == Z_OK;
    }
    ~DeflateStream() override { inflateEnd(&z_); }
    DeflateStream(const DeflateStream&) = delete;
    DeflateStream& operator=(const DeflateStream&) = delete;

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        if (!good_) return fail("zlib has no memory");
        if (at_end_ || len_bytes == 0) return size_t{0};
        z_.next_out = static_cast<Bytef*>(buffer);
        z_.avail_out = static_cast<uInt>(std::min<size_t>(len_bytes, 1u << 30));
        uInt asked = z_.avail_out;
        while (z_.avail_out == asked) {
            if (z_.avail_in == 0 && !lower_at_end_) {
                TRY_SET(size_t n, lower_.read(block_, sizeof(block_)));
                z_.next_in = block_;
                z_.avail_in = static_cast<uInt>(n);
                lower_at_end_ = n == 0;
            }
            // Without more input there may still be output, and the end, inside the decoder.
            int r = inflate(&z_, Z_NO_FLUSH);
            if (r == Z_STREAM_END) {
                at_end_ = true;
                TRY_SET(size_t n, lower_.read(block_, 1));
                if (n != 0 || z_.avail_in != 0) return fail("has bytes after its end");
                break;
            }
            if (r == Z_BUF_ERROR && lower_at_end_) return fail("truncated in compressed data");
            if (r != Z_OK && r != Z_BUF_ERROR)
                return fail("damaged compressed data (%s)", z_.msg ? z_.msg : "deflate");
        }
        return static_cast<size_t>(asked - z_.avail_out);
    }

  private:
    ByteStream& lower_;
    z_stream z_;
    bool good_ = false, at_end_ = false, lower_at_end_ = false;
    Bytef block_[kBlockBytes];
};

// libzstd itself, since libarchive would not let us say how large a window may be.
class ZstdStream final : public ByteStream {
  public:
    explicit ZstdStream(ByteStream& lower) : lower_(lower), z_(ZSTD_createDStream()) {
        good_ = z_ && !ZSTD_isError(ZSTD_DCtx_setParameter(z_, ZSTD_d_windowLogMax, kWindowLogMax));
    }
    ~ZstdStream() override { ZSTD_freeDStream(z_); }
    ZstdStream(const ZstdStream&) = delete;
    ZstdStream& operator=(const ZstdStream&) = delete;

    Result<size_t> read(void* buffer, size_t len_bytes) override {
        if (!good_) return fail("zstd has no memory");
        ZSTD_outBuffer out{buffer, len_bytes, 0};
        while (len_bytes != 0 && out.pos == 0) {
            if (in_.pos == in_.size && !lower_at_end_) {
                TRY_SET(size_t n, lower_.read(block_, sizeof(block_)));
                lower_at_end_ = n == 0;
                in_ = ZSTD_inBuffer{block_, n, 0};
            }
            // At the end there may still be output inside the decoder.
            size_t before = in_.pos;
            if (lower_at_end_ && frame_done_) break;
            size_t r = ZSTD_decompressStream(z_, &out, &in_);
            if (ZSTD_isError(r)) return fail("damaged compressed data (%s)", ZSTD_getErrorName(r));
            frame_done_ = r == 0;
            if (lower_at_end_ && out.pos == 0 && in_.pos == before && !frame_done_)
                return fail("truncated in compressed data");
        }
        return out.pos;
    }

  private:
    ByteStream& lower_;
    ZSTD_DStream* z_;
    ZSTD_inBuffer in_{nullptr, 0, 0};
    bool good_ = false, lower_at_end_ = false, frame_done_ = false;
    char block_[kBlockBytes];
};

}  // namespace

Result<size_t> ByteStream::read_full(void* buffer, size_t len_bytes) {
    size_t have = 0;
    while (have < len_bytes) {
        TRY_SET(size_t n, read(static_cast<char*>(buffer) + have, len_bytes - have));
        if (n == 0) break;
        have += n;
    }
    return have;
}

Status ByteStream::read_exactly(void* buffer, size_t len_bytes, const char* what) {
    TRY_SET(size_t n, read_full(buffer, len_bytes));
    if (n != len_bytes) return fail("%s is truncated", what);
    return {};
}

Status ByteStream::skip(uint64_t len_bytes) {
    char block[16 * 1024];
    while (len_bytes != 0) {
        TRY_SET(size_t n, read(block, std::min<uint64_t>(len_bytes, sizeof(block))));
        if (n == 0) return fail("it is truncated");
        len_bytes -= n;
    }
    return {};
}

Status ByteStream::drain() {
    char block[16 * 1024];
    for (;;) {
        TRY_SET(size_t n, read(block, sizeof(block)));
        if (n == 0) return {};
    }
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

Result<size_t> HashingStream::read(void* buffer, size_t len_bytes) {
    TRY_SET(size_t n, lower_.read(buffer, len_bytes));
    for (Hash* h : hashers_) h->update(buffer, n);
    return n;
}

Result<std::unique_ptr<ByteStream>> decompress(ByteStream& lower, Filter filter) {
    switch (filter) {
        case Filter::none:
            return std::make_unique<PlainStream>(lower);
        case Filter::zstd:
            return std::make_unique<ZstdStream>(lower);
        case Filter::deflate:
            return std::make_unique<DeflateStream>(lower);
        case Filter::xz:
        case Filter::lzma: {
            auto stream = std::make_unique<LzmaStream>(lower);
            TRY(stream->start());
            return stream;
        }
        case Filter::gzip:
        case Filter::bzip2: {
            auto stream = std::make_unique<ArchiveStream>(lower);
            TRY(stream->start(filter));
            return stream;
        }
    }
    return fail("an unknown compression");
}

}  // namespace tenon::pkg
