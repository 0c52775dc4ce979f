// The line itself: a raw terminal, frames out, frames in, acks.
#pragma once

#include <cstdint>
#include <span>

#include "agent/protocol.h"

namespace tenon::agent {

struct Frame {
    FrameType type;
    std::uint8_t stream;
    std::uint16_t session;
    std::span<const unsigned char> payload;  // valid until the next call of Link::next
};

class Link {
  public:
    // Takes over `path` as a raw 8-bit line. Returns false with errno set.
    bool open(const char* path);
    // After fill() said that the line is gone: its driver may come back (a restart). False when it
    // does not within a few seconds. What was under way in the line is lost.
    bool reopen();
    int fd() const { return fd_; }

    // Writes a whole frame; blocks while the line is busy, which is safe since the host always reads.
    void send(FrameType type, std::uint16_t session, std::uint8_t stream, const void* payload,
              std::size_t len_bytes);
    void send_u32(FrameType type, std::uint16_t session, std::uint8_t stream, std::uint32_t value);
    void send_hello();

    // Reads what has arrived (call when poll says so). False when the line is gone.
    bool fill();
    // The next whole frame out of what has been read. False when there is none yet.
    bool next(Frame& frame);

    bool connected() const { return connected_; }

  private:
    bool take_over();
    void skip_to_magic();

    const char* path_ = nullptr;
    int fd_ = -1;
    bool connected_ = false;
    std::uint32_t nonce_ = 0;
    std::uint32_t received_ = 0;      // bytes consumed since the host's hello
    std::uint32_t acknowledged_ = 0;  // what the last ack said
    std::size_t begin_ = 0;           // unread bytes are buffer_[begin_, end_)
    std::size_t end_ = 0;
    unsigned char buffer_[2 * (sizeof(FrameHeader) + kMaxPayloadBytes)];
};

}  // namespace tenon::agent
