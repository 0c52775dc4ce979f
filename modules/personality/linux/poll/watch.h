// Watches on inodes: what inotify and dnotify share.
//
// Each watched inode carries the chain of its watches; the core's notify hook looks at the inode
// and at the directory its name is in. One mutex guards all chains and what hangs on them: events
// are rare next to what causes them, and files nobody watches never come here.
#pragma once

#include <tenon/sync/mutex.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/inode.h>

namespace tenon::personality {

struct WatchEvent {
    u32 event;  // IN_*
    u32 cookie;
    std::string_view name;  // in the watched directory; empty: the inode itself
    bool is_directory;      // what it happened to
    bool is_unlinked;       // likewise: its name is gone
};

class Watch {
  public:
    virtual ~Watch() = default;
    // True: the watch has ended. notify_lock held, as for all here.
    virtual bool tell(const WatchEvent& what) = 0;
    virtual void leave_owner() = 0;

    Ref<vfs::Inode> inode;
    u32 mask = 0;  // IN_*, with flags
    Watch* next_on_inode = nullptr;
};

extern sync::Mutex notify_lock;
inline Watch* watches_of(vfs::Inode& inode) {
    return static_cast<Watch*>(inode.watches.load(std::memory_order_relaxed));
}
// Hangs up a watch, which has its mask.
void add_watch_locked(Watch& watch, vfs::Inode& inode);
// Takes the watch down and frees it. The inode's reference goes to the caller, to be dropped
// without the lock.
Ref<vfs::Inode> drop_watch_locked(Watch& watch);

// fcntl(F_NOTIFY). Errors: notdir, inval, nomem.
Result<void> watch_directory(vfs::File& file, i32 fd, u64 what);
// An open directory goes, and what it watched with.
void directory_closed(vfs::File& file);

}  // namespace tenon::personality
