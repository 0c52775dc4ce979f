#include "pkg/tests/apk_builder.h"

#include <gtest/gtest.h>
#include <nettle/bignum.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecdsa.h>
#include <nettle/rsa.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "pkg/lib/public_key.h"

namespace tenon::pkg::test {

namespace {

// Not random at all: the same keys in every run.
void stream_of_bytes(void* counter, size_t len, uint8_t* out) {
    auto& n = *static_cast<uint64_t*>(counter);
    while (len > 0) {
        std::string block = hash_of(HashAlgorithm::sha256, "tenon " + std::to_string(n++));
        size_t take = std::min(len, block.size());
        memcpy(out, block.data(), take);
        out += take;
        len -= take;
    }
}

std::string big_endian(const mpz_t value, size_t len = 0) {
    std::string out(len ? len : nettle_mpz_sizeinbase_256_u(value), '\0');
    nettle_mpz_get_str_256(out.size(), reinterpret_cast<uint8_t*>(out.data()), value);
    return out;
}

std::string der(unsigned char tag, std::string_view contents) {
    std::string out(1, static_cast<char>(tag));
    size_t n = contents.size();
    if (n >= 256) {
        out += "\x82";
        out += static_cast<char>(n >> 8);
    } else if (n >= 128) {
        out += "\x81";
    }
    out += static_cast<char>(n);
    return out.append(contents);
}

std::string der_number(const mpz_t value) {
    std::string bytes = big_endian(value);
    if (bytes.empty() || (bytes[0] & 0x80)) bytes.insert(0, 1, '\0');
    return der(2, bytes);
}

std::string pem_of(std::string_view algorithm, std::string_view material) {
    std::string bits(1, '\0');
    bits.append(material);
    return "-----BEGIN PUBLIC KEY-----\n" +
           to_base64(der(0x30, der(0x30, algorithm) + der(3, bits))) +
           "\n-----END PUBLIC KEY-----\n";
}

struct RsaKeys {
    rsa_public_key pub;
    rsa_private_key key;
    uint64_t counter = 1;
    RsaKeys() {
        rsa_public_key_init(&pub);
        rsa_private_key_init(&key);
        mpz_set_ui(pub.e, 65537);
        EXPECT_EQ(
            rsa_generate_keypair(&pub, &key, &counter, stream_of_bytes, nullptr, nullptr, 2048, 0),
            1);
    }
};
RsaKeys& rsa_keys() {
    static RsaKeys* keys = new RsaKeys;
    return *keys;
}

struct EcKeys {
    ecc_point pub;
    ecc_scalar key;
    uint64_t counter = 1000;
    EcKeys() {
        ecc_point_init(&pub, nettle_get_secp_256r1());
        ecc_scalar_init(&key, nettle_get_secp_256r1());
        ecdsa_generate_keypair(&pub, &key, &counter, stream_of_bytes);
    }
};
EcKeys& ec_keys() {
    static EcKeys* keys = new EcKeys;
    return *keys;
}

std::string le(uint64_t n, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; i++) out += static_cast<char>(n >> 8 * i);
    return out;
}

std::string tar_header(const std::string& name, char type, size_t size, unsigned mode,
                       const std::string& link) {
    std::string h(512, '\0');
    auto put = [&](size_t at, const std::string& s) { memcpy(h.data() + at, s.data(), s.size()); };
    auto octal = [&](size_t at, int digits, unsigned long long n) {
        char text[32];
        snprintf(text, sizeof(text), "%0*llo", digits, n);
        put(at, text);
    };
    put(0, name.substr(0, 100));
    octal(100, 7, mode);
    octal(108, 7, 0);
    octal(116, 7, 0);
    octal(124, 11, size);
    octal(136, 11, 1700000000);
    put(148, "        ");
    h[156] = type;
    put(157, link.substr(0, 100));
    put(257, std::string("ustar\0"
                         "00",
                         8));
    put(265, "root");
    put(297, "root");
    unsigned sum = 0;
    for (unsigned char c : h) sum += c;
    octal(148, 6, sum);
    h[154] = '\0';
    return h;
}

std::string padded(std::string data) {
    data.resize((data.size() + 511) / 512 * 512);
    return data;
}

}  // namespace

std::string rsa_pem() {
    RsaKeys& k = rsa_keys();
    auto key = PublicKey::rsa(big_endian(k.pub.n), big_endian(k.pub.e));
    EXPECT_TRUE(key);
    std::string oid("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00", 13);
    return pem_of(oid, key->material());
}

std::string rsa_signature(HashAlgorithm algorithm, std::string_view digest) {
    RsaKeys& k = rsa_keys();
    auto* bytes = reinterpret_cast<const uint8_t*>(digest.data());
    mpz_t s;
    mpz_init(s);
    int done = algorithm == HashAlgorithm::sha1     ? rsa_sha1_sign_digest(&k.key, bytes, s)
               : algorithm == HashAlgorithm::sha256 ? rsa_sha256_sign_digest(&k.key, bytes, s)
                                                    : rsa_sha512_sign_digest(&k.key, bytes, s);
    EXPECT_EQ(done, 1);
    std::string out = big_endian(s, 256);
    mpz_clear(s);
    return out;
}

std::string ecdsa_pem() {
    mpz_t x, y;
    mpz_init(x);
    mpz_init(y);
    ecc_point_get(&ec_keys().pub, x, y);
    std::string point = "\x04" + big_endian(x, 32) + big_endian(y, 32);
    mpz_clear(x);
    mpz_clear(y);
    std::string oids(
        "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    return pem_of(oids, point);
}

std::string ecdsa_signature(std::string_view digest) {
    EcKeys& k = ec_keys();
    dsa_signature s;
    dsa_signature_init(&s);
    ecdsa_sign(&k.key, &k.counter, stream_of_bytes, digest.size(),
               reinterpret_cast<const uint8_t*>(digest.data()), &s);
    std::string out = der(0x30, der_number(s.r) + der_number(s.s));
    dsa_signature_clear(&s);
    return out;
}

const apk::KeyRing& test_keys() {
    static const apk::KeyRing* ring = [] {
        auto* r = new apk::KeyRing;
        EXPECT_TRUE(r->add("test.rsa.pub", rsa_pem()));
        EXPECT_TRUE(r->add("test.ec.pem", ecdsa_pem()));
        return r;
    }();
    return *ring;
}

std::string gzip(std::string_view data) {
    z_stream z{};
    EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&z, data.size()), '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    z.avail_in = static_cast<uInt>(data.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

std::string tar_item(const ApkItem& item) {
    auto records = item.pax;
    if (item.checksum && (item.type == '0' || item.type == '2'))
        records.emplace_back("APK-TOOLS.checksum.SHA1",
                             to_hex(hash_of(HashAlgorithm::sha1, item.data)));
    std::string pax;
    for (const auto& [key, value] : records) {
        std::string body = " " + key + "=" + value + "\n";
        size_t len = body.size() + 1;
        while (std::to_string(len).size() + body.size() != len) len++;
        pax += std::to_string(len) + body;
    }
    std::string out;
    if (!pax.empty()) out = tar_header("PaxHeaders/x", 'x', pax.size(), 0644, "") + padded(pax);
    bool contents = item.type == '0' || item.type == '7';
    out += tar_header(item.path, item.type, contents ? item.data.size() : 0, item.mode,
                      contents ? "" : item.data);
    if (contents) out += padded(item.data);
    return out;
}

std::string tar_end() {
    return std::string(1024, '\0');
}

std::string v2_signature(const std::string& kind, std::string_view over) {
    if (kind.empty()) return "";
    HashAlgorithm algorithm = kind == "RSA"      ? HashAlgorithm::sha1
                              : kind == "RSA256" ? HashAlgorithm::sha256
                                                 : HashAlgorithm::sha512;
    return gzip(tar_item({.path = ".SIGN." + kind + ".test.rsa.pub",
                          .data = rsa_signature(algorithm, hash_of(algorithm, over)),
                          .checksum = false}));
}

V2Parts v2_parts(const V2Spec& spec) {
    V2Parts parts;
    std::string data;
    for (const auto& item : spec.items) data += tar_item(item);
    parts.data = gzip(data + tar_end());
    std::string info = spec.pkginfo;
    if (spec.data_hash)
        info += "datahash = " + to_hex(hash_of(HashAlgorithm::sha256, parts.data)) + "\n";
    std::string control = tar_item({.path = ".PKGINFO", .data = info, .checksum = false});
    for (const auto& [name, text] : spec.control)
        control += tar_item({.path = name, .data = text, .mode = 0755, .checksum = false});
    parts.control = gzip(control);
    parts.signatures = v2_signature(spec.signature, parts.control);
    return parts;
}

std::string v2_index(const std::string& text, const std::string& signature) {
    std::string body =
        gzip(tar_item({.path = "DESCRIPTION", .data = "made", .checksum = false}) +
             tar_item({.path = "APKINDEX", .data = text, .checksum = false}) + tar_end());
    return v2_signature(signature, body) + body;
}

uint32_t AdbWriter::blob(std::string_view bytes) {
    size_t head = bytes.size() < 256 ? 1 : bytes.size() < 65536 ? 2 : 4;
    while (bytes_.size() % head) bytes_ += '\0';
    auto at = static_cast<uint32_t>(bytes_.size());
    bytes_ += le(bytes.size(), static_cast<int>(head));
    bytes_.append(bytes);
    return (head == 1 ? 0x80000000 : head == 2 ? 0x90000000 : 0xa0000000) | at;
}

uint32_t AdbWriter::slots(uint32_t type, const std::vector<uint32_t>& values) {
    while (bytes_.size() % 4) bytes_ += '\0';
    auto at = static_cast<uint32_t>(bytes_.size());
    bytes_ += le(values.size() + 1, 4);
    for (uint32_t v : values) bytes_ += le(v, 4);
    return type | at;
}
uint32_t AdbWriter::object(const std::vector<uint32_t>& values) {
    return slots(0xe0000000, values);
}
uint32_t AdbWriter::array(const std::vector<uint32_t>& values) {
    return slots(0xd0000000, values);
}
std::string AdbWriter::finish(uint32_t root) {
    bytes_.replace(4, 4, le(root, 4));
    return bytes_;
}

std::string v3_adb(const V3Spec& spec) {
    AdbWriter w;
    std::vector<uint32_t> deps;
    for (const auto& d : spec.depends) deps.push_back(w.object({w.blob(d)}));
    uint32_t info = w.object(
        {w.blob("made"), w.blob("1.0-r0"), 0, w.blob("a test"), w.blob("x86_64"), w.blob("MIT"), 0,
         0, 0, 0, AdbWriter::integer(1700000), AdbWriter::integer(4096), 0, 0, w.array(deps)});
    std::vector<uint32_t> dirs;
    uint32_t root = w.blob("root");
    for (const auto& dir : spec.dirs) {
        std::vector<uint32_t> files;
        for (const auto& f : dir.files) {
            std::vector<uint32_t> xattrs;
            for (const auto& x : f.xattrs) xattrs.push_back(w.blob(x));
            uint32_t acl = w.object(
                {AdbWriter::integer(f.mode), root, root, xattrs.empty() ? 0 : w.array(xattrs)});
            std::string hash = f.hash.empty() ? hash_of(HashAlgorithm::sha256, f.data) : f.hash;
            std::vector<uint32_t> slots = {w.blob(f.name), acl,
                                           AdbWriter::integer(static_cast<uint32_t>(f.data.size())),
                                           AdbWriter::integer(1700000)};
            slots.push_back(f.target.empty() ? w.blob(hash) : 0);
            if (!f.target.empty()) slots.push_back(w.blob(f.target));
            files.push_back(w.object(slots));
        }
        uint32_t acl = w.object({AdbWriter::integer(0755), root, root});
        dirs.push_back(w.object({w.blob(dir.name), acl, w.array(files)}));
    }
    uint32_t scripts = spec.script.empty() ? 0 : w.object({0, 0, w.blob(spec.script)});
    std::vector<uint32_t> triggers;
    for (const auto& t : spec.triggers) triggers.push_back(w.blob(t));
    return w.finish(w.object({info, w.array(dirs), scripts, w.array(triggers)}));
}

std::string adb_block(uint32_t type, std::string_view payload) {
    std::string out = le(type << 30 | static_cast<uint32_t>(payload.size() + 4), 4);
    out.append(payload);
    while (out.size() % 8) out += '\0';
    return out;
}

std::string adb_data(uint32_t path, uint32_t file, std::string_view contents) {
    return adb_block(2, le(path, 4) + le(file, 4) + std::string(contents));
}

std::string v3_signature(uint32_t schema, std::string_view adb) {
    std::string head("\0\x04", 2);
    for (const auto& k : test_keys().keys())
        if (k.name == "test.ec.pem") head += k.id;
    std::string message = le(schema, 4) + head + hash_of(HashAlgorithm::sha512, adb);
    return head + ecdsa_signature(hash_of(HashAlgorithm::sha512, message));
}

std::string v3_plain(const V3Spec& spec) {
    std::string adb = v3_adb(spec);
    std::string out = "ADB." + le(kSchemaPackage, 4) + adb_block(0, adb);
    if (spec.sign) out += adb_block(1, v3_signature(kSchemaPackage, adb));
    for (uint32_t d = 0; d < spec.dirs.size(); d++)
        for (uint32_t f = 0; f < spec.dirs[d].files.size(); f++) {
            const V3File& file = spec.dirs[d].files[f];
            if (file.target.empty() && !file.data.empty()) out += adb_data(d + 1, f + 1, file.data);
        }
    return out;
}

std::string deflated(std::string_view plain) {
    z_stream z{};
    EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&z, plain.size()), '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    z.avail_in = static_cast<uInt>(plain.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return "ADBd" + out;
}

std::string zstd(std::string_view plain) {
    std::string out(ZSTD_compressBound(plain.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
    return "ADBc\x02\x03" + out;
}

}  // namespace tenon::pkg::test
