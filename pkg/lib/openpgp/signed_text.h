// Text with signatures: the clear-signed form (InRelease), and text with a signature beside it
// (Release and Release.gpg).  Spec: RFC 9580 section 7.
//
// Only what was signed is handed on: a reader that went through the whole file would also see what
// somebody put around it.
#pragma once

#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/openpgp/keyring.h"

namespace tenon::pkg::openpgp {

struct SignedText {
    std::string text;        // lines end in \n
    std::string signatures;  // packets
};

// "-----BEGIN PGP SIGNED MESSAGE-----": nothing may stand before it and nothing behind its end.
Result<SignedText> parse_clear_signed(std::string_view file);

// Errors say of each signature why it does not count. One good signature of a key in `keys`
// suffices and is named in the result; one that is wrong refuses all; those of unknown keys and
// unknown algorithms are passed by. SHA1 and MD5 do not count. `now` in seconds since 1970.
Result<std::string> check_clear_signed(const SignedText& s, const Keyring& keys, int64_t now);
// `signature_file`: armoured or binary.
Result<std::string> check_detached(std::string_view contents, std::string_view signature_file,
                                   const Keyring& keys, int64_t now);

}  // namespace tenon::pkg::openpgp
