#include "pkg/lib/openpgp/signed_text.h"

#include "pkg/lib/text.h"

namespace tenon::pkg::openpgp {

namespace {

constexpr size_t kMaxSignatures = 32;
constexpr std::string_view kBegin = "-----BEGIN PGP SIGNED MESSAGE-----";
constexpr std::string_view kSignature = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view kEnd = "-----END PGP SIGNATURE-----";

std::string_view strip_line_end(std::string_view line) {
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r'))
        line.remove_suffix(1);
    return line;
}

// How a signature over text sees it: trailing blanks gone, CR LF between the lines.
std::string canonical(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 16);
    bool first = true;
    for (std::string_view line : split_lines(text)) {
        if (!first) out += "\r\n";
        first = false;
        out += strip_line_end(line);
    }
    return out;
}

Result<std::string> judge_all(std::string_view contents, std::string_view packets, unsigned type,
                              const Keyring& keys, int64_t now) {
    std::string signer;
    std::vector<std::string> passed_by;
    size_t count = 0;
    while (!packets.empty()) {
        TRY_SET(Packet p, take_packet(packets));
        if (p.type != kSignaturePacket) return fail("there is something else than signatures");
        if (++count > kMaxSignatures) return fail("it has too many signatures");
        TRY_SET(Signature s, Signature::parse(p.body));
        auto algorithm = s.hash_algorithm();
        std::optional<Hash> hash;
        if (algorithm) {
            hash = s.start_hash(*algorithm);
            hash->update(contents);
        }
        Judgement j = keys.judge_contents(s, hash, type, now);
        if (j.state == SignatureState::good && *algorithm == HashAlgorithm::sha1)
            j = {SignatureState::refused, "SHA1 is too weak"};
        if (j.state == SignatureState::good) {
            signer = j.text;
            continue;
        }
        std::string sentence = s.str() + ": " + j.text;
        if (j.state == SignatureState::bad) return fail("%s", sentence.c_str());
        passed_by.push_back(std::move(sentence));
    }
    if (!signer.empty()) return signer;
    if (passed_by.empty()) return fail("it is not signed");
    return fail("no signature counts: %s", join(passed_by, "; ").c_str());
}

}  // namespace

Result<SignedText> parse_clear_signed(std::string_view file) {
    SignedText out;
    enum class Part { begin, headers, text, signature, end } part = Part::begin;
    std::string armor;
    for (std::string_view raw : split_lines(file)) {
        std::string_view line = strip_line_end(raw);
        switch (part) {
            case Part::begin:
                if (line != kBegin) return fail("it does not begin with '%s'", kBegin.data());
                part = Part::headers;
                break;
            case Part::headers:
                // Only Hash is allowed here: whatever else a reader might show is not signed.
                if (line.empty())
                    part = Part::text;
                else if (!line.starts_with("Hash: "))
                    return fail("a line before the signed text is not known");
                break;
            case Part::text:
                if (line == kSignature) {
                    armor += kSignature;
                    armor += '\n';
                    part = Part::signature;
                    break;
                }
                if (raw.starts_with("- "))
                    raw.remove_prefix(2);
                else if (raw.starts_with('-'))
                    return fail("a line of the signed text begins with a dash");
                out.text += strip_line_end(raw);
                out.text += '\n';
                break;
            case Part::signature:
                armor += line;
                armor += '\n';
                if (line == kEnd) part = Part::end;
                break;
            case Part::end:
                if (!line.empty()) return fail("there is something behind the signature");
                break;
        }
    }
    if (part != Part::end) return fail("it is cut off before the end of its signature");
    TRY_SET(out.signatures, decode_armor(armor, Armor::signature));
    return out;
}

Result<std::string> check_clear_signed(const SignedText& s, const Keyring& keys, int64_t now) {
    return judge_all(canonical(s.text), s.signatures, kTextSignature, keys, now);
}

Result<std::string> check_detached(std::string_view contents, std::string_view signature_file,
                                   const Keyring& keys, int64_t now) {
    TRY_SET(std::string packets, decode_armor(signature_file, Armor::signature));
    return judge_all(contents, packets, kBinarySignature, keys, now);
}

}  // namespace tenon::pkg::openpgp
