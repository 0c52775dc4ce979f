// The keyrings of a task.
#pragma once

#include "personality/linux/keys/key.h"

namespace tenon::personality::keys {

// Part of LinuxTask. Guarded by the store's lock; the task changes its own, and a child may change
// its parent's session (KEYCTL_SESSION_TO_PARENT).
class TaskKeys {
  public:
    TaskKeys() = default;
    ~TaskKeys() { drop(); }
    TENON_NONCOPYABLE(TaskKeys);
    // A new task's; `parent` is the caller's. Error::nomem.
    Result<void> inherit(const TaskKeys& parent, bool same_process);
    // At exec: the thread's and the process's keyrings go.
    void forget_program();
    void drop();

    Ref<Key> thread, process, session;
    i32 default_destination = 0;   // KEY_REQKEY_DEFL_*
    u32 fsuid = ~0u, fsgid = ~0u;  // that `thread` was given to last
};

struct Query;

enum class Create : u8 { no, yes };
enum class Partial : u8 { no, yes };  // yes: also without a look at its state first
inline constexpr u32 kNoCheck = 0;    // neither state nor permission

// --- with the lock, for the calling task

// A serial number or KEY_SPEC_*. Error::inval, nokey, acces, dquot, nomem, and validate()'s.
Result<Found> look_up(i32 id, Create create, Partial partial, u32 needs);
// Only finds it, for who unlinks: Error::inval, nokey.
Result<Found> look_up_any(i32 id);
// All keyrings of the task. Error::again: not there; acces; nokey: negative.
Result<Found> search_own(const Query& query);
// KEYCTL_JOIN_SESSION_KEYRING; an empty name: a new one. The serial number, or 0 when it is the
// session's already.
Result<i32> join_session(std::string_view name);
Result<Ref<Key>> user_keyring();
Result<Ref<Key>> user_session_keyring();
Result<Ref<Key>> persistent_keyring(u32 uid);
Result<Ref<Key>> thread_keyring();
Result<Ref<Key>> process_keyring();
// KEYCTL_SESSION_TO_PARENT. Error::perm.
Result<void> give_session_to_parent();

}  // namespace tenon::personality::keys
