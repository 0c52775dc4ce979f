#include "pkg/lib/openpgp/packet.h"

#include "pkg/lib/text.h"

namespace tenon::pkg::openpgp {

namespace {

constexpr size_t kMaxPacketBytes = 64 * 1024;

uint64_t be(std::string_view bytes) {
    uint64_t v = 0;
    for (unsigned char c : bytes) v = v << 8 | c;
    return v;
}

std::string be32_bytes(size_t n) {
    return {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
            static_cast<char>(n)};
}

// Takes things off the front of a packet's body.
class Cursor {
  public:
    explicit Cursor(std::string_view data) : data_(data) {}
    Result<std::string_view> take(size_t n) {
        if (n > data_.size()) return fail("an OpenPGP packet is cut off");
        std::string_view out = data_.substr(0, n);
        data_.remove_prefix(n);
        return out;
    }
    Result<uint64_t> number(size_t bytes) {
        TRY_SET(std::string_view s, take(bytes));
        return be(s);
    }
    bool empty() const { return data_.empty(); }
    std::string_view rest() const { return data_; }

  private:
    std::string_view data_;
};

// The length of a subpacket: one, two or five bytes.
Result<size_t> subpacket_length(Cursor& c) {
    TRY_SET(uint64_t first, c.number(1));
    if (first < 192) return first;
    if (first < 255) {
        TRY_SET(uint64_t second, c.number(1));
        return ((first - 192) << 8) + second + 192;
    }
    return c.number(4);
}

// In the unhashed area only who made it and what is verified by itself counts.
Status read_subpackets(std::string_view area, bool hashed, Signature& s) {
    Cursor c(area);
    while (!c.empty()) {
        TRY_SET(size_t length, subpacket_length(c));
        if (length == 0) return fail("an OpenPGP signature has an empty subpacket");
        TRY_SET(uint64_t tagged, c.number(1));
        TRY_SET(std::string_view body, c.take(length - 1));
        bool critical = tagged & 0x80;
        switch (tagged & 0x7f) {
            case 2:  // creation time
                if (hashed && body.size() == 4) s.created = static_cast<uint32_t>(be(body));
                break;
            case 3:
                if (hashed && body.size() == 4) s.lifetime = static_cast<uint32_t>(be(body));
                break;
            case 9:
                if (hashed && body.size() == 4) s.key_lifetime = static_cast<uint32_t>(be(body));
                break;
            case 16:
                if (body.size() == 8) s.issuer_id = body;
                break;
            case 27:
                if (hashed && !body.empty()) s.key_flags = static_cast<unsigned char>(body[0]);
                break;
            case 32:
                s.embedded = body;
                break;
            case 33:
                if (body.size() == 21 || body.size() == 33) s.issuer_fingerprint = body.substr(1);
                break;
            case 4:   // exportable
            case 5:   // trust
            case 7:   // revocable
            case 11:  // preferences, which are not ours to follow
            case 20:  // notation: below
            case 21:
            case 22:
            case 23:
            case 24:
            case 25:  // primary user ID
            case 26:
            case 28:
            case 29:  // reason for revocation
            case 30:
            case 31:
            case 34:
            case 35:
            case 39:
                // A critical notation is one that we do not know.
                if ((tagged & 0x7f) == 20 && critical && hashed) s.unknown_critical = true;
                break;
            default:
                if (critical && hashed) s.unknown_critical = true;
        }
    }
    return {};
}

Status read_version_3(Cursor& c, Signature& s) {
    TRY_SET(uint64_t length, c.number(1));
    if (length != 5) return fail("an OpenPGP signature of version 3 is malformed");
    s.hashed = c.rest().substr(0, 5);
    TRY_SET(s.type, c.number(1));
    TRY_SET(s.created, c.number(4));
    TRY_SET(s.issuer_id, c.take(8));
    TRY_SET(s.key_algorithm, c.number(1));
    TRY_SET(s.hash_id, c.number(1));
    return {};
}

Status read_version_4_or_6(std::string_view body, Cursor& c, Signature& s) {
    size_t length_bytes = s.version == 6 ? 4 : 2;
    TRY_SET(s.type, c.number(1));
    TRY_SET(s.key_algorithm, c.number(1));
    TRY_SET(s.hash_id, c.number(1));
    TRY_SET(uint64_t hashed_bytes, c.number(length_bytes));
    TRY_SET(std::string_view hashed, c.take(hashed_bytes));
    s.hashed = body.substr(0, 4 + length_bytes + hashed_bytes);
    TRY_SET(uint64_t unhashed_bytes, c.number(length_bytes));
    TRY_SET(std::string_view unhashed, c.take(unhashed_bytes));
    // The hashed ones last: what they say of the issuer is what counts.
    TRY(read_subpackets(unhashed, false, s));
    TRY(read_subpackets(hashed, true, s));
    return {};
}

Status read_numbers(Cursor& c, Signature& s) {
    bool native = s.key_algorithm >= 27;
    if (native) {
        s.numbers.emplace_back(c.rest());
        return {};
    }
    while (!c.empty()) {
        TRY_SET(uint64_t bits, c.number(2));
        TRY_SET(std::string_view n, c.take((bits + 7) / 8));
        if (s.numbers.size() == 2) return fail("an OpenPGP signature has too many numbers");
        s.numbers.emplace_back(n);
    }
    return {};
}

const char* algorithm_name(unsigned id) {
    switch (id) {
        case 1:
        case 3:
            return "RSA";
        case 17:
            return "DSA";
        case 19:
            return "ECDSA";
        case 22:
            return "EdDSA";
        case 27:
            return "Ed25519";
        case 28:
            return "Ed448";
        case 30:
            return "ML-DSA-65+Ed25519";
        case 31:
            return "ML-DSA-87+Ed448";
        default:
            return "unknown";
    }
}

uint32_t crc24(std::string_view data) {
    uint32_t crc = 0xb704ce;
    for (unsigned char c : data) {
        crc ^= static_cast<uint32_t>(c) << 16;
        for (int i = 0; i < 8; i++) {
            crc <<= 1;
            if (crc & 0x1000000) crc ^= 0x1864cfb;
        }
    }
    return crc & 0xffffff;
}

// One block between its BEGIN line and its END line.
Result<std::string> decode_block(std::string_view block) {
    std::string base64, checksum;
    bool in_headers = true;
    for (std::string_view line : split_lines(block)) {
        line = trim(line);
        if (in_headers) {
            // Headers end at an empty line; a block without any begins at once.
            if (line.empty())
                in_headers = false;
            else if (!line.contains(": "))
                in_headers = false, base64 += line;
        } else if (line.starts_with('=')) {
            checksum = line.substr(1);
        } else {
            base64 += line;
        }
    }
    std::string out, sum;
    if (!from_base64(base64, out)) return fail("an OpenPGP block is not base64");
    if (!checksum.empty() &&
        (!from_base64(checksum, sum) || sum.size() != 3 || be(sum) != crc24(out)))
        return fail("an OpenPGP block has a wrong checksum");
    return out;
}

}  // namespace

std::optional<HashAlgorithm> hash_of_id(unsigned id) {
    switch (id) {
        case 1:
            return HashAlgorithm::md5;
        case 2:
            return HashAlgorithm::sha1;
        case 8:
            return HashAlgorithm::sha256;
        case 9:
            return HashAlgorithm::sha384;
        case 10:
            return HashAlgorithm::sha512;
        case 11:
            return HashAlgorithm::sha224;
        case 12:
            return HashAlgorithm::sha3_256;
        case 14:
            return HashAlgorithm::sha3_512;
        default:
            return std::nullopt;
    }
}

Result<Packet> take_packet(std::string_view& data) {
    Cursor c(data);
    TRY_SET(uint64_t first, c.number(1));
    if (!(first & 0x80)) return fail("this is not an OpenPGP packet");
    Packet p;
    size_t length;
    if (first & 0x40) {
        p.type = first & 0x3f;
        if (!c.rest().empty()) {
            auto lead = static_cast<unsigned char>(c.rest().front());
            if (lead >= 224 && lead < 255) return fail("an OpenPGP packet comes in parts");
        }
        TRY_SET(length, subpacket_length(c));
    } else {
        p.type = (first >> 2) & 0xf;
        if ((first & 3) == 3) return fail("an OpenPGP packet does not state its length");
        TRY_SET(length, c.number(size_t{1} << (first & 3)));
    }
    if (length > kMaxPacketBytes) return fail("an OpenPGP packet claims %zu bytes", length);
    TRY_SET(p.body, c.take(length));
    data = c.rest();
    return p;
}

Result<Signature> Signature::parse(std::string_view body) {
    Signature s;
    Cursor c(body);
    TRY_SET(s.version, c.number(1));
    if (s.version == 3) {
        TRY(read_version_3(c, s));
    } else if (s.version == 4 || s.version == 6) {
        TRY(read_version_4_or_6(body, c, s));
    } else {
        return fail("an OpenPGP signature has the unknown version %u", s.version);
    }
    TRY(c.take(2));  // the digest's first bytes: no proof of anything
    if (s.version == 6) {
        TRY_SET(uint64_t salt_bytes, c.number(1));
        TRY_SET(s.salt, c.take(salt_bytes));
    }
    if (s.issuer_id.empty() && s.issuer_fingerprint.size() == 20)
        s.issuer_id = s.issuer_fingerprint.substr(12);
    if (s.issuer_id.empty() && s.issuer_fingerprint.size() == 32)
        s.issuer_id = s.issuer_fingerprint.substr(0, 8);
    TRY(read_numbers(c, s));
    return s;
}

Result<Signature> Signature::parse_packet(std::string_view data) {
    TRY_SET(Packet p, take_packet(data));
    if (p.type != kSignaturePacket || !data.empty())
        return fail("this is not one OpenPGP signature");
    return parse(p.body);
}

Hash Signature::start_hash(HashAlgorithm algorithm) const {
    Hash h(algorithm);
    h.update(salt);
    return h;
}

std::string Signature::finish_hash(Hash& hash) const {
    hash.update(hashed);
    if (version != 3) {
        char lead[2] = {static_cast<char>(version), '\xff'};
        hash.update(lead, sizeof(lead));
        hash.update(be32_bytes(hashed.size()));
    }
    return hash.finish();
}

std::string Signature::str() const {
    auto hash = hash_algorithm();
    return format("%s/%s signature, key ID %s", algorithm_name(key_algorithm),
                  hash ? to_string(*hash) : "unknown",
                  issuer_id.empty() ? "unknown" : to_hex(issuer_id).c_str());
}

Result<std::string> decode_armor(std::string_view text, Armor kind) {
    std::string what = kind == Armor::signature ? "SIGNATURE-----" : "PUBLIC KEY BLOCK-----";
    std::string begin_line = "-----BEGIN PGP " + what, end_line = "-----END PGP " + what, out;
    size_t at = text.find(begin_line);
    if (at == std::string_view::npos) return std::string(text);
    for (; at != std::string_view::npos; at = text.find(begin_line, at)) {
        at += begin_line.size();
        size_t line_end = text.find('\n', at), end = text.find(end_line, at);
        if (end == std::string_view::npos || line_end == std::string_view::npos || line_end > end)
            return fail("an OpenPGP block has no end");
        TRY_SET(std::string block, decode_block(text.substr(line_end + 1, end - line_end - 1)));
        out += block;
        at = end;
    }
    return out;
}

}  // namespace tenon::pkg::openpgp
