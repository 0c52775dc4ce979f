// Descriptor tables.
//
// Readers go through RCU to an array of file pointers; writers hold the table's spin lock. A file
// that leaves a table which others share is marked: its memory then waits for a grace period, and
// with that a reader's try_ref() on a stale pointer is safe. A table that only its own task uses
// needs none of this, and borrow() takes no reference.
#include <tenon/mm/slab.h>
#include <tenon/vfs/file_table.h>

#include <bit>
#include <cstring>

namespace tenon::vfs {

namespace {
constexpr u32 kFirstCapacity = 64;
constexpr u32 kMaxCapacity = 1 << 20;
// Reserved but not yet published.
File* reserved() {
    return reinterpret_cast<File*>(1);
}
bool is_file(const File* f) {
    return reinterpret_cast<uptr>(f) > 1;
}
}  // namespace

struct FileTable::Array {
    sync::RcuHead rcu;
    u32 capacity;
    u32 first_free_hint = 0;  // nothing below is free
    std::atomic<File*>* files;
    u64* used;     // a bit each
    u64* cloexec;  // a bit each

    static Array* make(u32 capacity) {
        usize words = capacity / 64;
        usize bytes = sizeof(Array) + capacity * sizeof(std::atomic<File*>) + 2 * words * 8;
        void* memory = mm::kmalloc(bytes, mm::Alloc::zero);
        if (memory == nullptr) return nullptr;
        auto* a = new (memory) Array;
        a->capacity = capacity;
        a->files = reinterpret_cast<std::atomic<File*>*>(a + 1);
        a->used = reinterpret_cast<u64*>(a->files + capacity);
        a->cloexec = a->used + words;
        return a;
    }
    bool is_used(u32 fd) const { return (used[fd / 64] >> (fd % 64)) & 1; }
    void set_used(u32 fd, bool on) {
        if (on)
            used[fd / 64] |= u64{1} << (fd % 64);
        else {
            used[fd / 64] &= ~(u64{1} << (fd % 64));
            if (fd < first_free_hint) first_free_hint = fd;
        }
    }
    void set_cloexec(u32 fd, bool on) {
        if (on)
            cloexec[fd / 64] |= u64{1} << (fd % 64);
        else
            cloexec[fd / 64] &= ~(u64{1} << (fd % 64));
    }
    bool is_cloexec(u32 fd) const { return (cloexec[fd / 64] >> (fd % 64)) & 1; }
    u32 find_free(u32 from) const {
        if (from < first_free_hint) from = first_free_hint;
        if (from >= capacity) return from;
        u32 word = from / 64;
        u64 taken = used[word] | ((u64{1} << (from % 64)) - 1);
        for (;;) {
            if (~taken != 0) return word * 64 + static_cast<u32>(std::countr_one(taken));
            if (++word == capacity / 64) return capacity;
            taken = used[word];
        }
    }
    static void release(sync::RcuHead* head) { mm::kfree(head); }
};

Result<Ref<FileTable>> FileTable::create() {
    auto* t = new (std::nothrow) FileTable();
    if (t == nullptr) return Err(Error::nomem);
    Ref<FileTable> table = adopt_ref(t);
    Array* a = Array::make(kFirstCapacity);
    if (a == nullptr) return Err(Error::nomem);
    t->array_.assign(a);
    return table;
}

void FileTable::on_last_ref() {
    if (Array* a = array_.load()) {
        for (u32 fd = 0; fd < a->capacity; fd++) {
            if (a->used[fd / 64] == 0) {
                fd |= 63;
                continue;
            }
            File* f = a->files[fd].exchange(nullptr, std::memory_order_relaxed);
            if (is_file(f)) (void)drop(f);
        }
        mm::kfree(a);
    }
    delete this;
}

Result<Ref<FileTable>> FileTable::copy() {
    TRY_ASSIGN(Ref<FileTable> fresh, create());
    for (;;) {
        Array* target = fresh->array_.load();
        {
            sync::SpinGuard guard(lock_);
            Array* a = array_.load();
            u32 top = a->capacity;
            while (top > 64 && a->used[top / 64 - 1] == 0) top -= 64;
            if (top <= target->capacity) {
                for (u32 word = 0; word < top / 64; word++) {
                    for (u64 bits = a->used[word]; bits != 0; bits &= bits - 1) {
                        u32 fd = word * 64 + static_cast<u32>(std::countr_zero(bits));
                        File* f = a->files[fd].load(std::memory_order_relaxed);
                        if (!is_file(f)) continue;
                        f->ref();
                        target->files[fd].store(f, std::memory_order_relaxed);
                        target->set_used(fd, true);
                        target->set_cloexec(fd, a->is_cloexec(fd));
                    }
                }
                return fresh;
            }
        }
        u32 wanted = capacity();
        Array* bigger = Array::make(wanted);
        if (bigger == nullptr) return Err(Error::nomem);
        mm::kfree(target);
        fresh->array_.assign(bigger);
    }
}

Result<Ref<File>> FileTable::get(i32 fd) {
    for (;;) {
        Ref<File> stale;  // dropped outside the RCU section
        sync::RcuGuard rcu;
        Array* a = array_.load();
        if (static_cast<u32>(fd) >= a->capacity) return Err(Error::badf);
        // Pairs with the release in publish().
        File* f = a->files[fd].load(std::memory_order_acquire);
        if (!is_file(f)) return Err(Error::badf);
        if (!f->try_ref()) continue;
        if (a->files[fd].load(std::memory_order_relaxed) == f) [[likely]]
            return adopt_ref(f);
        stale = adopt_ref(f);  // closed, and perhaps reused, meanwhile
    }
}

Result<FileRef> FileTable::borrow(i32 fd) {
    if (ref_count() == 1) [[likely]] {
        Array* a = array_.load();
        if (static_cast<u32>(fd) >= a->capacity) return Err(Error::badf);
        File* f = a->files[fd].load(std::memory_order_relaxed);
        if (!is_file(f)) return Err(Error::badf);
        return FileRef(f, false);
    }
    TRY_ASSIGN(Ref<File> f, get(fd));
    return FileRef(f.release(), true);
}

// Called with the lock held; drops and retakes it around the allocation.
Result<void> FileTable::grow_locked(u32 wanted) {
    u32 capacity = std::bit_ceil(std::max(wanted, kFirstCapacity));
    if (capacity > kMaxCapacity) return Err(Error::mfile);
    lock_.unlock();
    Array* bigger = Array::make(capacity);
    lock_.lock();
    if (bigger == nullptr) return Err(Error::nomem);
    Array* old = array_.load();
    if (old->capacity >= capacity) {  // somebody else was faster
        mm::kfree(bigger);
        return {};
    }
    for (u32 i = 0; i < old->capacity; i++)
        bigger->files[i].store(old->files[i].load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
    std::memcpy(bigger->used, old->used, old->capacity / 8);
    std::memcpy(bigger->cloexec, old->cloexec, old->capacity / 8);
    bigger->first_free_hint = old->first_free_hint;
    array_.assign(bigger);
    sync::rcu_call(old->rcu, Array::release);
    return {};
}

Result<i32> FileTable::take_slot_locked(bool close_on_exec, u64 limit, i32 from) {
    for (;;) {
        Array* a = array_.load();
        u32 fd = a->find_free(static_cast<u32>(from));
        if (fd >= limit) return Err(Error::mfile);
        if (fd >= a->capacity) {
            TRY(grow_locked(fd + 1));
            continue;
        }
        a->set_used(fd, true);
        a->set_cloexec(fd, close_on_exec);
        if (fd == a->first_free_hint) a->first_free_hint = fd + 1;
        return static_cast<i32>(fd);
    }
}

Result<i32> FileTable::install(Ref<File> file, bool close_on_exec, u64 limit, i32 from) {
    sync::SpinGuard guard(lock_);
    TRY_ASSIGN(i32 fd, take_slot_locked(close_on_exec, limit, from));
    // Pairs with the acquire in get().
    array_.load()->files[fd].store(file.release(), std::memory_order_release);
    return fd;
}

Result<i32> FileTable::reserve(bool close_on_exec, u64 limit, i32 from) {
    sync::SpinGuard guard(lock_);
    TRY_ASSIGN(i32 fd, take_slot_locked(close_on_exec, limit, from));
    array_.load()->files[fd].store(reserved(), std::memory_order_relaxed);
    return fd;
}

void FileTable::publish(i32 fd, Ref<File> file) {
    sync::SpinGuard guard(lock_);
    array_.load()->files[fd].store(file.release(), std::memory_order_release);
}

void FileTable::cancel(i32 fd) {
    sync::SpinGuard guard(lock_);
    Array* a = array_.load();
    a->files[fd].store(nullptr, std::memory_order_relaxed);
    a->set_used(static_cast<u32>(fd), false);
}

Result<void> FileTable::replace(i32 fd, Ref<File> file, bool close_on_exec, u64 limit) {
    if (fd < 0 || static_cast<u64>(fd) >= limit) return Err(Error::badf);
    File* old;
    {
        sync::SpinGuard guard(lock_);
        while (static_cast<u32>(fd) >= array_.load()->capacity)
            TRY(grow_locked(static_cast<u32>(fd) + 1));
        Array* a = array_.load();
        old = a->files[fd].load(std::memory_order_relaxed);
        if (old == reserved()) return Err(Error::busy);
        a->set_used(static_cast<u32>(fd), true);
        a->set_cloexec(static_cast<u32>(fd), close_on_exec);
        a->files[fd].store(file.release(), std::memory_order_release);
    }
    if (old != nullptr) (void)drop(old);
    return {};
}

Result<void> FileTable::drop(File* file) {
    Result<void> flushed = file->close_descriptor(this);
    // A reader may be between loading the pointer and try_ref(): see File::on_last_ref.
    if (ref_count() > 1) file->rcu_seen_.store(true, std::memory_order_release);
    file->unref();
    return flushed;
}

Result<void> FileTable::close(i32 fd) {
    File* f;
    {
        sync::SpinGuard guard(lock_);
        Array* a = array_.load();
        if (static_cast<u32>(fd) >= a->capacity) return Err(Error::badf);
        f = a->files[fd].load(std::memory_order_relaxed);
        if (!is_file(f)) return Err(Error::badf);
        a->files[fd].store(nullptr, std::memory_order_relaxed);
        a->set_used(static_cast<u32>(fd), false);
    }
    return drop(f);
}

Result<void> FileTable::close_range(u32 first, u32 last, bool only_mark_cloexec) {
    for (u32 fd = first; fd <= last; fd++) {
        File* f = nullptr;
        {
            sync::SpinGuard guard(lock_);
            Array* a = array_.load();
            if (fd >= a->capacity) return {};
            while (fd <= last && fd < a->capacity && !a->is_used(fd)) fd++;
            if (fd > last || fd >= a->capacity) return {};
            if (only_mark_cloexec) {
                a->set_cloexec(fd, true);
                continue;
            }
            f = a->files[fd].load(std::memory_order_relaxed);
            if (!is_file(f)) continue;
            a->files[fd].store(nullptr, std::memory_order_relaxed);
            a->set_used(fd, false);
        }
        (void)drop(f);
    }
    return {};
}

Result<bool> FileTable::close_on_exec(i32 fd) {
    sync::SpinGuard guard(lock_);
    Array* a = array_.load();
    if (static_cast<u32>(fd) >= a->capacity ||
        !is_file(a->files[fd].load(std::memory_order_relaxed)))
        return Err(Error::badf);
    return a->is_cloexec(static_cast<u32>(fd));
}

Result<void> FileTable::set_close_on_exec(i32 fd, bool on) {
    sync::SpinGuard guard(lock_);
    Array* a = array_.load();
    if (static_cast<u32>(fd) >= a->capacity ||
        !is_file(a->files[fd].load(std::memory_order_relaxed)))
        return Err(Error::badf);
    a->set_cloexec(static_cast<u32>(fd), on);
    return {};
}

void FileTable::close_for_exec() {
    for (u32 fd = 0;; fd++) {
        File* f = nullptr;
        {
            sync::SpinGuard guard(lock_);
            Array* a = array_.load();
            while (fd < a->capacity && !(a->is_used(fd) && a->is_cloexec(fd))) {
                if ((a->used[fd / 64] & a->cloexec[fd / 64]) == 0)
                    fd = (fd | 63) + 1;
                else
                    fd++;
            }
            if (fd >= a->capacity) return;
            f = a->files[fd].load(std::memory_order_relaxed);
            if (!is_file(f)) continue;
            a->files[fd].store(nullptr, std::memory_order_relaxed);
            a->set_used(fd, false);
        }
        (void)drop(f);
    }
}

i32 FileTable::next_open(i32 fd) {
    sync::SpinGuard guard(lock_);
    Array* a = array_.load();
    for (u32 i = static_cast<u32>(fd); i < a->capacity; i++)
        if (is_file(a->files[i].load(std::memory_order_relaxed))) return static_cast<i32>(i);
    return -1;
}

u32 FileTable::capacity() const {
    sync::SpinGuard guard(lock_);
    return array_.load()->capacity;
}

}  // namespace tenon::vfs
