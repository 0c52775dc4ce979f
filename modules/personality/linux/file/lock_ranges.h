// Byte-range locks of one file: what conflicts, and how a new lock cuts and joins the owner's old
// ones. Pure, so that the host can test it; sleeping and deadlocks are locks.cpp's.
//
// Spec: man 2 fcntl, POSIX fcntl().
#pragma once

#include <tenon/lib/intrusive.h>

#include <iterator>
#include <new>

namespace tenon::personality {

inline constexpr u64 kOffsetMax = 0x7fff'ffff'ffff'ffff;  // the last byte: to the end of the file

enum class LockType : u8 { read, write, unlock };
struct RecordLock {
    LockType type;
    u64 start = 0, end = ~u64{0};  // [start, end], bytes
    const void* owner = nullptr;   // FileTable* (POSIX) or File* (OFD)
    i32 pid = 0;                   // reported by F_GETLK; -1 for OFD
};

struct LockRange {
    RecordLock lock;
    ListHook hook;
};
using LockRangeList = List<LockRange, &LockRange::hook>;

inline bool overlaps(const RecordLock& a, const RecordLock& b) {
    return a.start <= b.end && b.start <= a.end;
}
inline bool conflicts(const RecordLock& held, const RecordLock& wanted) {
    return held.owner != wanted.owner && overlaps(held, wanted) &&
           (held.type == LockType::write || wanted.type == LockType::write);
}

inline LockRange* first_conflict(LockRangeList& list, const RecordLock& wanted) {
    if (wanted.type == LockType::unlock) return nullptr;
    for (LockRange& r : list)
        if (conflicts(r.lock, wanted)) return &r;
    return nullptr;
}

// Applies `wanted`, which conflicts with nobody. `spare` are two unused ranges; those taken are set
// to null. Ranges that are no longer needed go to `dead`. The list stays sorted by start.
inline void apply_lock(LockRangeList& list, const RecordLock& wanted, LockRange* (&spare)[2],
                       LockRangeList& dead) {
    auto take = [&]() -> LockRange* {
        for (LockRange*& s : spare)
            if (s != nullptr) {
                LockRange* r = s;
                s = nullptr;
                return r;
            }
        return nullptr;
    };
    RecordLock joined = wanted;
    for (auto i = list.begin(); i != list.end();) {
        LockRange& r = *i;
        auto next = std::next(i);
        if (r.lock.owner != wanted.owner) {
            i = next;
            continue;
        }
        if (r.lock.type == wanted.type) {
            // Touching or overlapping ranges of one kind become one.
            bool touch = (joined.start == 0 || r.lock.end >= joined.start - 1) &&
                         (joined.end == ~u64{0} || r.lock.start <= joined.end + 1);
            if (touch) {
                if (r.lock.start < joined.start) joined.start = r.lock.start;
                if (r.lock.end > joined.end) joined.end = r.lock.end;
                list.erase(i);
                dead.push_back(r);
            }
        } else if (overlaps(r.lock, wanted)) {
            bool left = r.lock.start<wanted.start, right = r.lock.end> wanted.end;
            if (left && right) {
                LockRange* tail = take();
                tail->lock = r.lock;
                tail->lock.start = wanted.end + 1;
                r.lock.end = wanted.start - 1;
                auto at = next;
                while (at != list.end() && at->lock.start < tail->lock.start) ++at;
                list.insert(at, *tail);
            } else if (left) {
                r.lock.end = wanted.start - 1;
            } else if (right) {
                r.lock.start = wanted.end + 1;
                list.erase(i);
                auto at = next;
                while (at != list.end() && at->lock.start < r.lock.start) ++at;
                list.insert(at, r);
            } else {
                list.erase(i);
                dead.push_back(r);
            }
        }
        i = next;
    }
    if (wanted.type == LockType::unlock) return;
    LockRange* fresh = take();
    fresh->lock = joined;
    auto at = list.begin();
    while (at != list.end() && at->lock.start < joined.start) ++at;
    list.insert(at, *fresh);
}

}  // namespace tenon::personality
