#include "pkg/lib/apk/keys.h"

#include <sys/stat.h>

namespace tenon::pkg::apk {

namespace {

constexpr off_t kKeyFileMaxBytes = 64 * 1024;
constexpr size_t kIdBytes = 16;

}  // namespace

Result<KeyRing> KeyRing::load(Root& root, const std::string& dir) {
    KeyRing ring;
    TRY(ring.load_more(root, dir));
    return ring;
}

Status KeyRing::load_more(Root& root, const std::string& dir) {
    TRY_SET(auto there, root.stat_follow(dir));
    if (!there) return {};
    TRY_SET(auto names, root.list(dir));
    for (const auto& name : names) {
        std::string path = dir + "/" + name;
        TRY_SET(auto st, root.stat_follow(path));
        if (!st || !S_ISREG(st->st_mode) || st->st_size > kKeyFileMaxBytes || name[0] == '.')
            continue;
        TRY_SET(std::string text, root.read_file(path));
        (void)add(name, text);
    }
    return {};
}

Result<KeyRing> KeyRing::load_host(const std::string& dir) {
    TRY_SET(Root root, Root::open(dir));
    return load(root, "/.");
}

Status KeyRing::add(const std::string& name, std::string_view pem) {
    TRY_SET(auto key, PublicKey::from_pem(pem));
    std::string id = hash_of(HashAlgorithm::sha512, key.material()).substr(0, kIdBytes);
    keys_.push_back(Key{name, std::move(id), std::move(key)});
    return {};
}

const PublicKey* KeyRing::by_name(std::string_view name) const {
    for (const auto& k : keys_)
        if (k.name == name) return &k.key;
    return nullptr;
}

Status refuse_bad(const std::vector<Signature>& signatures) {
    for (const auto& s : signatures)
        if (s.state == Signature::State::bad)
            return fail("the signature of '%s' is wrong: it was changed after it was signed",
                        s.key.c_str());
    return {};
}

Status require_good(const std::vector<Signature>& signatures) {
    TRY(refuse_bad(signatures));
    std::string unknown, unsupported;
    for (const auto& s : signatures) {
        if (s.state == Signature::State::good) return {};
        std::string& to = s.state == Signature::State::unknown_key ? unknown : unsupported;
        to += (to.empty() ? "'" : ", '") + s.key + "'";
    }
    if (!unknown.empty())
        return fail("signed with %s, which is not among the trusted keys", unknown.c_str());
    if (!unsupported.empty())
        return fail("signed in a way that is not supported (key %s)", unsupported.c_str());
    return fail("is not signed");
}

}  // namespace tenon::pkg::apk
