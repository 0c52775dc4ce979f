#include "core/module/trust.h"

#include <tenon/boot/boot_info.h>
#include <tenon/trace/log.h>

#include <cstring>

#include "core/lib/ed25519.h"
#include "core/lib/sha512.h"

// Made with the key, at build.
extern "C" {
[[gnu::visibility("hidden")]] extern const tenon::u8 tenon_module_key[tenon::Ed25519Key::kKeyBytes];
}

namespace tenon::module {

namespace {

enum class Policy : u8 { off, warn, enforce };

struct Trusted {
    Ed25519Key key;
    u8 id[SignedFile::kKeyIdBytes] = {};

    bool set(std::span<const u8, Ed25519Key::kKeyBytes> bytes) {
        u8 digest[Sha512::kBytes];
        Sha512 hash;
        hash.update(bytes);
        hash.finish(digest);
        std::memcpy(id, digest, sizeof id);
        return key.set(bytes);
    }
};

// Written by init_trust(), read afterwards.
Policy g_policy = Policy::off;
constinit Trusted g_trusted[2];  // the kernel's own, the operator's

bool parse_key(std::string_view text, std::span<u8, Ed25519Key::kKeyBytes> out) {
    if (text.size() != 2 * out.size()) return false;
    for (usize i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        out[i / 2] = static_cast<u8>(out[i / 2] << 4 | digit);
    }
    return true;
}

void write_id(std::span<const u8> id, fmt::Sink& out) {
    for (u8 b : id) fmt::print(out, "{:02x}", b);
}

void write_trusted(fmt::Sink& out) {
    bool first = true;
    for (const Trusted& t : g_trusted) {
        if (!t.key.is_set()) continue;
        out.write(first ? "" : " and ");
        write_id(t.id, out);
        first = false;
    }
}

Result<void> verify(const SignedFile& file, fmt::Sink& why) {
    if (file.signature.empty()) {
        why.write("is not signed; this kernel trusts key ");
        write_trusted(why);
        why.write(
            ": sign it with that (TENON_SIGNING_KEY of the SDK), or boot with module.sig=off");
        return Err(Error::keyrejected);
    }
    for (const Trusted& t : g_trusted) {
        if (!t.key.is_set() || std::memcmp(t.id, file.key_id.data(), sizeof t.id) != 0) continue;
        if (t.key.verify(file.signature.first<Ed25519Key::kSignatureBytes>(), file.content))
            return {};
        fmt::print(why, "was altered after {} signed it with key ", file.signer);
        write_id(file.key_id, why);
        why.write(": install it anew");
        return Err(Error::keyrejected);
    }
    fmt::print(why, "is signed by {} with key ", file.signer);
    write_id(file.key_id, why);
    why.write("; this kernel trusts key ");
    write_trusted(why);
    why.write(": sign it with that, or boot with module.key= and its public key");
    return Err(Error::keyrejected);
}

}  // namespace

void init_trust() {
    const boot::Parameter policy = boot::parameter("module.sig");
    if (!policy.found || policy.value == "off") return;
    // What is not understood is taken for the strictest.
    g_policy = policy.value == "warn" ? Policy::warn : Policy::enforce;
    if (g_policy == Policy::enforce && policy.value != "enforce")
        log::warn("module.sig={} is none of off, warn, enforce: taken for enforce", policy.value);
    (void)g_trusted[0].set(tenon_module_key);
    const boot::Parameter key = boot::parameter("module.key");
    u8 bytes[Ed25519Key::kKeyBytes] = {};
    if (key.found && (!parse_key(key.value, bytes) || !g_trusted[1].set(bytes)))
        log::warn("module.key: not a public key of Ed25519 in hexadecimal digits; ignored");
}

Result<void> check_signature(const SignedFile& file, std::string_view name, fmt::Sink& why) {
    if (g_policy == Policy::off) return {};
    if (g_policy == Policy::enforce) return verify(file, why);
    char reason[300];
    fmt::BufferSink sink(reason);
    if (!verify(file, sink)) log::warn("module {}: {}; loaded all the same", name, sink.text());
    return {};
}

}  // namespace tenon::module
