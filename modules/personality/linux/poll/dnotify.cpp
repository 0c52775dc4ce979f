// Signals about what happens in a directory: fcntl(F_NOTIFY), inotify's forerunner.
// Spec: man 2 fcntl, "File and directory change notification"; Linux fs/notify/dnotify.
#include <tenon/mm/slab.h>

#include "personality/linux/abi.h"
#include "personality/linux/file/async.h"
#include "personality/linux/poll/watch.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

// An open directory has one at most: it hangs where others have what epoll watches them with, for
// epoll refuses directories.
class DirectoryWatch final : public Watch {
  public:
    DirectoryWatch(vfs::File& file, i32 fd) : file_(file), fd_(fd) {}
    bool tell(const WatchEvent& what) override {
        if ((counts_as(what) & mask) == 0) return false;
        signal_owner(file_, fd_, POLL_MSG);
        return (mask & DN_MULTISHOT) == 0;
    }
    void leave_owner() override { file_.watchers.store(nullptr, std::memory_order_relaxed); }

  private:
    // The DN_* bits that an event counts as.
    u32 counts_as(const WatchEvent& what) {
        switch (what.event) {
            case IN_ACCESS:
                return DN_ACCESS;
            case IN_MODIFY:
                return DN_MODIFY;
            case IN_ATTRIB:
                return DN_ATTRIB;
            case IN_CREATE:
                return DN_CREATE;
            case IN_DELETE:
                return DN_DELETE;
            case IN_MOVED_FROM:
                move_ = what.cookie;
                return DN_DELETE;
            case IN_MOVED_TO:
                // Renamed is what does not leave the directory: it sees both halves.
                return what.cookie == move_ ? DN_CREATE | DN_RENAME : DN_CREATE;
            default:
                return 0;
        }
    }

    vfs::File& file_;
    i32 fd_;
    u32 move_ = 0;  // cookie of the last that came from here
};

DirectoryWatch* watch_of(vfs::File& file) {
    return static_cast<DirectoryWatch*>(file.watchers.load(std::memory_order_relaxed));
}

}  // namespace

Result<void> watch_directory(vfs::File& file, i32 fd, u64 what) {
    if (setting(linux_settings::Setting::dir_notify_enable) == 0) return Err(Error::inval);
    const u32 wanted = static_cast<u32>(what);
    const bool is_directory = file.inode().is_dir();
    if ((wanted & ~u32{DN_MULTISHOT}) == 0) {
        if (is_directory) directory_closed(file);
        return {};
    }
    if (!is_directory) return Err(Error::notdir);
    auto fresh = mm::make<DirectoryWatch>(file, fd);
    if (!fresh) return Err(Error::nomem);
    sync::MutexGuard guard(notify_lock);
    own_signals(file);
    DirectoryWatch* watch = watch_of(file);
    if (watch == nullptr) {
        watch = fresh.release();
        file.watchers.store(watch, std::memory_order_release);
        add_watch_locked(*watch, file.inode());
    }
    watch->mask |= wanted;
    return {};
}

void directory_closed(vfs::File& file) {
    Ref<vfs::Inode> inode;
    sync::MutexGuard guard(notify_lock);
    if (DirectoryWatch* watch = watch_of(file)) inode = drop_watch_locked(*watch);
}

}  // namespace tenon::personality
