// The frame array, for core/mm: what page_of() and pfn_of() do, inline and without the RAM check.
#pragma once

#include <tenon/mm/page.h>

namespace tenon::mm {

// One Page per frame from 0 to the end of RAM. Written once, at boot.
extern Page* frames;
extern u64 frame_count;

inline Page& frame(Pfn pfn) {
    return frames[pfn.value];
}
inline Page& frame(u64 pfn) {
    return frames[pfn];
}
inline Pfn frame_number(const Page* page) {
    return {static_cast<u64>(page - frames)};
}
inline void* frame_address(const Page* page) {
    return arch::phys_to_virt(frame_number(page).phys());
}
// The frame behind an address in the direct map (kmalloc, page_address).
inline Page& frame_of_address(const void* p) {
    return frames[(reinterpret_cast<uptr>(p) -
                   reinterpret_cast<uptr>(arch::phys_to_virt(PhysAddr{0}))) >>
                  kPageShift];
}

}  // namespace tenon::mm
