// What exec does to credentials: set-id bits, capabilities, AT_SECURE. Spec: man 7 capabilities.
#pragma once

#include <tenon/process/credentials.h>
#include <tenon/vfs/file.h>

namespace tenon::personality {

struct CredentialChange {
    Ref<process::Credentials> fresh;
    bool secure = false;       // AT_SECURE: the program runs with more than its caller had
    bool ids_changed = false;  // not dumpable, no parent-death signal
};
Result<void> prepare_credentials(vfs::File& file, CredentialChange& out);
void apply_credentials(CredentialChange& change);

}  // namespace tenon::personality
