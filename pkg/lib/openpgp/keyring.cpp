#include "pkg/lib/openpgp/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <nettle/dsa.h>
#include <nettle/eddsa.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>

#include "pkg/lib/stream.h"

namespace tenon::pkg::openpgp {

namespace {

constexpr size_t kMaxKeyFileBytes = 4 * 1024 * 1024;
constexpr size_t kMaxPackets = 10'000;  // of one key file; each may cost a verification
constexpr unsigned kMaySign = 0x02;
constexpr size_t kEd448KeyBytes = 57;

std::string be_bytes(size_t n, size_t count) {
    std::string out;
    while (count--) out += static_cast<char>(n >> (8 * count));
    return out;
}

// Takes `n` bytes, or everything-as-failure: nullopt.
std::optional<std::string_view> take(std::string_view& s, size_t n) {
    if (n > s.size()) return std::nullopt;
    std::string_view out = s.substr(0, n);
    s.remove_prefix(n);
    return out;
}

// A multiprecision integer.
std::optional<std::string_view> take_number(std::string_view& s) {
    auto length = take(s, 2);
    if (!length) return std::nullopt;
    size_t bits =
        static_cast<unsigned char>((*length)[0]) << 8 | static_cast<unsigned char>((*length)[1]);
    return take(s, (bits + 7) / 8);
}

std::shared_ptr<PublicKey> shared(Result<PublicKey> key) {
    return key ? std::make_shared<PublicKey>(std::move(*key)) : nullptr;
}

constexpr std::string_view kP256("\x2a\x86\x48\xce\x3d\x03\x01\x07", 8);
constexpr std::string_view kP384("\x2b\x81\x04\x00\x22", 5);
constexpr std::string_view kP521("\x2b\x81\x04\x00\x23", 5);
constexpr std::string_view kEd25519Legacy("\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 9);
constexpr std::string_view kEd25519("\x2b\x65\x70", 3), kEd448("\x2b\x65\x71", 3);

void read_curve_key(std::string_view s, KeyMaterial& k) {
    auto length = take(s, 1);
    auto oid = length ? take(s, static_cast<unsigned char>(length->front())) : std::nullopt;
    auto point = oid ? take_number(s) : std::nullopt;
    if (!point || !s.empty()) return;
    if (k.algorithm == 19) {
        if (*oid == kP256) k.key = shared(PublicKey::ecdsa(Curve::p256, *point));
        if (*oid == kP384) k.key = shared(PublicKey::ecdsa(Curve::p384, *point));
        if (*oid == kP521) k.key = shared(PublicKey::ecdsa(Curve::p521, *point));
    } else if (*oid == kEd25519Legacy || *oid == kEd25519) {
        // A prefix of 0x40 says that the point is in its native form.
        if (point->size() == 33 && point->front() == 0x40)
            k.key = shared(PublicKey::ed25519(point->substr(1)));
    } else if (*oid == kEd448) {
        if (point->size() == kEd448KeyBytes + 1 && point->front() == 0x40)
            k.ed448 = point->substr(1);
    }
}

void read_numbers(std::string_view s, KeyMaterial& k) {
    switch (k.algorithm) {
        case 1:
        case 3: {
            auto n = take_number(s), e = n ? take_number(s) : std::nullopt;
            if (e && s.empty()) k.key = shared(PublicKey::rsa(*n, *e));
            break;
        }
        case 17: {
            auto p = take_number(s), q = p ? take_number(s) : std::nullopt;
            auto g = q ? take_number(s) : std::nullopt, y = g ? take_number(s) : std::nullopt;
            if (y && s.empty() && p->size() <= 512 && q->size() <= 64 && g->size() <= 512 &&
                y->size() <= 512)
                k.dsa = std::make_shared<DsaKey>(
                    DsaKey{std::string(*p), std::string(*q), std::string(*g), std::string(*y)});
            break;
        }
        case 19:
        case 22:
            read_curve_key(s, k);
            break;
        case 27:
            k.key = shared(PublicKey::ed25519(s));
            break;
        case 28:
            if (s.size() == kEd448KeyBytes) k.ed448 = s;
            break;
        default:
            break;
    }
}

const uint8_t* u8(std::string_view s) {
    return reinterpret_cast<const uint8_t*>(s.data());
}

class Number {
  public:
    explicit Number(std::string_view bytes) {
        mpz_init(n_);
        mpz_import(n_, bytes.size(), 1, 1, 0, 0, bytes.data());
    }
    ~Number() { mpz_clear(n_); }
    Number(const Number&) = delete;
    Number& operator=(const Number&) = delete;
    mpz_ptr get() { return n_; }

  private:
    mpz_t n_;
};

bool verify_dsa(const DsaKey& key, const Signature& s, const std::string& digest) {
    if (s.numbers.size() != 2 || s.numbers[0].size() > 64 || s.numbers[1].size() > 64) return false;
    Number p(key.p), q(key.q), g(key.g), y(key.y), r(s.numbers[0]), t(s.numbers[1]);
    // nettle divides by q and reduces by p.
    if (mpz_cmp_ui(p.get(), 2) <= 0 || mpz_cmp_ui(q.get(), 2) <= 0 || mpz_even_p(p.get()))
        return false;
    dsa_params params;
    params.p[0] = *p.get();
    params.q[0] = *q.get();
    params.g[0] = *g.get();
    dsa_signature signature;
    signature.r[0] = *r.get();
    signature.s[0] = *t.get();
    return dsa_verify(&params, y.get(), digest.size(), u8(digest), &signature) == 1;
}

// Left-pads a number to the size of a field of bytes.
std::string padded(const std::string& number, size_t bytes) {
    return number.size() >= bytes ? number : std::string(bytes - number.size(), '\0') + number;
}

// Reads a sequence of packets into certificates.
class CertificateReader {
  public:
    explicit CertificateReader(std::vector<SigningKey>& out) : out_(out) {}

    Status read(std::string_view data) {
        size_t packets = 0;
        while (!data.empty()) {
            if (++packets > kMaxPackets) return fail("it has too many OpenPGP packets");
            TRY_SET(Packet p, take_packet(data));
            if (p.type == kPublicKeyPacket) {
                finish();
                auto material = KeyMaterial::parse(p.body);
                // A version that is not known: its parts are passed by.
                in_certificate_ = material.has_value();
                if (material) primary_.material = std::move(*material);
                continue;
            }
            if (!in_certificate_) {
                if (first_) return fail("it does not begin with an OpenPGP public key");
                continue;
            }
            part(p);
        }
        finish();
        if (first_) return fail("it has no OpenPGP public key");
        return {};
    }

  private:
    struct Candidate {
        KeyMaterial material;
        bool bound = false, revoked = false;
        uint32_t newest = 0;  // when the binding that counts was made
        uint32_t expires = 0;
        bool may_sign = true;
    };

    void part(const Packet& p) {
        if (p.type == kUserIdPacket || p.type == kUserAttributePacket) {
            user_ = (p.type == kUserIdPacket ? "\xb4" : "\xd1") + be_bytes(p.body.size(), 4) +
                    std::string(p.body);
            if (owner_.empty() && p.type == kUserIdPacket) owner_ = p.body;
            in_subkey_ = false;
        } else if (p.type == kPublicSubkeyPacket) {
            auto material = KeyMaterial::parse(p.body);
            in_subkey_ = true;
            subkeys_.emplace_back();
            if (material) subkeys_.back().material = std::move(*material);
        } else if (p.type == kSignaturePacket) {
            if (auto s = Signature::parse(p.body)) signature(*s);
        }
    }

    bool made_by(const KeyMaterial& key, const Signature& s, std::string_view data) const {
        auto algorithm = s.hash_algorithm();
        if (!algorithm || *algorithm == HashAlgorithm::md5 || s.unknown_critical) return false;
        Hash h = s.start_hash(*algorithm);
        h.update(data);
        return key.verify(s, *algorithm, s.finish_hash(h));
    }

    void signature(const Signature& s) {
        const KeyMaterial& primary = primary_.material;
        if (in_subkey_) {
            Candidate& sub = subkeys_.back();
            if (!sub.material.supported()) return;
            std::string data = primary.hashed + sub.material.hashed;
            if (s.type == kSubkeyRevocation && made_by(primary, s, data)) sub.revoked = true;
            if (s.type != kSubkeyBinding || !made_by(primary, s, data)) return;
            bool may_sign = s.key_flags && (*s.key_flags & kMaySign) && signed_back(s, sub, data);
            bind(sub, s, may_sign);
        } else if (s.type == kKeyRevocation) {
            if (made_by(primary, s, primary.hashed)) primary_.revoked = true;
        } else if (s.type == kDirectKeySignature) {
            if (made_by(primary, s, primary.hashed)) bind_primary(s);
        } else if (s.type >= 0x10 && s.type <= 0x13 && !user_.empty()) {
            if (made_by(primary, s, primary.hashed + user_)) bind_primary(s);
        }
    }

    bool signed_back(const Signature& binding, const Candidate& sub, std::string_view data) const {
        auto back = Signature::parse(binding.embedded);
        return back && back->type == kPrimaryKeyBinding && made_by(sub.material, *back, data);
    }

    void bind_primary(const Signature& s) {
        bind(primary_, s, !s.key_flags || (*s.key_flags & kMaySign));
    }

    static void bind(Candidate& c, const Signature& s, bool may_sign) {
        if (c.bound && s.created < c.newest) return;
        c.bound = true;
        c.newest = s.created;
        c.may_sign = may_sign;
        uint32_t lifetime = s.key_lifetime.value_or(0);
        c.expires = lifetime ? c.material.created + lifetime : 0;
    }

    void finish() {
        if (in_certificate_) {
            first_ = false;
            primary_fingerprint_ = primary_.material.fingerprint;
            add(primary_, primary_.revoked  ? "the key is revoked"
                          : !primary_.bound ? "the key does not sign itself"
                                            : "");
            for (Candidate& sub : subkeys_) {
                const char* trouble = primary_.revoked || sub.revoked ? "the key is revoked"
                                      : !primary_.bound ? "the primary key does not sign itself"
                                      : !sub.bound      ? "the subkey is not bound to its primary"
                                                        : "";
                if (sub.expires == 0 || (primary_.expires && primary_.expires < sub.expires))
                    sub.expires = primary_.expires;
                add(sub, trouble);
            }
        }
        primary_ = {};
        subkeys_.clear();
        owner_.clear();
        user_.clear();
        in_certificate_ = in_subkey_ = false;
    }

    void add(Candidate& c, std::string trouble) {
        if (c.material.key_id.empty()) return;
        if (trouble.empty() && !c.may_sign) trouble = "the key is not for signing";
        out_.push_back(
            {std::move(c.material), primary_fingerprint_, c.expires, owner_, std::move(trouble)});
    }

    std::vector<SigningKey>& out_;
    Candidate primary_;
    std::vector<Candidate> subkeys_;
    std::string owner_, user_, primary_fingerprint_;
    bool in_certificate_ = false, in_subkey_ = false, first_ = true;
};

}  // namespace

Result<KeyMaterial> KeyMaterial::parse(std::string_view body) {
    KeyMaterial k;
    std::string_view s = body;
    auto fixed = take(s, 6);
    if (!fixed) return fail("an OpenPGP key is cut off");
    k.version = static_cast<unsigned char>((*fixed)[0]);
    for (int i = 1; i <= 4; i++)
        k.created = k.created << 8 | static_cast<unsigned char>((*fixed)[i]);
    k.algorithm = static_cast<unsigned char>((*fixed)[5]);
    if (k.version == 4) {
        if (body.size() > 0xffff) return fail("an OpenPGP key is too long");
        k.hashed = "\x99" + be_bytes(body.size(), 2) + std::string(body);
        k.fingerprint = hash_of(HashAlgorithm::sha1, k.hashed);
        k.key_id = k.fingerprint.substr(12);
    } else if (k.version == 6) {
        if (!take(s, 4)) return fail("an OpenPGP key is cut off");
        k.hashed = "\x9b" + be_bytes(body.size(), 4) + std::string(body);
        k.fingerprint = hash_of(HashAlgorithm::sha256, k.hashed);
        k.key_id = k.fingerprint.substr(0, 8);
    } else {
        return fail("an OpenPGP key has the unknown version %u", k.version);
    }
    read_numbers(s, k);
    return k;
}

bool KeyMaterial::verify(const Signature& s, HashAlgorithm hash, const std::string& digest) const {
    bool rsa = algorithm == 1 || algorithm == 3;
    bool same = s.key_algorithm == algorithm || (rsa && s.key_algorithm == 1);
    if (!same || s.numbers.empty()) return false;
    if (dsa) return verify_dsa(*dsa, s, digest);
    if (!ed448.empty()) {
        std::string value = s.numbers.size() == 2
                                ? padded(s.numbers[0], 57) + padded(s.numbers[1], 57)
                                : s.numbers[0];
        return value.size() == ED448_SIGNATURE_SIZE &&
               ed448_shake256_verify(u8(ed448), digest.size(), u8(digest), u8(value)) == 1;
    }
    if (!key) return false;
    switch (key->kind()) {
        case KeyKind::rsa:
            return s.numbers.size() == 1 && key->verify(hash, digest, s.numbers[0]);
        case KeyKind::ecdsa:
            return s.numbers.size() == 2 && key->verify_ecdsa(digest, s.numbers[0], s.numbers[1]);
        case KeyKind::ed25519: {
            std::string value = s.numbers.size() == 2
                                    ? padded(s.numbers[0], 32) + padded(s.numbers[1], 32)
                                    : s.numbers[0];
            return key->verify(hash, digest, value);
        }
    }
    return false;
}

Status Keyring::add(std::string_view data) {
    TRY_SET(std::string packets, decode_armor(data));
    return CertificateReader(keys_).read(packets);
}

Status Keyring::add_directory(const std::string& directory) {
    std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
    if (!dir) return fail_errno("cannot open the directory of keys '%s'", directory.c_str());
    std::vector<std::string> names;
    while (dirent* e = readdir(dir.get()))
        if (e->d_name[0] != '.') names.emplace_back(e->d_name);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        std::string path = directory + "/" + name, data;
        struct stat st;
        if (stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode)) continue;
        auto file = Source::open(path);
        if (!file) return std::unexpected(std::move(file.error()).in(path));
        char block[16 * 1024];
        for (;;) {
            auto n = file->read(block, sizeof(block));
            if (!n) return std::unexpected(std::move(n.error()).in(path));
            if (*n == 0) break;
            data.append(block, *n);
            if (data.size() > kMaxKeyFileBytes) return fail("%s is too long", path.c_str());
        }
        // An old or a new packet head of type 6, or the armour: anything else is not for us.
        auto lead = data.empty() ? 0u : static_cast<unsigned char>(data[0]);
        bool binary = (lead & 0xfc) == 0x98 || lead == 0xc6;
        if (!binary && !data.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----")) continue;
        if (Status s = add(data); !s) return std::unexpected(std::move(s.error()).in(path));
    }
    return {};
}

Keyring Keyring::only(const std::vector<std::string>& fingerprints) const {
    Keyring out;
    for (const SigningKey& k : keys_)
        for (const std::string& f : fingerprints)
            if (f == k.material.fingerprint || f == k.primary_fingerprint) {
                out.keys_.push_back(k);
                break;
            }
    return out;
}

Judgement Keyring::judge_contents(const Signature& s, std::optional<Hash>& hash, unsigned type,
                                  int64_t now) const {
    if (s.type != type) return {SignatureState::refused, "it is no signature over a file"};
    if (s.unknown_critical)
        return {SignatureState::refused, "it has a critical part that is not known here"};
    if (!hash) return {SignatureState::unsupported, "its digest is not supported"};
    if (hash->algorithm() == HashAlgorithm::md5)
        return {SignatureState::refused, "MD5 protects nothing"};
    return judge(s, s.finish_hash(*hash), now);
}

Judgement Keyring::judge(const Signature& s, const std::string& digest, int64_t now) const {
    auto algorithm = s.hash_algorithm();
    bool known = false, unsupported = false;
    std::string trouble;
    for (const SigningKey& k : keys_) {
        const KeyMaterial& m = k.material;
        if (s.issuer_fingerprint.empty() ? s.issuer_id != m.key_id
                                         : s.issuer_fingerprint != m.fingerprint)
            continue;
        known = true;
        if (!m.supported()) {
            unsupported = true;
            continue;
        }
        if (!k.trouble.empty()) {
            trouble = k.trouble;
            continue;
        }
        if (!m.verify(s, *algorithm, digest)) continue;
        if (s.created < m.created || (k.expires && s.created >= k.expires)) {
            trouble = "the key was not valid when it signed";
            continue;
        }
        if (s.lifetime.value_or(0) && now > int64_t{s.created} + *s.lifetime) {
            trouble = "the signature has expired";
            continue;
        }
        return {SignatureState::good, k.owner};
    }
    if (!known) return {SignatureState::unknown_key, "the key is not among the known ones"};
    if (unsupported) return {SignatureState::unsupported, "its algorithm is not supported"};
    if (!trouble.empty()) return {SignatureState::refused, trouble};
    return {SignatureState::bad, "the signature does not fit the contents"};
}

}  // namespace tenon::pkg::openpgp
