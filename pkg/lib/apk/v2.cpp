// Format v2: gzip members, each a tar: signatures, control, data. The signatures are over the
// compressed control member, whose .PKGINFO names the digest of the compressed data member. An
// index has one member behind the signatures, which are over all that follows them.
#include "pkg/lib/apk/contents.h"
#include "pkg/lib/apk/gzip_members.h"
#include "pkg/lib/apk/tar.h"

namespace tenon::pkg::apk {

namespace {

// Held in memory, so bounded. The largest scripts of Alpine are below 100 KB, its largest index
// below 20 MB.
constexpr size_t kControlFileMax = 16u << 20;
constexpr size_t kControlTotalMax = 32u << 20;
constexpr size_t kControlEntriesMax = 1000;
constexpr size_t kIndexMax = 256u << 20;
constexpr size_t kSignatureMax = 64u << 10;
constexpr size_t kSignaturesMax = 64;
constexpr std::string_view kSign = ".SIGN.";

struct PendingSignature {
    std::string kind, key, bytes;
};

// The three digests that a signature may be over, of the bytes that pass by.
struct Digests {
    Hash sha1{HashAlgorithm::sha1}, sha256{HashAlgorithm::sha256}, sha512{HashAlgorithm::sha512};
    std::vector<Hash*> all() { return {&sha1, &sha256, &sha512}; }
};

struct FinalDigests {
    std::string sha1, sha256, sha512;
    explicit FinalDigests(Digests& d)
        : sha1(d.sha1.finish()), sha256(d.sha256.finish()), sha512(d.sha512.finish()) {}
};

Signature judge(const PendingSignature& s, const FinalDigests& digests, const KeyRing& keys) {
    Signature out{Signature::State::unsupported, s.key, s.kind};
    HashAlgorithm algorithm;
    const std::string* digest;
    if (s.kind == "RSA") {
        algorithm = HashAlgorithm::sha1;
        digest = &digests.sha1;
    } else if (s.kind == "RSA256") {
        algorithm = HashAlgorithm::sha256;
        digest = &digests.sha256;
    } else if (s.kind == "RSA512") {
        algorithm = HashAlgorithm::sha512;
        digest = &digests.sha512;
    } else {
        return out;
    }
    const PublicKey* key = keys.by_name(s.key);
    if (!key) {
        out.state = Signature::State::unknown_key;
    } else {
        bool good = key->kind() == KeyKind::rsa && key->verify(algorithm, *digest, s.bytes);
        out.state = good ? Signature::State::good : Signature::State::bad;
    }
    return out;
}

// Reads members up to the one behind the signatures, whose first entry `tar` then stands at.
class Opening {
  public:
    explicit Opening(Source& source) : gzip(source) {}

    Status start() {
        gzip.tap(digests.all());
        TRY_SET(bool any, gzip.next());
        if (!any) return fail("is empty");
        tar.emplace(gzip);
        TRY_SET(bool more, tar->next());
        if (!more) return fail("its first member is empty");
        if (!tar->header().path.starts_with(kSign)) return {};
        while (more) {
            TRY(take_signature());
            TRY_SET(more, tar->next());
        }
        (void)FinalDigests(digests);  // they begin anew
        TRY_SET(any, gzip.next());
        if (!any) return fail("truncated: only signatures are there");
        tar.emplace(gzip);
        TRY_SET(more, tar->next());
        if (!more) return fail("its control member is empty");
        return {};
    }

    GzipMembers gzip;
    Digests digests;
    std::optional<TarStream> tar;
    std::vector<PendingSignature> signatures;

  private:
    Status take_signature() {
        std::string_view name = tar->header().path;
        if (!name.starts_with(kSign) || tar->header().type != FileType::regular)
            return fail("'%s' is among the signatures", tar->header().path.c_str());
        if (signatures.size() == kSignaturesMax) return fail("has too many signatures");
        name.remove_prefix(kSign.size());
        size_t dot = name.find('.');
        if (dot == std::string_view::npos || dot + 1 == name.size() || name.contains('/'))
            return fail("bad name of a signature: '%s'", tar->header().path.c_str());
        PendingSignature s{std::string(name.substr(0, dot)), std::string(name.substr(dot + 1)), {}};
        TRY_SET(s.bytes, tar->read_all(kSignatureMax));
        signatures.push_back(std::move(s));
        return {};
    }
};

Status read_control(TarStream& tar, Contents& out) {
    size_t total = 0, entries = 0;
    bool have_info = false, more = true;
    while (more) {
        const std::string& name = tar.header().path;
        if (tar.header().type != FileType::regular || name[0] != '.' || name.contains('/'))
            return fail("its control member has '%s', which does not belong there", name.c_str());
        total += tar.header().size_bytes;
        if (total > kControlTotalMax || ++entries > kControlEntriesMax)
            return fail("its control member is too large");
        if (name == ".PKGINFO") {
            if (have_info) return fail("has two .PKGINFO");
            have_info = true;
            TRY_SET(std::string text, tar.read_all(kControlFileMax));
            TRY_SET(out.package, parse_pkginfo(text));
        } else if (name == ".INSTALL") {
            return fail("has scripts in the form of apk 1 (.INSTALL), which is not supported");
        } else if (is_script_name(std::string_view(name).substr(1))) {
            std::string script = name.substr(1);
            TRY_SET(std::string text, tar.read_all(kControlFileMax));
            if (!out.scripts.emplace(script, std::move(text)).second)
                return fail("has the script %s twice", script.c_str());
        }
        TRY_SET(more, tar.next());
    }
    if (!have_info) return fail("has no .PKGINFO");
    if (out.package.data_hash.empty())
        return fail(".PKGINFO has no datahash, so its signature does not cover the files");
    return {};
}

// What begins with a dot at the top is apk's own and is not installed.
bool is_hidden(const std::string& raw) {
    return raw[0] == '.' && !raw.starts_with("./") && !raw.starts_with("../") && raw != ".." &&
           raw != ".";
}

}  // namespace

bool is_script_name(std::string_view name) {
    return name == "pre-install" || name == "post-install" || name == "pre-upgrade" ||
           name == "post-upgrade" || name == "pre-deinstall" || name == "post-deinstall" ||
           name == "trigger";
}

Result<Contents> read_v2(Source source, const KeyRing& keys) {
    Contents out;
    Opening opening(source);
    TRY(opening.start());
    TRY(read_control(*opening.tar, out));
    FinalDigests digests(opening.digests);
    out.package.checksum = {Checksum::Kind::sha1, digests.sha1};
    out.package.file_size_bytes = source.size_bytes();
    for (const auto& s : opening.signatures) out.signatures.push_back(judge(s, digests, keys));
    opening.gzip.tap({});
    TRY_SET(bool data, opening.gzip.next());
    if (!data) return fail("truncated: its data member is missing");
    return out;
}

Status walk_v2(Source source, const Contents& contents, EntrySink& sink) {
    Opening opening(source);
    TRY(opening.start());
    bool more = true;
    while (more) {
        TRY_SET(more, opening.tar->next());
    }
    if (opening.digests.sha1.finish() != contents.package.checksum.bytes)
        return fail("was changed while it was read");
    Hash data_hash(HashAlgorithm::sha256);
    opening.gzip.tap({&data_hash});
    TRY_SET(more, opening.gzip.next());
    if (!more) return fail("truncated: its data member is missing");
    TarStream tar(opening.gzip);
    for (;;) {
        TRY_SET(more, tar.next());
        if (!more) break;
        if (is_hidden(tar.header().path)) continue;
        TRY_SET(TarEntry entry, tar.entry());
        TRY(sink.entry(entry, tar));
    }
    if (data_hash.finish() != contents.package.data_hash)
        return fail("its data does not have the digest that .PKGINFO names");
    opening.gzip.tap({});
    TRY_SET(more, opening.gzip.next());
    if (more) return fail("has a gzip member after its data");
    return {};
}

Result<IndexContents> read_index_v2(Source source, const KeyRing& keys) {
    IndexContents out;
    Opening opening(source);
    TRY(opening.start());
    std::string text;
    bool have_index = false, more = true;
    while (more) {
        const std::string& name = opening.tar->header().path;
        if (name == "DESCRIPTION") {
            TRY_SET(out.description, opening.tar->read_all(kControlFileMax));
        } else if (name == "APKINDEX") {
            if (have_index) return fail("has two APKINDEX");
            have_index = true;
            TRY_SET(text, opening.tar->read_all(kIndexMax));
        } else if (name == ".PKGINFO") {
            return fail("is a package, not an index");
        }
        TRY_SET(more, opening.tar->next());
    }
    if (!have_index) return fail("has no APKINDEX");
    TRY_SET(more, opening.gzip.next());
    if (more) return fail("has a gzip member after the index");
    FinalDigests digests(opening.digests);
    for (const auto& s : opening.signatures) out.signatures.push_back(judge(s, digests, keys));
    TRY_SET(out.packages, parse_index(text));
    return out;
}

}  // namespace tenon::pkg::apk
