// Numbers of tasks, processes, groups and sessions: a three-level array read under RCU, with a
// bitmap of what is taken in its middle level. What is not in use has no memory; what was, keeps it.
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
constexpr i32 kSlotsPerChunk = kPageSize / sizeof(Slot);
constexpr i32 kChunksPerNode = 128;
constexpr i32 kIdsPerNode = kSlotsPerChunk * kChunksPerNode;
struct Node {
    sync::RcuPtr<Slot> chunks[kChunksPerNode];
    u64 taken[kIdsPerNode / 64];  // under g_lock; next_process() looks without
};
// All but init's are above, after a wrap too. Linux's programs know the numbers below as those of
// kernel threads, which no signal ends; some send signals to numbers that they never had.
constexpr i32 kReserved = 300;

constinit sync::SpinLock g_lock{sync::LockRank::spin_leaf};
constinit sync::RcuPtr<Node> g_nodes[kMaxPid / kIdsPerNode];
constinit i32 g_last = kReserved - 1, g_end = kDefaultPidEnd;

// Null: none of its numbers was ever taken.
Node* node_of(i32 id) {
    return g_nodes[id / kIdsPerNode].load();
}
u64& taken_word(Node& node, i32 id) {
    return node.taken[id % kIdsPerNode / 64];
}
u64 bit_of(i32 id) {
    return u64{1} << (id % 64);
}

Slot* slot(i32 id) {
    if (id <= 0 || id >= kMaxPid) return nullptr;
    Node* node = node_of(id);
    if (node == nullptr) return nullptr;
    Slot* chunk = node->chunks[id % kIdsPerNode / kSlotsPerChunk].load();
    return chunk == nullptr ? nullptr : &chunk[id % kSlotsPerChunk];
}

i32 find_free(i32 from, i32 to) {
    for (i32 id = from; id < to;) {
        Node* node = node_of(id);
        if (node == nullptr) return id;
        const u64 free = ~taken_word(*node, id) >> (id % 64);
        if (free != 0) {
            id += std::countr_zero(free);
            return id < to ? id : 0;
        }
        id = (id / 64 + 1) * 64;
    }
    return 0;
}

// Memory of one level where there is none yet; somebody else may have been faster.
template <typename T>
Result<void> fill(sync::RcuPtr<T>& place, usize bytes) {
    if (place.load() != nullptr) return {};
    auto* fresh = static_cast<T*>(mm::kmalloc(bytes, mm::Alloc::zero));
    if (fresh == nullptr) return Err(Error::nomem);
    {
        sync::IrqSpinGuard guard(g_lock);
        if (place.load() == nullptr) {
            place.assign(fresh);
            fresh = nullptr;
        }
    }
    mm::kfree(fresh);
    return {};
}

// Takes `wanted`, or the next that is free, into `id`. False: it was not taken, for its node has
// no memory yet.
Result<bool> take(i32 wanted, i32& id) {
    sync::IrqSpinGuard guard(g_lock);
    id = wanted;
    if (wanted == 0) {
        id = find_free(g_last + 1, g_end);
        if (id == 0) id = find_free(kReserved, std::min(g_last + 1, g_end));
        if (id == 0) return Err(Error::again);
    }
    Node* node = node_of(id);
    if (node == nullptr) return false;
    u64& word = taken_word(*node, id);
    if (word & bit_of(id)) return Err(Error::exist);
    word |= bit_of(id);
    if (wanted == 0) g_last = id;
    return true;
}

}  // namespace

Result<i32> allocate(i32 wanted) {
    if (wanted < 0 || wanted >= kMaxPid) return Err(Error::inval);
    for (;;) {
        i32 id = 0;
        TRY_ASSIGN(const bool has, take(wanted, id));
        if (!has) {
            TRY(fill(g_nodes[id / kIdsPerNode], sizeof(Node)));
            continue;
        }
        auto r = fill(node_of(id)->chunks[id % kIdsPerNode / kSlotsPerChunk], kPageSize);
        if (r) return id;
        release(id);
        return Err(r.error());
    }
}

void release(i32 id) {
    sync::IrqSpinGuard guard(g_lock);
    taken_word(*node_of(id), id) &= ~bit_of(id);
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
    taken_word(*node_of(id), id) &= ~bit_of(id);
}

void* find(i32 id, Kind kind) {
    Slot* s = slot(id);
    return s == nullptr ? nullptr : s->object[static_cast<u8>(kind)].load();
}

i32 next_process(i32 from) {
    for (i32 id = from < 1 ? 1 : from; id < kMaxPid; ++id) {
        Node* node = node_of(id);
        if (node == nullptr || taken_word(*node, id) >> (id % 64) == 0) {
            id |= node == nullptr ? kIdsPerNode - 1 : 63;
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
