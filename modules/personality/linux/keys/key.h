// Keys and keyrings: what they are, who may use them, and what they cost their owner.
//
// One lock guards every key, every keyring and every task's own keyrings: key calls are rare and
// short, and links make one graph of them all. Spec: man 7 keyrings, man 2 keyctl.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/process/credentials.h>
#include <tenon/sync/mutex.h>

#include <memory>
#include <string_view>

namespace tenon::personality::keys {

// The core has no error for it, and nothing here is ever rejected: answer() makes it EKEYREVOKED.
inline constexpr Error kRevoked = Error::keyrejected;
// What a call says to its caller.
Result<i64> answer(Result<i64> result);

// The order of links in a keyring: keyrings come first.
enum class Kind : u8 { keyring, user, logon };

struct KeyType {
    std::string_view name;
    Kind kind;
    bool readable;   // KEYCTL_READ
    bool updatable;  // its payload can be replaced
};
// Null: there is none.
const KeyType* find_type(std::string_view name);
const KeyType& type_of(Kind kind);

// What the permission mask has in each of its four bytes: possessor, user, group, other.
struct Need {
    enum : u32 { view = 1, read = 2, write = 4, search = 8, link = 16, set_attributes = 32 };
};
inline constexpr u32 kAllNeeds = 0x3f;
inline constexpr u32 kPossessor = 24, kUser = 16, kGroup = 8;  // where each byte begins
inline constexpr u32 kLinkBytes = 4;                           // of quota, for a link

// Bytes of a key. They are wiped when it goes.
class Payload {
  public:
    Payload() = default;
    Payload(Payload&& o) noexcept
        : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
    Payload& operator=(Payload&& o) noexcept {
        std::swap(data_, o.data_);
        std::swap(size_, o.size_);
        return *this;
    }
    ~Payload();
    // Without the lock: may sleep. Error::fault, nomem. Zero bytes: nothing is read.
    static Result<Payload> from_user(u64 address, usize size_bytes);
    static Result<Payload> copy_of(const Payload& other);
    static Result<Payload> of_size(usize size_bytes);
    usize size() const { return size_; }
    u8* data() const { return data_; }

  private:
    u8* data_ = nullptr;
    usize size_ = 0;
};

class Key;

// What a user's keys cost. There as long as the module is.
struct Account {
    u32 uid = 0;
    u32 keys = 0;          // all
    u32 counted_keys = 0;  // against the quota
    u64 counted_bytes = 0;
    Ref<Key> user, user_session, persistent;  // the user's own keyrings
    ListHook hook;
};

struct Link {
    Ref<Key> key;
    SetHook hook;
    Link* next_dead = nullptr;  // the store's, once it is in no keyring
};

// A type and a description: what a link is found by.
struct Index {
    Kind kind;
    std::string_view description;
    auto operator<=>(const Index&) const = default;
};
struct IndexOfLink {
    using type = Index;
    Index operator()(const Link& link) const;
};

class Key : public RefCounted<Key> {
  public:
    // --- these do not change
    i32 serial = 0;
    const KeyType* type = nullptr;
    std::string_view description;
    std::unique_ptr<char[]> description_text;

    // --- guarded by the store's lock
    u32 uid = 0, gid = 0, permissions = 0;
    Account* account = nullptr;
    u64 quota_bytes = 0;    // counted for it
    usize data_length = 0;  // what the payload, or the links, take of that
    i64 expiry = 0;         // seconds since 1970; 0: never
    i64 revoked_at = 0;
    bool in_quota = false, revoked = false, invalidated = false, negative = false;
    bool user_keyring = false;  // made for a user: a program's session is not put into it
    bool restricted = false;    // takes no links
    Payload payload;
    using Links =
        bi::set<Link, bi::member_hook<Link, SetHook, &Link::hook>, bi::key_of_value<IndexOfLink>>;
    Links links;
    SetHook serial_hook;
    ListHook dead_hook;
    u64 seen_by = 0;     // the walk over keyrings that was here last
    u32 seen_depth = 0;  // and how deep it was

    ~Key();
    Index index() const { return {type->kind, description}; }
    bool is_keyring() const { return type->kind == Kind::keyring; }
    void on_last_ref();  // with the lock
};

// A key, and whether the caller has come to it through one of its own keyrings.
struct Found {
    Ref<Key> key;
    bool possessed = false;
    Key* operator->() const { return key.get(); }
};

// Error::acces.
Result<void> permit(const Key& key, bool possessed, u32 needs,
                    const process::Credentials& cred = process::current_credentials());
// Error::nokey (invalidated), kRevoked, keyexpired.
Result<void> validate(const Key& key);
i64 now_seconds();
// As callers see it: a key of no group shows the overflow group.
u32 shown_gid(const Key& key);

}  // namespace tenon::personality::keys
