#include "arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace fuzz {

namespace {

// Fixed, so that a run is repeated with the same addresses.
constexpr u64 kBase = 0x200000000000;
constexpr size_t kScratch = 16 * kPage;
constexpr u64 kScratchAt[] = {kBase, kBase + 0x100000};
constexpr u64 kConstant = kBase + 0x200000;
constexpr u64 kTorn = kBase + 0x300000;
constexpr u64 kShared = kBase + 0x400000;
constexpr u64 kField = kBase + 0x800000;
constexpr size_t kFieldBytes = 0x200000;
constexpr u64 kEnd = kField + kFieldBytes;

void* map(u64 address, size_t bytes, int protection, int flags, int fd = -1) {
    return mmap(reinterpret_cast<void*>(address), bytes, protection, flags | MAP_FIXED, fd, 0);
}

}  // namespace

void Arena::map_common(void* shared) {
    map(kConstant, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    memset(reinterpret_cast<void*>(kConstant), 0x2f, kPage - 1);
    mprotect(reinterpret_cast<void*>(kConstant), kPage, PROT_READ);
    const int fd = memfd_create("torn", 0);
    if (fd >= 0 && ftruncate(fd, kPage) == 0)
        map(kTorn, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    if (fd >= 0) close(fd);
    mremap(shared, 0, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, reinterpret_cast<void*>(kShared));
    map(kField, kFieldBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
}

bool Arena::mend(u64 address) {
    if (address < kBase || address >= kEnd) return false;
    const u64 page = address & ~(kPage - 1);
    return map(page, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS) != MAP_FAILED;
}

Arena::Arena(unsigned thread) : scratch_(reinterpret_cast<u8*>(kScratchAt[thread])) {
    map(kScratchAt[thread], kScratch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    map(kScratchAt[thread] + kScratch, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
}

void* Arena::allocate(size_t bytes) {
    // The last page is for what ends at its edge.
    if (used_ + bytes > kScratch - kPage) used_ = 0;
    void* const at = scratch_ + used_;
    used_ += (bytes + 15) & ~size_t{15};
    return at;
}

u64 Arena::place(Random& random, const void* data, size_t bytes) {
    if (bytes > 8 * kPage) bytes = 8 * kPage;
    u8* at;
    switch (random.below(24)) {
        case 0:
            return hostile_address(random);
        case 1:
            return 0;
        case 2:
            return random.one_in(2) ? kConstant : kConstant + kPage - random.below(bytes + 1);
        case 3:
            return kTorn + kPage - random.below(bytes + 1);
        case 4:
            return kShared + random.below(kPage / 8) * 8;
        case 5: {  // its second part is missing
            const size_t there = random.below(bytes + 1);
            at = scratch_ + kScratch - there;
            memcpy(at, data, there);
            return reinterpret_cast<u64>(at);
        }
        case 6:
        case 7:
            at = scratch_ + kScratch - bytes;
            break;
        case 8:
            at = static_cast<u8*>(allocate(bytes + 8)) + 1 + random.below(7);
            break;
        default:
            at = static_cast<u8*>(allocate(bytes));
            break;
    }
    memcpy(at, data, bytes);
    return reinterpret_cast<u64>(at);
}

u64 Arena::room(Random& random, size_t bytes) {
    static const u8 nothing[8 * kPage] = {};
    return place(random, nothing, bytes);
}

u64 Arena::field_address(Random& random) {
    if (random.one_in(16)) return hostile_address(random);
    if (random.one_in(8)) return 0;
    const u64 page = kField + random.below(random.one_in(2) ? 16 : kFieldBytes / kPage) * kPage;
    if (random.one_in(24))
        return random.of({u64{kTorn}, u64{kShared}, u64{kConstant}, kScratchAt[0], kScratchAt[1]});
    return random.one_in(12) ? page + random.below(kPage) : page;
}

u64 Arena::hostile_address(Random& random) {
    static constexpr u64 kAddresses[] = {
        1,
        8,
        kPage - 1,
        kPage,
        0x10000,
        0x00007fffffffe000,
        0x00007fffffffeff8,
        0x00007ffffffff000,
        0x00007fffffffffff,  // the end of user space
        0x0000800000000000,
        0xdead000000000100,
        0x8000000000000000,
        0xffff7fffffffffff,  // not canonical
        0xffff800000000000,
        0xffff888000000000,
        0xffffffff80000000,
        0xffffffff80100000,
        0xffffffffff600000,
        0xfffffffffffff000,
        0xfffffffffffffff8,
        0xffffffffffffffff,
    };
    if (random.one_in(6)) return random.next();
    if (random.one_in(4)) return kEnd - random.below(64);
    return random.of(kAddresses) - (random.one_in(3) ? random.below(64) : 0);
}

}  // namespace fuzz
