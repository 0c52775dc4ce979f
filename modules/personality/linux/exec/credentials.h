// What exec does to credentials: set-id bits, capabilities, AT_SECURE. Spec: man 7 capabilities.
#pragma once

#include <tenon/process/process.h>
#include <tenon/vfs/file.h>

namespace tenon::personality {

struct CredentialChange {
    Ref<process::Credentials> fresh;
    bool secure = false;          // AT_SECURE: the program runs with more than its caller had
    bool clears_persona = false;  // flags of personality(2) that would help to attack it go
    bool unreadable = false;      // who runs it may not read it, nor have it dumped
};
// Error::perm: the file asks for capabilities that the caller's bounding set lacks. May sleep.
Result<void> prepare_credentials(vfs::File& file, CredentialChange& out);
// Notes a program or interpreter that its caller may run but not read.
void note_readable(vfs::File& file, CredentialChange& change);
void apply_credentials(CredentialChange& change);

// Makes them the caller's. Who gained by it, or is another for files, is dumped as
// fs.suid_dumpable says and gets no parent-death signal.
void commit_changed_ids(Ref<process::Credentials> fresh);

}  // namespace tenon::personality
