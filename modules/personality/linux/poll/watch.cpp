#include "personality/linux/poll/watch.h"

#include "personality/linux/abi.h"
#include "personality/linux/file/hooks.h"

namespace tenon::personality {

constinit sync::Mutex notify_lock{sync::LockRank::none};

void add_watch_locked(Watch& watch, vfs::Inode& inode) {
    watch.inode = Ref<vfs::Inode>(&inode);
    watch.next_on_inode = watches_of(inode);
    inode.watches.store(&watch, std::memory_order_release);
}

Ref<vfs::Inode> drop_watch_locked(Watch& watch) {
    Watch* before = watches_of(*watch.inode);
    if (before == &watch) {
        watch.inode->watches.store(watch.next_on_inode, std::memory_order_relaxed);
    } else {
        while (before->next_on_inode != &watch) before = before->next_on_inode;
        before->next_on_inode = watch.next_on_inode;
    }
    watch.leave_owner();
    Ref<vfs::Inode> inode = std::move(watch.inode);
    delete &watch;
    return inode;
}

void tell_watches(u32 event, vfs::Inode* directory, std::string_view name, vfs::Inode& inode,
                  u32 cookie) {
    // A watch that ends drops its reference below: never the last one, with the lock held.
    const Ref<vfs::Inode> keep_directory(directory), keep(&inode);
    WatchEvent what{.event = event & ~u32{vfs::kNotifyUnlinked},
                    .cookie = cookie,
                    .name = {},
                    .is_directory = inode.is_dir(),
                    .is_unlinked = (event & vfs::kNotifyUnlinked) != 0};
    sync::MutexGuard guard(notify_lock);
    auto tell = [&](vfs::Inode& watched, std::string_view as) {
        what.name = as;
        for (Watch* w = watches_of(watched); w != nullptr;) {
            Watch* next = w->next_on_inode;
            if (w->tell(what)) (void)drop_watch_locked(*w);
            w = next;
        }
    };
    if (directory != nullptr && !name.empty()) tell(*directory, name);
    // What happens to names is the directory's event, not the file's.
    constexpr u32 of_directory = IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE;
    if (!(what.event & of_directory)) tell(inode, {});
}

}  // namespace tenon::personality
