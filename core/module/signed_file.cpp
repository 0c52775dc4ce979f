#include "core/module/signed_file.h"

#include <cstring>

namespace tenon::module {

SignedFile SignedFile::split(std::span<const u8> file) {
    constexpr std::string_view kMagic = "~Module signature appended~\n";
    struct Trailer {
        u8 algorithm, hash, id_type, signer_bytes, key_id_bytes, zero[3];
        u32 signature_bytes;  // big-endian
    } trailer;
    constexpr u8 kSha512 = 6, kX509 = 1;
    SignedFile out{.content = file, .signature = {}, .key_id = {}, .signer = {}};
    if (file.size() < sizeof trailer + kMagic.size() ||
        std::memcmp(&file[file.size() - kMagic.size()], kMagic.data(), kMagic.size()) != 0)
        return out;
    file = file.first(file.size() - kMagic.size());
    std::memcpy(&trailer, &file[file.size() - sizeof trailer], sizeof trailer);
    file = file.first(file.size() - sizeof trailer);
    if (trailer.hash != kSha512 || trailer.id_type != kX509 ||
        trailer.key_id_bytes != kKeyIdBytes ||
        __builtin_bswap32(trailer.signature_bytes) != kSignatureBytes ||
        file.size() < usize{trailer.signer_bytes} + kKeyIdBytes + kSignatureBytes)
        return out;
    const auto cut = [&](usize n) {
        const auto piece = file.last(n);
        file = file.first(file.size() - n);
        return piece;
    };
    out.signature = cut(kSignatureBytes);
    out.key_id = cut(kKeyIdBytes);
    const auto signer = cut(trailer.signer_bytes);
    out.signer = {reinterpret_cast<const char*>(signer.data()), signer.size()};
    out.content = file;
    return out;
}

}  // namespace tenon::module
