#include "pkg/lib/hash.h"

#include <nettle/base64.h>

namespace tenon::pkg {

namespace {

const uint8_t* bytes_of(const void* p) {
    return static_cast<const uint8_t*>(p);
}
uint8_t* bytes_of(std::string& s) {
    return reinterpret_cast<uint8_t*>(s.data());
}

}  // namespace

size_t hash_size_bytes(HashAlgorithm algorithm) {
    switch (algorithm) {
        case HashAlgorithm::md5:
            return MD5_DIGEST_SIZE;
        case HashAlgorithm::sha1:
            return SHA1_DIGEST_SIZE;
        case HashAlgorithm::sha224:
            return SHA224_DIGEST_SIZE;
        case HashAlgorithm::sha256:
            return SHA256_DIGEST_SIZE;
        case HashAlgorithm::sha384:
            return SHA384_DIGEST_SIZE;
        case HashAlgorithm::sha512:
            return SHA512_DIGEST_SIZE;
        case HashAlgorithm::sha3_256:
            return SHA3_256_DIGEST_SIZE;
        case HashAlgorithm::sha3_512:
            return SHA3_512_DIGEST_SIZE;
    }
    return 0;
}

const char* to_string(HashAlgorithm algorithm) {
    switch (algorithm) {
        case HashAlgorithm::md5:
            return "MD5";
        case HashAlgorithm::sha1:
            return "SHA1";
        case HashAlgorithm::sha224:
            return "SHA224";
        case HashAlgorithm::sha256:
            return "SHA256";
        case HashAlgorithm::sha384:
            return "SHA384";
        case HashAlgorithm::sha512:
            return "SHA512";
        case HashAlgorithm::sha3_256:
            return "SHA3-256";
        case HashAlgorithm::sha3_512:
            return "SHA3-512";
    }
    return "?";
}

Hash::Hash(HashAlgorithm algorithm) : algorithm_(algorithm) {
    switch (algorithm) {
        case HashAlgorithm::md5:
            md5_init(&state_.emplace<md5_ctx>());
            break;
        case HashAlgorithm::sha1:
            sha1_init(&state_.emplace<sha1_ctx>());
            break;
        case HashAlgorithm::sha224:
            sha224_init(&state_.emplace<sha256_ctx>());
            break;
        case HashAlgorithm::sha256:
            sha256_init(&state_.emplace<sha256_ctx>());
            break;
        case HashAlgorithm::sha384:
            sha384_init(&state_.emplace<sha512_ctx>());
            break;
        case HashAlgorithm::sha512:
            sha512_init(&state_.emplace<sha512_ctx>());
            break;
        case HashAlgorithm::sha3_256:
            sha3_256_init(&state_.emplace<sha3_256_ctx>());
            break;
        case HashAlgorithm::sha3_512:
            sha3_512_init(&state_.emplace<sha3_512_ctx>());
            break;
    }
}

void Hash::update(const void* data, size_t len_bytes) {
    if (len_bytes == 0) return;
    if (auto* md5 = std::get_if<md5_ctx>(&state_))
        md5_update(md5, len_bytes, bytes_of(data));
    else if (auto* sha1 = std::get_if<sha1_ctx>(&state_))
        sha1_update(sha1, len_bytes, bytes_of(data));
    else if (auto* sha256 = std::get_if<sha256_ctx>(&state_))
        sha256_update(sha256, len_bytes, bytes_of(data));
    else if (auto* sha512 = std::get_if<sha512_ctx>(&state_))
        sha512_update(sha512, len_bytes, bytes_of(data));
    else if (auto* sha3_256 = std::get_if<sha3_256_ctx>(&state_))
        sha3_256_update(sha3_256, len_bytes, bytes_of(data));
    else if (auto* sha3_512 = std::get_if<sha3_512_ctx>(&state_))
        sha3_512_update(sha3_512, len_bytes, bytes_of(data));
}

std::string Hash::finish() {
    std::string out(hash_size_bytes(algorithm_), '\0');
    uint8_t* digest = bytes_of(out);
    switch (algorithm_) {  // nettle's digest functions start over by themselves
        case HashAlgorithm::md5:
            md5_digest(std::get_if<md5_ctx>(&state_), out.size(), digest);
            break;
        case HashAlgorithm::sha1:
            sha1_digest(std::get_if<sha1_ctx>(&state_), out.size(), digest);
            break;
        case HashAlgorithm::sha224:
            sha224_digest(std::get_if<sha256_ctx>(&state_), out.size(), digest);
            break;
        case HashAlgorithm::sha256:
            sha256_digest(std::get_if<sha256_ctx>(&state_), out.size(), digest);
            break;
        case HashAlgorithm::sha384:
            sha384_digest(std::get_if<sha512_ctx>(&state_), out.size(), digest);
            break;
        case HashAlgorithm::sha512:
            sha512_digest(std::get_if<sha512_ctx>(&state_), out.size(), digest);
            break;
        case HashAlgorithm::sha3_256:
            sha3_256_digest(std::get_if<sha3_256_ctx>(&state_), out.size(), digest);
            break;
        case HashAlgorithm::sha3_512:
            sha3_512_digest(std::get_if<sha3_512_ctx>(&state_), out.size(), digest);
            break;
    }
    return out;
}

std::string hash_of(HashAlgorithm algorithm, std::string_view data) {
    Hash h(algorithm);
    h.update(data);
    return h.finish();
}

std::string to_hex(std::string_view bytes) {
    static const char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (char c : bytes) {
        out += kDigits[static_cast<unsigned char>(c) >> 4];
        out += kDigits[c & 15];
    }
    return out;
}

bool from_hex(std::string_view text, std::string& out) {
    auto digit = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
    };
    if (text.size() % 2) return false;
    out.clear();
    for (size_t i = 0; i < text.size(); i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0) return false;
        out += static_cast<char>(high << 4 | low);
    }
    return true;
}

std::string to_base64(std::string_view bytes) {
    std::string out(BASE64_ENCODE_RAW_LENGTH(bytes.size()), '\0');
    base64_encode_raw(out.data(), bytes.size(), bytes_of(bytes.data()));
    return out;
}

bool from_base64(std::string_view text, std::string& out) {
    base64_decode_ctx ctx;
    base64_decode_init(&ctx);
    out.assign(BASE64_DECODE_LENGTH(text.size()) + 1, '\0');
    size_t len = out.size();
    bool good = base64_decode_update(&ctx, &len, bytes_of(out), text.size(), text.data()) == 1 &&
                base64_decode_final(&ctx) == 1;
    out.resize(good ? len : 0);
    return good;
}

}  // namespace tenon::pkg
