// Memory policies, on one node: every policy that can be set means the same. A task's and a
// mapping's are kept to be told. Spec: man 2 set_mempolicy, mbind, get_mempolicy,
// move_pages, migrate_pages; Linux mm/mempolicy.c, mm/migrate.c.
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/memory/layout.h"
#include "personality/linux/process/permission.h"

namespace tenon::personality {

namespace {

using namespace uapi;

constexpr u64 kNodes = 1;
constexpr u64 kMostNodes = 1024;  // as many as Debian's Linux could have

// The node set of a call: only node 0 exists, the others may be named.
struct Nodes {
    bool first = false, others = false;
    u64 low = 0;  // the first word of them
    bool empty() const { return !first && !others; }
};

Result<Nodes> read_nodes(u64 mask, u64 max_node) {
    --max_node;
    if (max_node == 0 || mask == 0) return Nodes{};  // a length of 0 with a mask is too long by now
    if (max_node > kPageSize * 8) return Err(Error::inval);
    Nodes nodes;
    for (u64 word = 0; word * 64 < max_node; ++word) {
        TRY_ASSIGN(u64 bits, mm::UserIn<u64>(mask).read(word));
        const u64 left = max_node - word * 64;
        if (left < 64) bits &= (u64{1} << left) - 1;
        if (word * 64 >= kMostNodes && bits != 0) return Err(Error::inval);
        if (word == 0) nodes.first = (nodes.low = bits) & 1;
        nodes.others |= (word == 0 ? bits & ~u64{1} : bits) != 0;
    }
    return nodes;
}

u32 mode_of(const mm::Placement& p) {
    return p.policy & ~u32{MPOL_MODE_FLAGS};
}

// What is to be kept: mode and flags.
Result<u32> check_policy(u64 mode_and_flags, Nodes nodes) {
    const u64 flags = mode_and_flags & MPOL_MODE_FLAGS,
              mode = mode_and_flags & ~u64{MPOL_MODE_FLAGS};
    if (mode >= MPOL_MAX) return Err(Error::inval);
    if ((flags & MPOL_F_STATIC_NODES) && (flags & MPOL_F_RELATIVE_NODES)) return Err(Error::inval);
    if ((flags & MPOL_F_NUMA_BALANCING) && mode != MPOL_BIND) return Err(Error::inval);
    const bool fixed = (flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)) != 0;
    const u32 kept = static_cast<u32>(mode_and_flags);
    if (mode == MPOL_DEFAULT) return nodes.empty() ? Result<u32>(0) : Err(Error::inval);
    if (mode == MPOL_LOCAL || (mode == MPOL_PREFERRED && nodes.empty())) {
        if (!nodes.empty() || fixed) return Err(Error::inval);
        return MPOL_LOCAL | static_cast<u32>(flags);
    }
    // Relative numbers are counted around the nodes that there are.
    const bool any = nodes.first || ((flags & MPOL_F_RELATIVE_NODES) && nodes.others);
    return any ? Result<u32>(kept) : Err(Error::inval);
}

}  // namespace

Result<i64> sys_mbind(u64 start, u64 length, u64 mode, u64 mask, u64 max_node, u32 flags) {
    TRY_ASSIGN(const Nodes nodes, read_nodes(mask, max_node));
    if (flags & ~u32{MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL}) return Err(Error::inval);
    if ((flags & MPOL_MF_MOVE_ALL) && !process::capable(process::Capability::sys_nice))
        return Err(Error::perm);
    if (!page_aligned(start)) return Err(Error::inval);
    const u64 end = start + align_up(length, kPageSize);
    if (end < start) return Err(Error::inval);
    if (end == start) return 0;
    TRY_ASSIGN(const u32 policy, check_policy(mode, nodes));
    TRY(own_space().set_placement(start, end, {.policy = policy, .nodes = nodes.low}));
    return 0;
}

Result<i64> sys_set_mempolicy(i32 mode, u64 mask, u64 max_node) {
    TRY_ASSIGN(const Nodes nodes, read_nodes(mask, max_node));
    TRY_ASSIGN(const u32 policy, check_policy(static_cast<u32>(mode), nodes));
    linux_task().memory_policy = {.policy = policy, .nodes = nodes.low};
    return 0;
}

Result<i64> sys_get_mempolicy(u64 mode, u64 mask, u64 max_node, u64 address, u64 flags) {
    if (flags & ~u64{MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED}) return Err(Error::inval);
    if (mask != 0 && max_node < kNodes) return Err(Error::inval);
    mm::Placement own = linux_task().memory_policy;
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
        own = vma->placement;
    } else if (address != 0 || ((flags & MPOL_F_NODE) && mode_of(own) != MPOL_INTERLEAVE)) {
        return Err(Error::inval);
    }
    if (!(flags & MPOL_F_MEMS_ALLOWED)) {
        nodes = mode_of(own) != MPOL_DEFAULT && mode_of(own) != MPOL_LOCAL;
        if (own.policy & MPOL_MODE_FLAGS) nodes = own.nodes;
        // With MPOL_F_NODE the answer is a node, the page's or the next one's: 0.
        if (!(flags & MPOL_F_NODE)) answer = static_cast<i32>(own.policy);
    }
    if (mode != 0) TRY(mm::UserOut<i32>(mode).write(answer));
    if (mask != 0) {
        // Whole words up to max_node, the first with what there is.
        const u64 bytes = align_up(max_node - 1, 64) / 8;
        if (bytes > kPageSize) return Err(Error::inval);
        if (bytes != 0) TRY(mm::UserOut<u64>(mask).write(nodes));
        if (bytes > 8) TRY(mm::clear_user(UserAddr{mask + 8}, bytes - 8));
    }
    return 0;
}

namespace {

// The space of a task that the caller may look into; `pid` 0 is his own.
Result<Ref<mm::AddressSpace>> space_to_sort(i32 pid) {
    if (pid == 0) return Ref<mm::AddressSpace>(&own_space());
    const Ref<Task> task = process::find_task(pid);
    if (!task) return Err(Error::srch);
    TRY(may_inspect(*task->process));
    Ref<mm::AddressSpace> space = process::space_of(*task);
    if (!space) return Err(Error::inval);
    return space;
}

// The node of the page at an address, or what is to be told instead: -EFAULT where nothing is
// mapped or nobody has written, -ENOENT for a page of a file that is not there.
i32 node_of(mm::AddressSpace& space, u64 address) {
    sync::ReadGuard guard(space.lock);
    const mm::Vma* vma = space.find(address);
    if (vma == nullptr || vma->range.start > address) return -EFAULT;
    bool there = false;
    const u64 page = address & ~(kPageSize - 1);
    space.visit_entries(
        page, page + kPageSize,
        [](u64, arch::Pte entry, mm::Page* at, void* found) {
            *static_cast<bool*>(found) = at != nullptr;
            return entry;
        },
        &there);
    if (there) return 0;
    return vma->is_private_anon() || vma->mapping == nullptr ? -EFAULT : -ENOENT;
}

}  // namespace

// Every page lies on node 0 already.
Result<i64> sys_move_pages(i32 pid, u64 count, u64 pages, u64 nodes, u64 status, i32 flags) {
    if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) return Err(Error::inval);
    if ((flags & MPOL_MF_MOVE_ALL) && !process::capable(process::Capability::sys_nice))
        return Err(Error::perm);
    TRY_ASSIGN(const Ref<mm::AddressSpace> space, space_to_sort(pid));
    for (u64 i = 0; i < count; ++i) {
        if (process::fatal_signal_pending()) return Err(Error::intr);
        TRY_ASSIGN(const u64 address, mm::UserIn<u64>(pages).read(i));
        if (nodes != 0) {
            TRY_ASSIGN(const i32 node, mm::UserIn<i32>(nodes).read(i));
            if (node != 0) return Err(Error::nodev);
        }
        TRY(mm::UserOut<i32>(status).write(node_of(*space, address), i));
    }
    return 0;
}

Result<i64> sys_migrate_pages(i32 pid, u64 max_node, u64 old_nodes, u64 new_nodes) {
    TRY(read_nodes(old_nodes, max_node));
    TRY_ASSIGN(const Nodes to, read_nodes(new_nodes, max_node));
    TRY_ASSIGN(const Ref<mm::AddressSpace> space, space_to_sort(pid));
    if (to.others && !process::capable(process::Capability::sys_nice)) return Err(Error::perm);
    if (!to.first) return Err(Error::inval);
    return 0;  // none could not be moved
}

}  // namespace tenon::personality
