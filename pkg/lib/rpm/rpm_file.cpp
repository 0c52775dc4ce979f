#include "pkg/lib/rpm/rpm_file.h"

#include <string.h>
#include <time.h>

#include <algorithm>
#include <list>
#include <optional>

#include "pkg/lib/rpm/payload.h"

namespace tenon::pkg::rpm {

namespace {

using openpgp::Judgement;
using openpgp::Signature;
using openpgp::SignatureState;

constexpr size_t kLeadBytes = 96;
constexpr std::string_view kLeadMagic("\xed\xab\xee\xdb", 4);
constexpr size_t kMaxSignatures = 64;

bool same_hex(std::string_view a, std::string_view b) {
    std::string x, y;
    return from_hex(a, x) && from_hex(b, y) && x == y;
}

// A digest over the payload or over header and payload.
struct RunningDigest {
    std::string what;
    Hash hash;
    std::string expected;  // hex
    // The same payload before compression: one of the two suffices.
    bool alternative = false;
};

struct RunningSignature {
    std::string what;
    bool over_payload = false;
    Signature signature;
    std::optional<Hash> hash;
    std::string malformed;  // why it cannot be read
};

struct DigestTag {
    Tag tag, alternative;
    HashAlgorithm algorithm;
};
constexpr DigestTag kPayloadDigests[] = {
    {tag::kPayloadSha256, tag::kPayloadSha256Alt, HashAlgorithm::sha256},
    {tag::kPayloadSha512, tag::kPayloadSha512Alt, HashAlgorithm::sha512},
    {tag::kPayloadSha3, tag::kPayloadSha3Alt, HashAlgorithm::sha3_256},
};

struct HeaderDigestTag {
    Tag tag;
    HashAlgorithm algorithm;
};
constexpr HeaderDigestTag kHeaderDigests[] = {
    {sigtag::kSha3, HashAlgorithm::sha3_256},
    {sigtag::kSha256, HashAlgorithm::sha256},
    {sigtag::kSha1, HashAlgorithm::sha1},
};

// Everything that is computed while the payload passes, and the verdict that comes of it.
class Verifier {
  public:
    Verifier(const Header& signatures, const Header& header, const openpgp::Keyring* keys)
        : signatures_(signatures), header_(header), keys_(keys) {
        header_digests();
        payload_digests();
        if (keys_) find_signatures();
    }

    // Who wants the compressed, who the uncompressed payload.
    std::vector<Hash*> compressed() {
        std::vector<Hash*> out;
        for (auto& d : digests_)
            if (!d.alternative) out.push_back(&d.hash);
        for (auto& s : running_)
            if (s.over_payload && s.hash) out.push_back(&*s.hash);
        return out;
    }
    std::vector<Hash*> uncompressed() {
        std::vector<Hash*> out;
        for (auto& d : digests_)
            if (d.alternative) out.push_back(&d.hash);
        return out;
    }

    Verdict finish(std::string walk_error) {
        finish_digests();
        // A wrong digest says more than what the parsers stumbled over.
        if (verdict_.damage.empty()) verdict_.damage = std::move(walk_error);
        if (verdict_.damage.empty() && !header_covered_)
            verdict_.damage = "no digest covers its header";
        if (verdict_.damage.empty() && !payload_covered_)
            verdict_.damage = "no digest covers its payload";
        finish_signatures();
        return std::move(verdict_);
    }

  private:
    void add(std::string what, CheckState state, std::string text = "") {
        verdict_.checks.push_back({std::move(what), state, std::move(text), false});
    }

    void header_digests() {
        for (const auto& d : kHeaderDigests) {
            if (!signatures_.has(d.tag)) continue;
            std::string what = format("header %s digest", to_string(d.algorithm));
            bool good =
                same_hex(signatures_.string(d.tag), to_hex(hash_of(d.algorithm, header_.raw())));
            header_covered_ |= good;
            add(what, good ? CheckState::good : CheckState::bad);
            if (!good) verdict_.damage = "the " + what + " is wrong";
        }
    }

    void payload_digests() {
        for (const auto& d : kPayloadDigests) {
            for (bool alternative : {false, true}) {
                Tag t = alternative ? d.alternative : d.tag;
                if (!header_.has(t)) continue;
                digests_.push_back({format("payload %s digest%s", to_string(d.algorithm),
                                           alternative ? " (uncompressed)" : ""),
                                    Hash(d.algorithm), std::string(header_.string(t)),
                                    alternative});
            }
        }
        if (signatures_.has(sigtag::kMd5)) {
            digests_.push_back({"header and payload MD5 digest", Hash(HashAlgorithm::md5),
                                to_hex(signatures_.bytes(sigtag::kMd5)), false});
            digests_.back().hash.update(header_.raw());
            md5_ = &digests_.back();
        }
    }

    void add_signature(std::string_view packet, bool over_payload) {
        RunningSignature r;
        r.over_payload = over_payload;
        r.what = over_payload ? "header and payload " : "header ";
        auto s = Signature::parse_packet(packet);
        if (!s) {
            r.what += "signature";
            r.malformed = s.error().text;
        } else {
            r.signature = std::move(*s);
            r.what += r.signature.str();
            if (auto algorithm = r.signature.hash_algorithm()) {
                r.hash = r.signature.start_hash(*algorithm);
                r.hash->update(header_.raw());
            }
        }
        running_.push_back(std::move(r));
    }

    // Those of version 6 replace the others, which then stand there for old readers.
    void find_signatures() {
        if (signatures_.has(sigtag::kOpenPgp)) {
            auto all = signatures_.strings(sigtag::kOpenPgp);
            if (all.size() > kMaxSignatures) all.resize(kMaxSignatures);
            for (std::string_view text : all) {
                std::string packet;
                if (!from_base64(text, packet)) packet.clear();
                add_signature(packet, false);
            }
        } else {
            for (Tag t : {sigtag::kRsaHeader, sigtag::kDsaHeader})
                if (signatures_.has(t)) add_signature(signatures_.bytes(t), false);
            for (Tag t : {sigtag::kPgp, sigtag::kGpg})
                if (signatures_.has(t)) add_signature(signatures_.bytes(t), true);
        }
        verdict_.is_signed = !running_.empty();
    }

    void finish_digests() {
        std::vector<std::pair<RunningDigest*, bool>> results;
        bool any_good = false;
        for (auto& d : digests_) {
            bool good = same_hex(d.expected, to_hex(d.hash.finish()));
            results.emplace_back(&d, good);
            if (&d != md5_) any_good |= good;
        }
        for (auto [d, good] : results) {
            // A payload that was compressed anew has only the one of the two.
            bool excused = !good && d != md5_ && any_good && has_good_twin(results, d);
            if (excused) continue;
            add(d->what, good ? CheckState::good : CheckState::bad);
            if (good) {
                payload_covered_ = true;
                if (d == md5_) header_covered_ = true;
            } else if (verdict_.damage.empty()) {
                verdict_.damage = "the " + d->what + " is wrong";
            }
        }
    }

    bool has_good_twin(const std::vector<std::pair<RunningDigest*, bool>>& results,
                       const RunningDigest* d) const {
        return std::any_of(results.begin(), results.end(), [&](const auto& r) {
            return r.second && r.first != md5_ && r.first->alternative != d->alternative &&
                   r.first->hash.algorithm() == d->hash.algorithm();
        });
    }

    void finish_signatures() {
        bool trusted = false;
        for (auto& r : running_) {
            Judgement j;
            if (!r.malformed.empty())
                j = {SignatureState::bad, r.malformed};
            else
                j = keys_->judge_contents(r.signature, r.hash, openpgp::kBinarySignature,
                                          time(nullptr));
            trusted |= j.state == SignatureState::good;
            report(r, j);
        }
        for (const Check& c : verdict_.checks)
            if (c.is_signature && c.state == CheckState::unsupported && !trusted &&
                verdict_.distrust.empty())
                verdict_.distrust = "the " + c.what + " cannot be checked: " + c.text;
    }

    void report(const RunningSignature& r, const Judgement& j) {
        CheckState state = CheckState::bad;
        switch (j.state) {
            case SignatureState::good:
                state = CheckState::good;
                break;
            case SignatureState::unknown_key:
                state = CheckState::unknown_key;
                break;
            case SignatureState::unsupported:
                state = CheckState::unsupported;
                break;
            case SignatureState::bad:
            case SignatureState::refused:
                break;
        }
        verdict_.checks.push_back({r.what, state, j.text, true});
        if (!verdict_.distrust.empty()) return;
        if (state == CheckState::bad)
            verdict_.distrust = "the " + r.what + " is not good: " + j.text;
        if (state == CheckState::unknown_key)
            verdict_.distrust = "the " + r.what + " cannot be checked: " + j.text;
    }

    const Header& signatures_;
    const Header& header_;
    const openpgp::Keyring* keys_;
    Verdict verdict_;
    std::list<RunningDigest> digests_;  // pointers to its elements are kept
    std::list<RunningSignature> running_;
    const RunningDigest* md5_ = nullptr;
    bool header_covered_ = false, payload_covered_ = false;
};

class NullSink final : public EntrySink {
  public:
    Status entry(const TarEntry&, EntryData&) override { return {}; }
};

// Notes when it was the sink, and not the package, that failed.
class GuardSink final : public EntrySink {
  public:
    explicit GuardSink(EntrySink& inner) : inner_(inner) {}
    Status entry(const TarEntry& entry, EntryData& data) override {
        Status s = inner_.entry(entry, data);
        if (!s) error_ = s.error();
        return s;
    }
    const std::optional<Error>& error() const { return error_; }

  private:
    EntrySink& inner_;
    std::optional<Error> error_;
};

}  // namespace

Result<RpmFile> RpmFile::open(const std::string& path) {
    RpmFile f;
    f.path_ = path;
    if (Status s = f.read_headers(); !s) return std::unexpected(std::move(s.error()).in(path));
    return f;
}

Result<RpmFile> RpmFile::open_memory(std::string_view data) {
    RpmFile f;
    f.path_ = "memory";
    f.memory_ = data;
    TRY(f.read_headers());
    return f;
}

Result<Source> RpmFile::reopen() const {
    if (memory_.data()) return Source::memory(memory_);
    return Source::open(path_);
}

Status RpmFile::read_headers() {
    TRY_SET(auto stream, reopen());
    char lead[kLeadBytes];
    TRY(stream.read_exactly(lead, sizeof(lead), "the lead of this RPM file"));
    if (std::string_view(lead, kLeadMagic.size()) != kLeadMagic)
        return fail("this is not an RPM file");
    TRY_SET(signatures_, Header::read(stream, HeaderKind::signature));
    TRY_SET(header_, Header::read(stream, HeaderKind::main));
    header_at_ = kLeadBytes + (signatures_.raw().size() + 7) / 8 * 8;
    TRY(check_header_digests());
    TRY_SET(package_, Package::from_header(header_));
    return {};
}

Status RpmFile::check_header_digests() const {
    for (const auto& d : kHeaderDigests) {
        if (!signatures_.has(d.tag)) continue;
        if (!same_hex(signatures_.string(d.tag), to_hex(hash_of(d.algorithm, header_.raw()))))
            return fail("the header %s digest is wrong: the file is damaged or was changed",
                        to_string(d.algorithm));
    }
    return {};
}

Result<Verdict> RpmFile::run(EntrySink& sink, const openpgp::Keyring* keys) const {
    TRY_SET(auto stream, reopen());
    char block[16 * 1024];
    for (uint64_t left = header_at_ + header_.raw().size(); left > 0;) {
        size_t n = static_cast<size_t>(std::min<uint64_t>(left, sizeof(block)));
        TRY(stream.read_exactly(block, n, "the file"));
        left -= n;
    }
    Verifier verifier(signatures_, header_, keys);
    HashingStream compressed(stream, verifier.compressed());
    GuardSink guarded(sink);
    auto walk = [&]() -> Status {
        TRY_SET(Filter filter, filter_of_compressor(package_.payload_compressor));
        TRY_SET(auto plain, decompress(compressed, filter));
        HashingStream uncompressed(*plain, verifier.uncompressed());
        TRY(walk_cpio(uncompressed, package_, guarded));
        return uncompressed.drain();
    };
    Status walked = walk();
    if (guarded.error()) return std::unexpected(*guarded.error());
    // To the end, whatever was wrong: the digest tells more.
    TRY(compressed.drain());
    return verifier.finish(walked ? "" : walked.error().text);
}

Status RpmFile::walk(EntrySink& sink) const {
    auto verdict = run(sink, nullptr);
    if (!verdict) return std::unexpected(std::move(verdict.error()).in(path_));
    if (!verdict->damage.empty()) return fail("%s: %s", path_.c_str(), verdict->damage.c_str());
    return {};
}

Result<Verdict> RpmFile::verify(const openpgp::Keyring& keys) const {
    NullSink sink;
    return verify(keys, sink);
}

Result<Verdict> RpmFile::verify(const openpgp::Keyring& keys, EntrySink& sink) const {
    auto verdict = run(sink, &keys);
    if (!verdict) return std::unexpected(std::move(verdict.error()).in(path_));
    return verdict;
}

bool looks_like_rpm(const std::string& path) {
    auto stream = Source::open(path);
    char magic[4];
    return stream && stream->read_exactly(magic, sizeof(magic)) &&
           std::string_view(magic, sizeof(magic)) == kLeadMagic;
}

}  // namespace tenon::pkg::rpm
