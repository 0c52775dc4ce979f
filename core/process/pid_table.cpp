// Numbers of tasks, processes, groups and sessions: a two-level array read under RCU, and a bitmap
// of what is taken.
#include <tenon/mm/page_alloc.h>
#include <tenon/mm/slab.h>
#include <tenon/process/tree.h>

#include <algorithm>
#include <bit>

namespace tenon::process::pids {

namespace {

struct Slot {
    sync::RcuPtr<void> object[4];
};
constexpr u32 kSlotsPerChunk = kPageSize / sizeof(Slot);
constexpr u32 kChunks = kMaxPid / kSlotsPerChunk;
constexpr i32 kReserved = 300;  // wrapping starts here, as in Linux

constinit sync::SpinLock g_lock{sync::LockRank::spin_leaf};
constinit sync::RcuPtr<Slot> g_chunks[kChunks];
constinit u64 g_taken[kMaxPid / 64] = {1};  // 0 is nobody
constinit i32 g_last = 0, g_end = kMaxPid;

Slot* slot(i32 id) {
    if (id <= 0 || id >= kMaxPid) return nullptr;
    Slot* chunk = g_chunks[id / kSlotsPerChunk].load();
    return chunk == nullptr ? nullptr : &chunk[id % kSlotsPerChunk];
}

i32 find_free(i32 from, i32 to) {
    for (i32 id = from; id < to;) {
        const u64 free = ~g_taken[id / 64] >> (id % 64);
        if (free != 0) {
            id += std::countr_zero(free);
            return id < to ? id : 0;
        }
        id = (id / 64 + 1) * 64;
    }
    return 0;
}

}  // namespace

Result<i32> allocate(i32 wanted) {
    i32 id = 0;
    {
        sync::IrqSpinGuard guard(g_lock);
        if (wanted != 0) {
            if (wanted < 1 || wanted >= kMaxPid) return Err(Error::inval);
            if ((g_taken[wanted / 64] >> (wanted % 64)) & 1) return Err(Error::exist);
            id = wanted;
        } else {
            id = find_free(g_last + 1, g_end);
            if (id == 0) id = find_free(kReserved, std::min(g_last + 1, g_end));
            if (id == 0) return Err(Error::again);
            g_last = id;
        }
        g_taken[id / 64] |= u64{1} << (id % 64);
    }
    if (slot(id) == nullptr) {
        auto* chunk = static_cast<Slot*>(mm::kmalloc(kPageSize, mm::Alloc::zero));
        if (chunk == nullptr) {
            release(id);
            return Err(Error::nomem);
        }
        {
            sync::IrqSpinGuard guard(g_lock);
            sync::RcuPtr<Slot>& place = g_chunks[id / kSlotsPerChunk];
            if (place.load() == nullptr) {
                place.assign(chunk);
                chunk = nullptr;
            }
        }
        mm::kfree(chunk);  // somebody else was faster
    }
    return id;
}

void release(i32 id) {
    sync::IrqSpinGuard guard(g_lock);
    g_taken[id / 64] &= ~(u64{1} << (id % 64));
}

void attach(i32 id, Kind kind, void* object) {
    slot(id)->object[static_cast<u8>(kind)].assign(object);
}
void replace(i32 id, Kind kind, void* object) {
    slot(id)->object[static_cast<u8>(kind)].assign(object);
}

void detach(i32 id, Kind kind) {
    sync::IrqSpinGuard guard(g_lock);
    Slot* s = slot(id);
    s->object[static_cast<u8>(kind)].assign(nullptr);
    for (const auto& object : s->object)
        if (object.load() != nullptr) return;
    g_taken[id / 64] &= ~(u64{1} << (id % 64));
}

void* find(i32 id, Kind kind) {
    Slot* s = slot(id);
    return s == nullptr ? nullptr : s->object[static_cast<u8>(kind)].load();
}

i32 next_process(i32 from) {
    for (i32 id = from < 1 ? 1 : from; id < kMaxPid; ++id) {
        if (g_taken[id / 64] >> (id % 64) == 0) {
            id |= 63;
            continue;
        }
        if (find(id, Kind::process) != nullptr) return id;
    }
    return 0;
}

}  // namespace tenon::process::pids

namespace tenon::process {

namespace {

// The object behind an id with a reference, unless it is dying.
template <typename T>
Ref<T> find_ref(i32 id, pids::Kind kind) {
    sync::RcuGuard guard;
    auto* object = static_cast<T*>(pids::find(id, kind));
    return object != nullptr && object->try_ref() ? adopt_ref(object) : nullptr;
}

}  // namespace

Ref<Task> find_task(i32 tid) {
    return find_ref<Task>(tid, pids::Kind::task);
}
Ref<Process> find_process(i32 pid) {
    return find_ref<Process>(pid, pids::Kind::process);
}
Ref<ProcessGroup> find_group(i32 id) {
    return find_ref<ProcessGroup>(id, pids::Kind::group);
}
Ref<Process> next_process(i32 pid) {
    while ((pid = pids::next_process(pid)) != 0) {
        if (auto process = find_process(pid)) return process;
        ++pid;
    }
    return nullptr;
}
void set_pid_end(i32 end) {
    sync::IrqSpinGuard guard(pids::g_lock);
    pids::g_end = end;
}
i32 last_pid() {
    return pids::g_last;
}
Result<void> set_last_pid(i32 pid) {
    if (pid < 0 || pid >= kMaxPid) return Err(Error::inval);
    sync::IrqSpinGuard guard(pids::g_lock);
    pids::g_last = pid;
    return {};
}

}  // namespace tenon::process
