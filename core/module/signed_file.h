// The signature at the end of a module file. Pure code, also built on the host.
//
// The trailer is Linux's, so that modinfo shows who signed: the file, the signer's name, the key's
// id, the signature, a struct module_signature, and a line of text. Linux has no number for
// Ed25519; with key id type X509 its tools show the parts and ask for no more. Source: Linux
// scripts/sign-file.c, kmod libkmod-signature.c.
#pragma once

#include <tenon/lib/types.h>

#include <span>
#include <string_view>

namespace tenon::module {

struct SignedFile {
    static constexpr usize kSignatureBytes = 64, kKeyIdBytes = 8;
    std::span<const u8> content;    // what is signed
    std::span<const u8> signature;  // empty: none of ours
    std::span<const u8> key_id;     // the first bytes of the key's SHA-512
    std::string_view signer;

    static SignedFile split(std::span<const u8> file);
};

}  // namespace tenon::module
