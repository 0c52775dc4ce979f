#include "pkg/lib/rpm/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <unistd.h>

#include "pkg/lib/fd.h"

namespace tenon::pkg::rpm {

namespace {

constexpr size_t kBlockBytes = 64 * 1024;
// What zstd's decoder allows by itself, and twice what xz -9 needs.
constexpr uint64_t kMaxDecoderBytes = 128 * 1024 * 1024 + 64 * 1024;

class FileStream final : public ByteStream {
  public:
    explicit FileStream(Fd fd) : fd_(std::move(fd)) {}
    Result<size_t> read(void* buffer, size_t len_bytes) override {
        for (;;) {
            ssize_t n = ::read(fd_.get(), buffer, len_bytes);
            if (n >= 0) return static_cast<size_t>(n);
            if (errno != EINTR) return fail_errno("cannot read");
        }
    }

  private:
    Fd fd_;
};

class MemoryStream final : public ByteStream {
  public:
    explicit MemoryStream(std::string_view data) : data_(data) {}
    Result<size_t> read(void* buffer, size_t len_bytes) override {
        size_t n = std::min(len_bytes, data_.size());
        if (n) memcpy(buffer, data_.data(), n);
        data_.remove_prefix(n);
        return n;
    }

  private:
    std::string_view data_;
};

class PlainStream final : public ByteStream {
  public:
    explicit PlainStream(ByteStream& lower) : lower_(lower) {}
    Result<size_t> read(void* buffer, size_t len_bytes) override {
        return lower_.read(buffer, len_bytes);
    }

  private:
    ByteStream& lower_;
};

// gzip, bzip2 and zstd, by libarchive.
class ArchiveStream final : public ByteStream {
  public:
    explicit ArchiveStream(ByteStream& lower) : lower_(lower), raw_(archive_read_new()) {}

    Status start(Filter filter) {
        struct archive* a = raw_.get();
        if (filter == Filter::gzip) archive_read_support_filter_gzip(a);
        if (filter == Filter::bzip2) archive_read_support_filter_bzip2(a);
        if (filter == Filter::zstd) archive_read_support_filter_zstd(a);
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
        return fail("the compressed payload is damaged: %s", s ? s : "unknown error");
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
            return fail("no memory to decompress the payload");
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
            return fail("the compressed payload asks for more than 128 MiB of memory");
        if (r == LZMA_BUF_ERROR) return fail("the compressed payload is cut off");
        if (r == LZMA_MEM_ERROR) return fail("no memory to decompress the payload");
        return fail("the compressed payload is damaged");
    }

    ByteStream& lower_;
    lzma_stream stream_ = LZMA_STREAM_INIT;
    bool lower_at_end_ = false, at_end_ = false;
    uint8_t block_[kBlockBytes];
};

}  // namespace

Status ByteStream::read_exactly(void* buffer, size_t len_bytes, const char* what) {
    auto* p = static_cast<char*>(buffer);
    while (len_bytes > 0) {
        TRY_SET(size_t n, read(p, len_bytes));
        if (n == 0) return fail("%s is cut off", what);
        p += n;
        len_bytes -= n;
    }
    return {};
}

Result<std::unique_ptr<ByteStream>> open_file_stream(const std::string& path) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return fail_errno("cannot open");
    return std::make_unique<FileStream>(std::move(fd));
}

std::unique_ptr<ByteStream> open_memory_stream(std::string_view data) {
    return std::make_unique<MemoryStream>(data);
}

Result<size_t> HashingStream::read(void* buffer, size_t len_bytes) {
    TRY_SET(size_t n, lower_.read(buffer, len_bytes));
    for (Hash* h : hashers_) h->update(buffer, n);
    return n;
}

Status HashingStream::drain() {
    char block[4096];
    for (;;) {
        TRY_SET(size_t n, read(block, sizeof(block)));
        if (n == 0) return {};
    }
}

Result<std::unique_ptr<ByteStream>> decompress(ByteStream& lower, Filter filter) {
    switch (filter) {
        case Filter::none:
            return std::make_unique<PlainStream>(lower);
        case Filter::xz:
        case Filter::lzma: {
            auto stream = std::make_unique<LzmaStream>(lower);
            TRY(stream->start());
            return stream;
        }
        default: {
            auto stream = std::make_unique<ArchiveStream>(lower);
            TRY(stream->start(filter));
            return stream;
        }
    }
}

}  // namespace tenon::pkg::rpm
