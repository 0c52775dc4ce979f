// Memory policies, on one node: every policy that can be set means the same, so it is checked and
// forgotten. Spec: man 2 set_mempolicy, mbind, get_mempolicy.
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"

namespace tenon::personality {

namespace {

using namespace uapi;

constexpr u64 kNodes = 1;

// The node set of a call; only node 0 exists.
Result<u64> read_nodes(u64 mask, u64 max_node) {
    --max_node;
    if (max_node == 0 || mask == 0) return u64{0};  // a length of 0 with a mask is too long by now
    if (max_node > kPageSize * 8) return Err(Error::inval);
    u64 nodes = 0;
    for (u64 word = 0; word * 64 < max_node; ++word) {
        TRY_ASSIGN(u64 bits, mm::UserIn<u64>(mask).read(word));
        const u64 left = max_node - word * 64;
        if (left < 64) bits &= (u64{1} << left) - 1;
        if (word == 0)
            nodes = bits;
        else if (bits != 0)
            return Err(Error::inval);
    }
    if (nodes & ~u64{1}) return Err(Error::inval);
    return nodes;
}

Result<void> check_policy(u64 mode_and_flags, u64 nodes) {
    const u64 flags = mode_and_flags & MPOL_MODE_FLAGS,
              mode = mode_and_flags & ~u64{MPOL_MODE_FLAGS};
    if (mode >= MPOL_MAX) return Err(Error::inval);
    if ((flags & MPOL_F_STATIC_NODES) && (flags & MPOL_F_RELATIVE_NODES)) return Err(Error::inval);
    if ((flags & MPOL_F_NUMA_BALANCING) && mode != MPOL_BIND) return Err(Error::inval);
    switch (mode) {
        case MPOL_DEFAULT:
            return nodes != 0 ? Result<void>(Err(Error::inval)) : Result<void>{};
        case MPOL_LOCAL:
            if (nodes != 0 || (flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)))
                return Err(Error::inval);
            return {};
        case MPOL_PREFERRED:
            if (nodes == 0 && (flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)))
                return Err(Error::inval);
            return {};
        default:
            return nodes == 0 ? Result<void>(Err(Error::inval)) : Result<void>{};
    }
}

}  // namespace

Result<i64> sys_mbind(u64 start, u64 length, u64 mode, u64 mask, u64 max_node, u32 flags) {
    TRY_ASSIGN(const u64 nodes, read_nodes(mask, max_node));
    if (flags & ~u32{MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL}) return Err(Error::inval);
    if ((flags & MPOL_MF_MOVE_ALL) && !process::capable(process::Capability::sys_nice))
        return Err(Error::perm);
    if (!page_aligned(start)) return Err(Error::inval);
    const u64 end = start + align_up(length, kPageSize);
    if (end < start) return Err(Error::inval);
    if (end == start) return 0;
    TRY(check_policy(mode, nodes));
    TRY_ASSIGN(const bool whole,
               walk(own_space(), start, end, [](mm::Vma&) { return Result<void>{}; }));
    if (!whole) return Err(Error::fault);
    return 0;
}

Result<i64> sys_set_mempolicy(i32 mode, u64 mask, u64 max_node) {
    TRY_ASSIGN(const u64 nodes, read_nodes(mask, max_node));
    TRY(check_policy(static_cast<u32>(mode), nodes));
    return 0;
}

Result<i64> sys_get_mempolicy(u64 mode, u64 mask, u64 max_node, u64 address, u64 flags) {
    if (flags & ~u64{MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED}) return Err(Error::inval);
    if (mask != 0 && max_node < kNodes) return Err(Error::inval);
    i32 answer = MPOL_DEFAULT;
    u64 nodes = 0;
    if (flags & MPOL_F_MEMS_ALLOWED) {
        if (flags & (MPOL_F_NODE | MPOL_F_ADDR)) return Err(Error::inval);
        nodes = 1;
    } else if (flags & MPOL_F_ADDR) {
        mm::AddressSpace& space = own_space();
        sync::ReadGuard guard(space.lock);
        const mm::Vma* vma = space.find(address);
        if (vma == nullptr || vma->range.start > address) return Err(Error::fault);
    } else if (address != 0 || (flags & MPOL_F_NODE)) {
        return Err(Error::inval);
    }
    if (mode != 0) TRY(mm::UserOut<i32>(mode).write(answer));
    if (mask != 0) {
        // Whole words up to max_node, the first with what there is.
        const u64 bytes = align_up(max_node, 64) / 8;
        if (bytes > kPageSize) return Err(Error::inval);
        TRY(mm::UserOut<u64>(mask).write(nodes));
        if (bytes > 8) TRY(mm::clear_user(UserAddr{mask + 8}, bytes - 8));
    }
    return 0;
}

}  // namespace tenon::personality
