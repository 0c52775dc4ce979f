// The agent protocol: what travels over the second serial port between `./tenon` on the host and
// init in the guest. tools/tenon/protocol.py is the other end; the two files say the same.
//
// A frame is a 16-byte little-endian header and a payload:
//
//   u16 magic 'TN' | u8 type | u8 stream | u16 session | u16 zero | u32 length | u32 crc
//
// The crc (CRC-32 as in zlib) runs over the first twelve bytes and the payload. A reader that is not
// in step skips bytes until a whole frame checks out, so firmware noise before the handshake does no
// harm. After the handshake a bad frame is an error: nothing may be lost on this line.
//
// Handshake: the guest sends hello (version, nonce, window) every two seconds until the host answers
// with a hello that carries the same nonce.
//
// Nothing overflows, by two rules. Host to guest: at most `window` bytes are on the line beyond what
// the guest's acks have confirmed, so a 4 KiB terminal buffer in the guest's kernel is enough. Per
// stream: a side sends data only against credit that the reader gave, so a reader that stalls stops
// its own stream and no other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tenon::agent {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::uint16_t kMagic = 0x4E54;  // "TN" on the line
inline constexpr std::size_t kMaxPayloadBytes = 4096;
inline constexpr std::uint32_t kWindowBytes = 4000;
inline constexpr std::uint32_t kAckEveryBytes = 1024;
inline constexpr std::uint32_t kStdinCreditBytes = 16384;

enum class FrameType : std::uint8_t {
    hello = 1,     // both ways: u32 version, u32 nonce, u32 window
    ack = 2,       // to host: u32 bytes received since the hello, modulo 2^32
    exec = 3,      // to guest: a request (see session.cpp); stream 1 = more of it follows
    data = 4,      // both ways
    eof = 5,       // both ways: no more data on this stream
    credit = 6,    // both ways: u32 bytes that the reader will take on top of earlier credit
    close = 7,     // both ways: the reader has gone away; drop what is left
    signal = 8,    // to guest: u32 signal number, sent to the command's process group
    winsize = 9,   // to guest: u16 rows, u16 columns
    started = 10,  // to host: u32 pid
    exit = 11,     // to host: u8 ExitKind, u32 code
    log = 12,      // to host: text for the person at the terminal
    shutdown = 13, // to guest: u8 0 = power off, 1 = restart
};

enum class ExitKind : std::uint8_t { exited = 0, signalled = 1, exec_failed = 2 };

enum Stream : std::uint8_t { kStdin = 0, kStdout = 1, kStderr = 2 };

struct FrameHeader {
    std::uint16_t magic;
    FrameType type;
    std::uint8_t stream;
    std::uint16_t session;
    std::uint16_t zero;
    std::uint32_t length;
    std::uint32_t crc;
};
static_assert(sizeof(FrameHeader) == 16);

inline constexpr std::size_t kCheckedHeaderBytes = 12;

// CRC-32 (zlib's), four bits at a time: a 64-byte table is enough at serial speed.
inline std::uint32_t crc32_update(std::uint32_t crc, const void* data, std::size_t len_bytes) {
    static constexpr std::uint32_t kTable[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const auto* bytes = static_cast<const unsigned char*>(data);
    crc = ~crc;
    for (std::size_t i = 0; i < len_bytes; ++i) {
        crc = kTable[(crc ^ bytes[i]) & 15] ^ (crc >> 4);
        crc = kTable[(crc ^ (bytes[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

}  // namespace tenon::agent
