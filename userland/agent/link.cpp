#include "agent/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

namespace tenon::agent {

namespace {

void write_all(int fd, const unsigned char* data, std::size_t len_bytes) {
    while (len_bytes > 0) {
        const ssize_t n = ::write(fd, data, len_bytes);
        if (n > 0) {
            data += n;
            len_bytes -= static_cast<std::size_t>(n);
        } else if (n < 0 && errno == EAGAIN) {
            pollfd wait{fd, POLLOUT, 0};
            ::poll(&wait, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return;  // the line is gone; fill() will say so
        }
    }
}

}  // namespace

bool Link::open(const char* path) {
    path_ = path;
    if (!take_over()) return false;
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    nonce_ = static_cast<std::uint32_t>(now.tv_nsec) ^ static_cast<std::uint32_t>(now.tv_sec << 20);
    return true;
}

bool Link::reopen() {
    constexpr timespec kPause{0, 50'000'000};
    ::close(fd_);
    for (int tries = 0; tries < 100; ++tries) {
        if (take_over()) return true;
        ::nanosleep(&kPause, nullptr);
    }
    return false;
}

bool Link::take_over() {
    fd_ = ::open(path_, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd_ < 0) return false;
    termios raw{};
    if (::tcgetattr(fd_, &raw) == 0) {
        ::cfmakeraw(&raw);
        raw.c_cflag |= CLOCAL | CREAD;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        // QEMU delays a short receive burst by four characters at this rate: the fastest is best.
        ::cfsetispeed(&raw, B115200);
        ::cfsetospeed(&raw, B115200);
        ::tcsetattr(fd_, TCSANOW, &raw);
    }
    return true;
}

void Link::send(FrameType type, std::uint16_t session, std::uint8_t stream, const void* payload,
                std::size_t len_bytes) {
    // One write a frame: half the system calls, and no half-sent header when we are interrupted.
    static unsigned char out[sizeof(FrameHeader) + kMaxPayloadBytes];
    if (len_bytes > kMaxPayloadBytes) len_bytes = kMaxPayloadBytes;
    FrameHeader header{kMagic, type, stream, session, 0, static_cast<std::uint32_t>(len_bytes), 0};
    header.crc = crc32_update(0, &header, kCheckedHeaderBytes);
    header.crc = crc32_update(header.crc, payload, len_bytes);
    memcpy(out, &header, sizeof(header));
    if (len_bytes > 0) memcpy(out + sizeof(header), payload, len_bytes);
    write_all(fd_, out, sizeof(header) + len_bytes);
}

void Link::send_u32(FrameType type, std::uint16_t session, std::uint8_t stream,
                    std::uint32_t value) {
    send(type, session, stream, &value, sizeof(value));
}

void Link::send_hello() {
    const std::uint32_t words[3] = {kProtocolVersion, nonce_, kWindowBytes};
    send(FrameType::hello, 0, 0, words, sizeof(words));
}

bool Link::fill() {
    if (begin_ > 0) {
        memmove(buffer_, buffer_ + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == sizeof(buffer_)) return true;
    const ssize_t n = ::read(fd_, buffer_ + end_, sizeof(buffer_) - end_);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) return false;
    end_ += static_cast<std::size_t>(n);
    if (connected_) {
        received_ += static_cast<std::uint32_t>(n);
        if (received_ - acknowledged_ >= kAckEveryBytes) {
            acknowledged_ = received_;
            send_u32(FrameType::ack, 0, 0, received_);
        }
    }
    return true;
}

void Link::skip_to_magic() {
    while (end_ - begin_ >= 2) {
        std::uint16_t magic;
        memcpy(&magic, buffer_ + begin_, sizeof(magic));
        if (magic == kMagic) return;
        ++begin_;
    }
}

bool Link::next(Frame& frame) {
    for (;;) {
        skip_to_magic();
        if (end_ - begin_ < sizeof(FrameHeader)) return false;
        FrameHeader header;
        memcpy(&header, buffer_ + begin_, sizeof(header));
        if (header.length > kMaxPayloadBytes) {
            ++begin_;
            continue;
        }
        if (end_ - begin_ < sizeof(header) + header.length) return false;
        const unsigned char* payload = buffer_ + begin_ + sizeof(header);
        std::uint32_t crc = crc32_update(0, &header, kCheckedHeaderBytes);
        crc = crc32_update(crc, payload, header.length);
        if (crc != header.crc) {
            ++begin_;
            continue;
        }
        begin_ += sizeof(header) + header.length;
        if (header.type == FrameType::hello) {
            std::uint32_t words[2];
            if (header.length < sizeof(words)) continue;
            memcpy(words, payload, sizeof(words));
            if (words[1] != nonce_ || connected_) continue;
            connected_ = true;
            // The host counts from the first byte after its hello.
            received_ = static_cast<std::uint32_t>(end_ - begin_);
            acknowledged_ = 0;
        }
        if (!connected_) continue;
        frame = {header.type, header.stream, header.session, {payload, header.length}};
        return true;
    }
}

}  // namespace tenon::agent
