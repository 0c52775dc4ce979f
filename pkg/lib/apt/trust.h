// Which keys may sign a repository.
#pragma once

#include "pkg/lib/apt/sources.h"
#include "pkg/lib/openpgp/keyring.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::apt {

// What Signed-By names; without it /etc/apt/trusted.gpg and /etc/apt/trusted.gpg.d/*.{gpg,asc}.
// A file among the latter that cannot be read as keys is passed by, as apt does.
Result<openpgp::Keyring> keys_for(Root& root, const Source& source);

}  // namespace tenon::pkg::apt
