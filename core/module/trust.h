// Whether a module comes from whom this kernel trusts. Boot parameters: module.sig=off (the
// default), warn or enforce; module.key=HEX, a public key that is trusted beside the one that was
// made with the kernel.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/result.h>

#include "core/module/signed_file.h"

namespace tenon::module {

// At boot, before the first module.
void init_trust();
// Error::keyrejected, with the reason in `why`, when the file must not be loaded. Under `warn` the
// reason is logged. May be called from any task at once.
Result<void> check_signature(const SignedFile& file, std::string_view name, fmt::Sink& why);

}  // namespace tenon::module
