// What the three kinds of System V objects share: identity, owner, mode, and the table that they
// are found in by number and by key.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/mm/user_copy.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>

#include <memory>

#include "personality/linux/abi.h"

namespace tenon::personality::ipc {

inline constexpr i32 kPrivateKey = 0;  // IPC_PRIVATE

// Found under RCU, used under its lock. Once `removed` it is in no table; the memory goes a grace
// period after the last reference (sleepers hold one).
class Object : public RefCounted<Object> {
  public:
    Object(i32 its_key, u32 flags);  // the caller's own; the low nine bits of `flags` are its mode
    virtual ~Object() = default;
    void on_last_ref();

    // Guards all that follows, but for what the table's lock guards. No interrupt takes it.
    mutable sync::SpinLock lock{sync::LockRank::spin_outer};
    i32 key;
    i32 id = -1;  // sequence << 15 | slot
    u32 uid, gid, cuid, cgid;
    u32 mode;
    bool removed = false;
    SetHook key_hook;  // the table's; not linked for IPC_PRIVATE
    u64 weight = 0;    // what it counts in Table::weight(); does not change

    // Spec: Linux ipcperms(). `wanted` is a mode: any of its three digits count. Error::acces.
    Result<void> may(u32 wanted) const;
    // IPC_SET and IPC_RMID: the owner's, the creator's or CAP_SYS_ADMIN's. Error::perm.
    Result<void> may_control() const;
    // IPC_SET. Error::inval for the id that stands for none.
    Result<void> set_owner(const uapi::ipc64_perm& from);
    uapi::ipc64_perm describe() const;

  private:
    struct Grave : sync::RcuHead {
        Object* object = nullptr;
    } grave_;
};

// An object with its lock held.
template <typename T>
class Locked {
  public:
    Locked() = default;
    explicit Locked(T* object) : object_(object) {}  // takes over the lock
    Locked(Locked&& o) noexcept : object_(std::exchange(o.object_, nullptr)) {}
    Locked& operator=(Locked&& o) noexcept {
        std::swap(object_, o.object_);
        return *this;
    }
    ~Locked() { unlock(); }
    void unlock() {
        if (object_ != nullptr) std::exchange(object_, nullptr)->lock.unlock();
    }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }

  private:
    T* object_ = nullptr;
};

// Slots are given out in a circle, as Linux does (ipc_idr_alloc): a number comes back late, and
// with another sequence.
class Table {
  public:
    static constexpr u32 kMaxObjects = 32768;  // IPCMNI
    static constexpr u32 kSlotBits = 15;

    Table() = default;
    ~Table();  // removes what is left
    TENON_NONCOPYABLE(Table);

    // Guards the slots for writing, the keys, and the counts. Taken outside of objects' locks.
    sync::RwMutex lock{sync::LockRank::sleeping_leaf};

    // --- with `lock` for writing
    // Error::nospc at `limit` objects, nomem.
    Result<void> add(Ref<Object> object, u32 limit);
    // Out of the table; the object's lock is held, too. The caller drops the table's reference
    // (it is what is returned) after the locks.
    Ref<Object> remove(Object& object);
    // The key can be used again; the number stays.
    void forget_key(Object& object);

    // --- with `lock`
    Object* find_key(i32 key);
    u32 count() const { return count_; }
    u64 weight() const { return weight_; }  // of all objects
    i32 highest_slot() const;               // -1: none
    template <typename Fn>
    void for_each(Fn&& fn) {
        for (i32 i = 0, last = highest_slot(); i <= last; ++i)
            if (Object* object = at(static_cast<u32>(i))) fn(*object);
    }

    // By number; with `any_sequence` by slot alone (*_STAT). Error::inval. Under RcuGuard.
    Result<Object*> find(i32 id, bool any_sequence = false);
    // The number that the next object shall get (checkpoint/restore); -1: any.
    std::atomic<i32> next_id{-1};

  private:
    static constexpr u32 kChunk = 512;
    struct Chunk {
        std::atomic<Object*> slots[kChunk];
    };
    struct ByKey {
        using type = i32;
        i32 operator()(const Object& o) const { return o.key; }
    };
    using Keys = bi::set<Object, bi::member_hook<Object, SetHook, &Object::key_hook>,
                         bi::key_of_value<ByKey>, bi::constant_time_size<false>>;

    Object* at(u32 slot) const {
        const Chunk* chunk = chunks_[slot / kChunk].load(std::memory_order_acquire);
        return chunk ? chunk->slots[slot % kChunk].load(std::memory_order_acquire) : nullptr;
    }
    Result<u32> free_slot(u32 from, u32 end);
    Result<void> put(u32 slot, Object* object);

    std::atomic<Chunk*> chunks_[kMaxObjects / kChunk] = {};
    Keys keys_;
    u64 weight_ = 0;
    u32 count_ = 0, sequence_ = 0, next_slot_ = 0;
    i32 last_slot_ = -1;  // that was given out
    i32 highest_ = -1;    // no object is above it
};

// The object of that number, locked. Errors: inval (none), idrm (it goes just now).
template <typename T>
Result<Locked<T>> lock_object(Table& table, i32 id, bool any_sequence = false) {
    sync::RcuGuard guard;
    TRY_ASSIGN(Object * object, table.find(id, any_sequence));
    object->lock.lock();
    Locked<T> locked(static_cast<T*>(object));
    if (object->removed) return Err(Error::idrm);
    return locked;
}

// What IPC_STAT and its two relatives share: `fill` says it under the object's lock. `by_slot`: not
// IPC_STAT; `of_any`: *_STAT_ANY.
template <typename T, typename Out, typename Fill>
Result<i64> tell_status(Table& table, i32 id, bool by_slot, bool of_any, u64 to, Fill&& fill) {
    Out out{};
    i64 result;
    {
        TRY_ASSIGN(auto object, lock_object<T>(table, id, by_slot));
        if (!of_any) TRY(object->may(0444));
        fill(*object, out);
        result = by_slot ? object->id : 0;
    }
    TRY(mm::UserOut<Out>(to).write(out));
    return result;
}

// What shmget, semget and msgget share. `check` judges an object that is there, `make` makes one
// (sleeping, without locks), and `admit` may refuse it under the table's lock.
template <typename Check, typename Make, typename Admit>
Result<i64> get(Table& table, i32 key, i32 flags, u32 limit, Check&& check, Make&& make,
                Admit&& admit) {
    Ref<Object> fresh;
    for (;;) {
        if (key != kPrivateKey && !fresh) {
            sync::ReadGuard guard(table.lock);
            Object* there = table.find_key(key);
            if (there == nullptr && (flags & IPC_CREAT) == 0) return Err(Error::noent);
            if (there != nullptr) {
                if ((flags & IPC_CREAT) && (flags & IPC_EXCL)) return Err(Error::exist);
                TRY(check(*there));
                TRY(there->may(static_cast<u32>(flags)));
                return there->id;
            }
        }
        if (!fresh) {
            TRY_ASSIGN(fresh, make());
        }
        sync::WriteGuard guard(table.lock);
        if (key != kPrivateKey && table.find_key(key) != nullptr) {
            fresh.reset();  // somebody was faster: as if it had been there
            continue;
        }
        TRY(admit(*fresh));
        Object& object = *fresh;
        TRY(table.add(std::move(fresh), limit));
        return object.id;
    }
}

i64 now_seconds();
i32 own_pid();

}  // namespace tenon::personality::ipc
