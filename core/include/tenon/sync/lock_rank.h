// The order in which locks are taken: a lock may be taken only while every lock that this CPU or
// task holds has a lower rank. A debug kernel stops on an inversion and prints both.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::sync {

enum class LockRank : u8 {
    none = 0,  // not checked; for tests
    // Sleeping locks, outermost first.
    file_position = 16,  // before what a write to a device or an attribute takes
    tty_ioctl = 18,
    device_events = 19,  // a Listener may use the VFS
    exec_update = 20,
    vfs_rename = 22,   // one per super block
    vfs_parent = 24,   // directory inode
    vfs_parent2 = 25,  // second directory of a rename
    vfs_inode = 26,    // child inode
    vfs_inode2 = 27,   // second inode, in address order
    vfs_mount = 28,
    socket = 31,
    pipe = 32,
    epoll = 33,
    tty = 34,
    address_space = 36,  // AddressSpace::lock (rw)
    page_cache_fill = 40,
    module_loader =
        44,            // not held while a module runs: file systems list modules under their locks
    device_tree = 46,  // nor is this one
    sleeping_leaf = 48,  // any sleeping lock under which no other is taken
    // Spin locks, outermost first.
    spin_outer = 50,
    dentry_parent = 54,
    dentry = 56,
    mapping = 60,  // page cache tree, reverse maps
    page_table = 64,
    process_tree = 70,  // parents, children, groups, sessions
    signal = 74,
    file_table = 76,
    futex = 80,
    futex2 = 81,
    timer = 84,
    work_queue = 88,
    gate_watch = 90,
    wait_queue = 92,
    wait_queue2 = 93,  // a wake-up that wakes another queue (epoll)
    run_queue = 100,
    run_queue2 = 101,  // second run queue, in CPU order
    rcu = 104,
    slab = 110,
    vmalloc = 112,
    page_allocator = 116,
    kernel_page_table = 118,
    irq = 120,
    spin_leaf = 124,  // any spin lock under which no other is taken
    console = 126,
    log = 127,
};

}  // namespace tenon::sync
