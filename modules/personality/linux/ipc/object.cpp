#include "personality/linux/ipc/object.h"

#include <tenon/mm/slab.h>
#include <tenon/process/process.h>
#include <tenon/time/clock.h>

#include <algorithm>

namespace tenon::personality::ipc {

i64 now_seconds() {
    return time::realtime_ns() / 1'000'000'000;
}
i32 own_pid() {
    return process::current_process().pid;
}

Object::Object(i32 its_key, u32 flags) : key(its_key), mode(flags & 0777) {
    const process::Credentials& cred = process::current_credentials();
    uid = cuid = cred.euid;
    gid = cgid = cred.egid;
}

void Object::on_last_ref() {
    grave_.object = this;
    sync::rcu_call(grave_, [](sync::RcuHead* head) { delete static_cast<Grave*>(head)->object; });
}

Result<void> Object::may(u32 wanted) const {
    const process::Credentials& cred = process::current_credentials();
    wanted = (wanted >> 6) | (wanted >> 3) | wanted;
    u32 granted = mode;
    if (cred.euid == cuid || cred.euid == uid)
        granted >>= 6;
    else if (cred.in_group(cgid) || cred.in_group(gid))
        granted >>= 3;
    if ((wanted & ~granted & 7) != 0 && !cred.has(process::Capability::ipc_owner))
        return Err(Error::acces);
    return {};
}

Result<void> Object::may_control() const {
    const process::Credentials& cred = process::current_credentials();
    if (cred.euid == cuid || cred.euid == uid || cred.has(process::Capability::sys_admin))
        return {};
    return Err(Error::perm);
}

Result<void> Object::set_owner(const uapi::ipc64_perm& from) {
    if (from.uid == ~0u || from.gid == ~0u) return Err(Error::inval);
    uid = from.uid;
    gid = from.gid;
    mode = (mode & ~0777u) | (from.mode & 0777u);
    return {};
}

uapi::ipc64_perm Object::describe() const {
    uapi::ipc64_perm out{};
    out.key = key;
    out.uid = uid;
    out.gid = gid;
    out.cuid = cuid;
    out.cgid = cgid;
    out.mode = mode;
    out.seq = static_cast<u16>(id >> Table::kSlotBits);
    return out;
}

Table::~Table() {
    {
        sync::WriteGuard guard(lock);
        for (i32 i = 0, last = highest_slot(); i <= last; ++i) {
            Object* object = at(static_cast<u32>(i));
            if (object != nullptr) remove(*object).reset();
        }
    }
    sync::rcu_barrier();
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
}

Result<u32> Table::free_slot(u32 from, u32 end) {
    for (u32 i = from; i < end; ++i)
        if (at(i) == nullptr) return i;
    return Err(Error::nospc);
}

Result<void> Table::put(u32 slot, Object* object) {
    auto& place = chunks_[slot / kChunk];
    Chunk* chunk = place.load(std::memory_order_relaxed);
    if (chunk == nullptr) {
        chunk = new (std::nothrow) Chunk{};
        if (chunk == nullptr) return Err(Error::nomem);
        place.store(chunk, std::memory_order_release);
    }
    chunk->slots[slot % kChunk].store(object, std::memory_order_release);
    highest_ = std::max(highest_, static_cast<i32>(slot));
    return {};
}

// Spec: Linux ipc/util.c, ipc_addid() and ipc_idr_alloc().
Result<void> Table::add(Ref<Object> object, u32 limit) {
    if (count_ >= std::min(limit, kMaxObjects)) return Err(Error::nospc);
    const i32 wanted = next_id.exchange(-1, std::memory_order_relaxed);
    u32 slot;
    if (wanted >= 0) {
        TRY_ASSIGN(slot, free_slot(static_cast<u32>(wanted) & (kMaxObjects - 1), kMaxObjects));
        object->id = static_cast<i32>((static_cast<u32>(wanted) & ~(kMaxObjects - 1)) | slot);
    } else {
        // The circle is small while there are few: the tables stay dense.
        const u32 end = std::min(std::max(count_ * 3 / 2, 64u), kMaxObjects);
        auto found = free_slot(next_slot_, end);
        if (!found) found = free_slot(0, end);
        TRY_ASSIGN(slot, found);
        if (static_cast<i32>(slot) <= last_slot_ && ++sequence_ >= 0x7fffffffu >> kSlotBits)
            sequence_ = 0;
        last_slot_ = static_cast<i32>(slot);
        next_slot_ = slot + 1;
        object->id = static_cast<i32>((sequence_ << kSlotBits) | slot);
    }
    if (auto r = put(slot, object.get()); !r) return r;
    if (object->key != kPrivateKey) keys_.insert(*object);
    ++count_;
    weight_ += object->weight;
    (void)object.release();  // the table's
    return {};
}

void Table::forget_key(Object& object) {
    if (object.key_hook.is_linked()) keys_.erase(keys_.iterator_to(object));
    object.key = kPrivateKey;
}

Ref<Object> Table::remove(Object& object) {
    const u32 slot = static_cast<u32>(object.id) & (kMaxObjects - 1);
    if (object.key_hook.is_linked()) keys_.erase(keys_.iterator_to(object));
    chunks_[slot / kChunk]
        .load(std::memory_order_relaxed)
        ->slots[slot % kChunk]
        .store(nullptr, std::memory_order_release);
    object.removed = true;
    --count_;
    weight_ -= object.weight;
    while (highest_ >= 0 && at(static_cast<u32>(highest_)) == nullptr) --highest_;
    return adopt_ref(&object);
}

Object* Table::find_key(i32 key) {
    auto it = keys_.find(key);
    return it == keys_.end() ? nullptr : &*it;
}

i32 Table::highest_slot() const {
    return highest_;
}

Result<Object*> Table::find(i32 id, bool any_sequence) {
    if (id < 0) return Err(Error::inval);
    Object* object = at(static_cast<u32>(id) & (kMaxObjects - 1));
    if (object == nullptr || (!any_sequence && object->id != id)) return Err(Error::inval);
    return object;
}

}  // namespace tenon::personality::ipc
