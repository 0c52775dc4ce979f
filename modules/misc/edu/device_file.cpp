// /dev/edu, /dev/edu1, ...: the file of one device. A descriptor that outlives the device answers
// ENODEV: device::LentNode sees to it, so nothing here asks whether the device is there.
#include <tenon/vfs/char_device.h>

#include <algorithm>

#include "edu.h"

namespace tenon::edu {

namespace {

constexpr u64 kBufferOffset = 4096;

class EduFile final : public vfs::FileOps {
  public:
    explicit EduFile(Edu& edu) : edu_(edu) {}
    Result<usize> read(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        if (position >= kBufferOffset) return read_buffer(edu_, buffer, position);
        fmt::Line<16> line("{}\n", edu_.last_result());
        const std::string_view text = line.view();
        if (position >= text.size()) return usize{0};
        const usize n = std::min<usize>(buffer.remaining(), text.size() - position);
        TRY_ASSIGN(const usize moved, buffer.put(text.data() + position, n));
        position += moved;
        return moved;
    }

    Result<usize> write(vfs::File&, vfs::IoBuffer& buffer, u64& position) override {
        if (position >= kBufferOffset) return write_buffer(edu_, buffer, position);
        return write_number(edu_, buffer);
    }

  private:
    static usize clip(u64 position, usize length_bytes) {
        const u64 offset = position - kBufferOffset;
        return offset >= Edu::kBufferBytes
                   ? 0
                   : std::min<usize>(length_bytes, Edu::kBufferBytes - offset);
    }

    static Result<usize> read_buffer(Edu& edu, vfs::IoBuffer& buffer, u64& position) {
        const usize n = clip(position, buffer.remaining());
        if (n == 0) return usize{0};
        sync::MutexGuard guard(edu.lock());
        TRY(edu.copy(Edu::Direction::from_device, position - kBufferOffset, n));
        TRY_ASSIGN(const usize moved, buffer.put(edu.transfer_page(), n));
        position += moved;
        return moved;
    }

    static Result<usize> write_buffer(Edu& edu, vfs::IoBuffer& buffer, u64& position) {
        const usize n = clip(position, buffer.remaining());
        if (n == 0) return Err(Error::nospc);
        sync::MutexGuard guard(edu.lock());
        TRY_ASSIGN(const usize moved, buffer.get(edu.transfer_page(), n));
        TRY(edu.copy(Edu::Direction::to_device, position - kBufferOffset, moved));
        position += moved;
        return moved;
    }

    static Result<usize> write_number(Edu& edu, vfs::IoBuffer& buffer) {
        char text[16];
        const usize n = buffer.remaining();
        if (n >= sizeof text) return Err(Error::inval);
        TRY_ASSIGN(const usize moved, buffer.get(text, n));
        u32 value = 0;
        usize digits = 0;
        for (; digits < moved && text[digits] >= '0' && text[digits] <= '9'; ++digits)
            if (__builtin_mul_overflow(value, 10u, &value) ||
                __builtin_add_overflow(value, static_cast<u32>(text[digits] - '0'), &value))
                return Err(Error::range);
        if (digits == 0 || (digits < moved && text[digits] != '\n')) return Err(Error::inval);
        sync::MutexGuard guard(edu.lock());
        TRY(edu.factorial(value));
        return moved;
    }

    Edu& edu_;
};

class Opener final : public vfs::DeviceOpener {
  public:
    explicit Opener(Edu& edu) : edu_(edu) {}
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        std::unique_ptr<EduFile> file(new (std::nothrow) EduFile(edu_));
        if (!file) return Err(Error::nomem);
        return module::Gated<vfs::FileOps>::own(std::move(file));
    }

  private:
    Edu& edu_;
};

}  // namespace

std::unique_ptr<vfs::DeviceOpener> make_opener(Edu& edu) {
    return std::unique_ptr<vfs::DeviceOpener>(new (std::nothrow) Opener(edu));
}

}  // namespace tenon::edu
