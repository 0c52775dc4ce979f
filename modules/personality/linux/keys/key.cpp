#include "personality/linux/keys/key.h"

#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/time/clock.h>

#include "personality/linux/abi.h"
#include "personality/linux/keys/store.h"

namespace tenon::personality::keys {

namespace {

constexpr usize kLargest = 64 << 10;  // in one piece of physical memory

constexpr KeyType kTypes[] = {
    {"keyring", Kind::keyring, true, false},
    {"user", Kind::user, true, true},
    {"logon", Kind::logon, false, true},
};

}  // namespace

const KeyType* find_type(std::string_view name) {
    for (const KeyType& type : kTypes)
        if (type.name == name) return &type;
    return nullptr;
}

const KeyType& type_of(Kind kind) {
    return kTypes[static_cast<usize>(kind)];
}

Payload::~Payload() {
    if (data_ == nullptr) return;
    std::memset(data_, 0, size_);
    if (size_ <= kLargest)
        mm::kfree(data_);
    else
        mm::vfree(data_);
}

Result<Payload> Payload::of_size(usize size_bytes) {
    Payload made;
    if (size_bytes == 0) return made;
    void* memory;
    if (size_bytes <= kLargest) {
        memory = mm::kmalloc(size_bytes);
        if (memory == nullptr) return Err(Error::nomem);
    } else {
        TRY_ASSIGN(memory, mm::vmalloc(size_bytes));
    }
    made.data_ = static_cast<u8*>(memory);
    made.size_ = size_bytes;
    return made;
}

Result<Payload> Payload::from_user(u64 address, usize size_bytes) {
    TRY_ASSIGN(Payload made, of_size(size_bytes));
    TRY(mm::copy_from_user(made.data_, UserAddr{address}, size_bytes));
    return made;
}

Result<Payload> Payload::copy_of(const Payload& other) {
    TRY_ASSIGN(Payload made, of_size(other.size_));
    if (made.size_ != 0) std::memcpy(made.data_, other.data_, made.size_);
    return made;
}

Index IndexOfLink::operator()(const Link& link) const {
    return link.key->index();
}

Key::~Key() = default;

void Key::on_last_ref() {
    store().bury(*this);
}

// Spec: Linux key_task_permission().
Result<void> permit(const Key& key, bool possessed, u32 needs, const process::Credentials& cred) {
    u32 granted;
    if (key.uid == cred.fsuid)
        granted = key.permissions >> kUser;
    else if (key.gid != ~0u && (key.permissions & (kAllNeeds << kGroup)) != 0 &&
             cred.in_group(key.gid))
        granted = key.permissions >> kGroup;
    else
        granted = key.permissions;
    if (possessed) granted |= key.permissions >> kPossessor;
    if ((granted & needs & kAllNeeds) != needs) return Err(Error::acces);
    return {};
}

Result<void> validate(const Key& key) {
    if (key.invalidated) return Err(Error::nokey);
    if (key.revoked) return Err(kRevoked);
    if (key.expiry != 0 && now_seconds() >= key.expiry) return Err(Error::keyexpired);
    return {};
}

Result<i64> answer(Result<i64> result) {
    if (!result && result.error() == kRevoked) return -EKEYREVOKED;
    return result;
}

u32 shown_gid(const Key& key) {
    return key.gid == ~0u ? 65534 : key.gid;
}

i64 now_seconds() {
    return time::realtime_ns() / 1'000'000'000;
}

}  // namespace tenon::personality::keys
