#include "pkg/lib/digest.h"

#include <errno.h>
#include <stdint.h>

namespace tenon::pkg {

void Md5::update(const void* data, size_t len_bytes) {
    md5_update(&ctx_, len_bytes, static_cast<const uint8_t*>(data));
}

std::string Md5::hex() {
    uint8_t digest[MD5_DIGEST_SIZE];
    md5_digest(&ctx_, sizeof(digest), digest);
    std::string out;
    for (uint8_t b : digest) {
        out += "0123456789abcdef"[b >> 4];
        out += "0123456789abcdef"[b & 15];
    }
    return out;
}

std::string md5_hex(std::string_view data) {
    Md5 m;
    m.update(data.data(), data.size());
    return m.hex();
}

Result<std::string> md5_of_file(Root& root, std::string_view path) {
    TRY_SET(Fd fd, root.open_read(path));
    Md5 sum;
    char buffer[32768];
    for (;;) {
        ssize_t n = read(fd.get(), buffer, sizeof(buffer));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("cannot read %s", std::string(path).c_str());
        if (n == 0) return sum.hex();
        sum.update(buffer, static_cast<size_t>(n));
    }
}

}  // namespace tenon::pkg
