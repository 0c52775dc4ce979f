#include "core/boot/memory_map.h"

#include <algorithm>

namespace tenon::boot {

namespace {
// No x86 has more than 52 physical bits; a range beyond them is garbage.
constexpr u64 kPhysLimit = u64{1} << 52;
}  // namespace

void MemoryMap::add(u64 start, u64 length_bytes, MemoryKind kind) {
    if (start >= kPhysLimit || length_bytes == 0) {
        ++info_.dropped;
        return;
    }
    u64 end = start + std::min(length_bytes, kPhysLimit - start);
    // Only whole pages are usable; of anything else a part of a page taints it all.
    if (kind == MemoryKind::usable) {
        start = align_up(start, kPageSize);
        end = align_down(end, kPageSize);
    } else {
        start = align_down(start, kPageSize);
        end = align_up(end, kPageSize);
    }
    if (start < end) set(start, end, kind, true);
}

void MemoryMap::claim(u64 start, u64 length_bytes, MemoryKind kind) {
    if (start >= kPhysLimit || length_bytes == 0) return;
    const u64 end = start + std::min(length_bytes, kPhysLimit - start);
    set(align_down(start, kPageSize), align_up(end, kPageSize), kind, false);
}

u64 MemoryMap::take(u64 length_bytes, u64 alignment, u64 limit, MemoryKind kind) {
    for (usize i = info_.memory_count; i-- > 0;) {
        const MemoryRange& r = info_.memory_storage[i];
        if (r.kind != MemoryKind::usable) continue;
        const u64 end = std::min(r.end().value, limit);
        if (end < length_bytes) continue;
        const u64 start = align_down(end - length_bytes, alignment);
        if (start < r.start.value || start == 0) continue;
        set(start, start + length_bytes, kind, false);
        return start;
    }
    return 0;
}

// Gives [start, end) the kind, splitting what is there. Gaps in between become ranges too.
void MemoryMap::set(u64 start, u64 end, MemoryKind kind, bool only_stronger) {
    usize i = 0;
    u64 at = start;
    while (at < end) {
        while (i < info_.memory_count && info_.memory_storage[i].end().value <= at) ++i;
        if (i == info_.memory_count || info_.memory_storage[i].start.value > at) {
            // A gap up to the next range.
            const u64 gap_end =
                i == info_.memory_count ? end : std::min(end, info_.memory_storage[i].start.value);
            if (!insert(i, {{at}, gap_end - at, kind})) return;
            at = gap_end;
            continue;
        }
        MemoryRange& r = info_.memory_storage[i];
        const u64 part_end = std::min(end, r.end().value);
        if (r.kind == kind || (only_stronger && r.kind > kind)) {
            at = part_end;
            continue;
        }
        const MemoryRange old = r;
        if (old.start.value < at) {
            if (!insert(i + 1, {{at}, old.end().value - at, old.kind})) return;
            info_.memory_storage[i].length_bytes = at - old.start.value;
            ++i;
        }
        if (part_end < old.end().value) {
            if (!insert(i + 1, {{part_end}, old.end().value - part_end, old.kind})) return;
            info_.memory_storage[i].length_bytes = part_end - at;
        }
        info_.memory_storage[i].kind = kind;
        at = part_end;
    }
    merge();
}

bool MemoryMap::insert(usize at, MemoryRange range) {
    auto& list = info_.memory_storage;
    if (info_.memory_count == list.size()) {
        ++info_.dropped;
        return false;
    }
    std::copy_backward(list.begin() + at, list.begin() + info_.memory_count,
                       list.begin() + info_.memory_count + 1);
    list[at] = range;
    ++info_.memory_count;
    return true;
}

void MemoryMap::merge() {
    auto& list = info_.memory_storage;
    usize out = 0;
    for (usize i = 0; i < info_.memory_count; ++i) {
        if (out > 0 && list[out - 1].kind == list[i].kind && list[out - 1].end() == list[i].start)
            list[out - 1].length_bytes += list[i].length_bytes;
        else
            list[out++] = list[i];
    }
    info_.memory_count = out;
}

}  // namespace tenon::boot
