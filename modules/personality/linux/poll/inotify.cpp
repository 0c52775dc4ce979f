// inotify: watches on inodes, events in a queue per instance. Spec: man 7 inotify.
#include <tenon/mm/slab.h>
#include <tenon/vfs/pipe.h>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/poll/watch.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

using linux_settings::Setting;

constinit const char kTag = 0;

static_assert(IN_ACCESS == vfs::kNotifyAccess && IN_MODIFY == vfs::kNotifyModify &&
              IN_ATTRIB == vfs::kNotifyAttrib && IN_CLOSE_WRITE == vfs::kNotifyCloseWrite &&
              IN_CLOSE_NOWRITE == vfs::kNotifyCloseNoWrite && IN_OPEN == vfs::kNotifyOpen &&
              IN_MOVED_FROM == vfs::kNotifyMovedFrom && IN_MOVED_TO == vfs::kNotifyMovedTo &&
              IN_CREATE == vfs::kNotifyCreate && IN_DELETE == vfs::kNotifyDelete &&
              IN_DELETE_SELF == vfs::kNotifyDeleteSelf && IN_MOVE_SELF == vfs::kNotifyMoveSelf);

struct QueuedEvent {
    QueuedEvent* next;
    i32 wd;
    u32 mask, cookie, name_length;
    char* name() { return reinterpret_cast<char*>(this + 1); }
};

// What the instances of one user come to: of who made them, whoever uses them. As long as there are
// some; guarded by notify_lock.
struct UserCount {
    u32 uid = 0, instances = 0, watches = 0;
    UserCount* next = nullptr;
};
constinit UserCount* users = nullptr;

// Errors: mfile, nomem.
Result<UserCount*> add_instance(u32 uid) {
    auto fresh = mm::make<UserCount>();
    if (!fresh) return Err(Error::nomem);
    sync::MutexGuard guard(notify_lock);
    UserCount* user = users;
    while (user != nullptr && user->uid != uid) user = user->next;
    if ((user != nullptr ? user->instances : 0) >=
        static_cast<u32>(setting(Setting::inotify_max_user_instances)))
        return Err(Error::mfile);
    if (user == nullptr) {
        user = fresh.release();
        user->uid = uid;
        user->next = users;
        users = user;
    }
    ++user->instances;
    return user;
}
void remove_instance(UserCount& user) {
    sync::MutexGuard guard(notify_lock);
    if (--user.instances != 0) return;
    UserCount** link = &users;
    while (*link != &user) link = &(*link)->next;
    *link = user.next;
    delete &user;
}

class Inotify;

class InotifyWatch final : public Watch {
  public:
    InotifyWatch(Inotify& its_owner, u32 wanted) : owner(its_owner) { mask = wanted; }
    bool tell(const WatchEvent& what) override;
    void leave_owner() override;

    Inotify& owner;
    i32 wd = 0;
    InotifyWatch* next_of_owner = nullptr;
};

class Inotify final : public vfs::FileOps {
  public:
    explicit Inotify(UserCount& user) : user_(user) {}
    ~Inotify() override { remove_instance(user_); }
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override;
    u32 poll(vfs::File&, vfs::PollTable* table) override {
        if (table != nullptr) table->add(wait_);
        return has_events_.load(std::memory_order_acquire) ? vfs::kPollIn | vfs::kPollRdNorm : 0;
    }
    Result<i64> ioctl(vfs::File&, u32 command, u64 argument) override;
    void release(vfs::File&) override;
    bool is_stream() const override { return true; }
    // Seeking is allowed and goes nowhere.
    Result<u64> seek(vfs::File&, i64, Whence) override { return u64{0}; }
    const void* tag() const override { return &kTag; }

    Result<i32> add_watch(vfs::Inode& inode, u32 mask);
    Result<void> remove_watch(i32 wd);
    void describe(vfs::File&, fmt::Sink& sink) override;
    void queue_locked(const InotifyWatch& watch, u32 mask, u32 cookie, std::string_view name);
    void forget_locked(InotifyWatch& watch);

  private:
    static usize record_size(const QueuedEvent& e) {
        return sizeof(uapi::inotify_event) + e.name_length;
    }
    void append_locked(i32 wd, u32 mask, u32 cookie, std::string_view name);
    QueuedEvent* first_ = nullptr;
    QueuedEvent* last_ = nullptr;
    const u32 max_queued_ = static_cast<u32>(setting(Setting::inotify_max_queued_events));
    u32 queued_ = 0;
    std::atomic<bool> has_events_{false};
    InotifyWatch* watches_ = nullptr;
    UserCount& user_;
    i32 next_wd_ = 1;
    sync::WaitQueue wait_;
};

void Inotify::append_locked(i32 wd, u32 mask, u32 cookie, std::string_view name) {
    u32 padded = name.empty() ? 0 : static_cast<u32>(align_up(name.size() + 1, 16));
    // The same event twice in a row is told once.
    if (last_ != nullptr && last_->wd == wd && last_->mask == mask && last_->cookie == cookie &&
        last_->name_length == padded && (padded == 0 || std::string_view(last_->name()) == name))
        return;
    auto* e = static_cast<QueuedEvent*>(mm::kmalloc(sizeof(QueuedEvent) + padded));
    if (e == nullptr) return;
    *e = {nullptr, wd, mask, cookie, padded};
    if (padded != 0) {
        std::memset(e->name(), 0, padded);
        std::memcpy(e->name(), name.data(), name.size());
    }
    (last_ != nullptr ? last_->next : first_) = e;
    last_ = e;
    queued_++;
    has_events_.store(true, std::memory_order_release);
    wait_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
}

void Inotify::queue_locked(const InotifyWatch& watch, u32 mask, u32 cookie, std::string_view name) {
    if (queued_ == max_queued_) return append_locked(-1, IN_Q_OVERFLOW, 0, {});
    if (queued_ > max_queued_) return;
    append_locked(watch.wd, mask, cookie, name);
}

void Inotify::forget_locked(InotifyWatch& watch) {
    InotifyWatch** link = &watches_;
    while (*link != &watch) link = &(*link)->next_of_owner;
    *link = watch.next_of_owner;
    user_.watches--;
}

void InotifyWatch::leave_owner() {
    owner.forget_locked(*this);
}

bool InotifyWatch::tell(const WatchEvent& what) {
    if ((mask & IN_EXCL_UNLINK) && what.is_unlinked) return false;
    bool last = what.event == IN_DELETE_SELF && what.name.empty();
    if (mask & what.event) {
        // Of what happens to a directory itself, Linux does not say that it is one.
        constexpr u32 of_itself = IN_DELETE_SELF | IN_MOVE_SELF;
        const u32 flags = what.is_directory && !(what.event & of_itself) ? IN_ISDIR : 0;
        owner.queue_locked(*this, what.event | flags, what.cookie, what.name);
        last |= (mask & IN_ONESHOT) != 0;
    }
    if (last) owner.queue_locked(*this, IN_IGNORED, 0, {});
    return last;
}

// /proc/PID/fdinfo. Deviates: Linux adds a file handle.
void Inotify::describe(vfs::File&, fmt::Sink& sink) {
    sync::MutexGuard guard(notify_lock);
    for (InotifyWatch* w = watches_; w != nullptr; w = w->next_of_owner) {
        const vfs::DeviceNumber device = w->inode->super().device;
        fmt::print(sink, "inotify wd:{:x} ino:{:x} sdev:{:x} mask:{:x} ignored_mask:0\n", w->wd,
                   w->inode->ino(), device.major << 20 | device.minor, w->mask);
    }
}

Result<usize> Inotify::read(vfs::File& file, vfs::IoBuffer& buffer, u64&) {
    usize done = 0;
    for (;;) {
        {
            sync::MutexGuard guard(notify_lock);
            while (first_ != nullptr) {
                QueuedEvent* e = first_;
                if (buffer.remaining() < record_size(*e)) {
                    if (done == 0) return Err(Error::inval);
                    return done;
                }
                uapi::inotify_event out = {};
                out.wd = e->wd;
                out.mask = e->mask;
                out.cookie = e->cookie;
                out.len = e->name_length;
                TRY_ASSIGN(usize header, buffer.put(&out, sizeof(out)));
                TRY_ASSIGN(usize name, buffer.put(e->name(), e->name_length));
                done += header + name;
                first_ = e->next;
                if (first_ == nullptr) last_ = nullptr;
                queued_--;
                mm::kfree(e);
            }
            has_events_.store(false, std::memory_order_relaxed);
        }
        if (done != 0) return done;
        if (file.nonblocking()) return Err(Error::again);
        TRY(wait_.wait([&] { return has_events_.load(std::memory_order_acquire); }));
    }
}

Result<i64> Inotify::ioctl(vfs::File&, u32 command, u64 argument) {
    if (command != FIONREAD) return Err(Error::notty);
    i32 bytes = 0;
    {
        sync::MutexGuard guard(notify_lock);
        for (QueuedEvent* e = first_; e != nullptr; e = e->next)
            bytes += static_cast<i32>(record_size(*e));
    }
    TRY(mm::UserOut<i32>(argument).write(bytes));
    return 0;
}

void Inotify::release(vfs::File&) {
    for (;;) {
        Ref<vfs::Inode> inode;
        sync::MutexGuard guard(notify_lock);
        if (watches_ == nullptr) break;
        inode = drop_watch_locked(*watches_);
    }
    while (QueuedEvent* e = first_) {
        first_ = e->next;
        mm::kfree(e);
    }
}

Result<i32> Inotify::add_watch(vfs::Inode& inode, u32 mask) {
    const u32 wanted = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK | IN_UNMOUNT);
    auto fresh = mm::make<InotifyWatch>(*this, wanted);
    if (!fresh) return Err(Error::nomem);
    sync::MutexGuard guard(notify_lock);
    for (InotifyWatch* w = watches_; w != nullptr; w = w->next_of_owner) {
        if (w->inode.get() != &inode) continue;
        if (mask & IN_MASK_CREATE) return Err(Error::exist);
        w->mask = (mask & IN_MASK_ADD) ? w->mask | wanted : wanted;
        return w->wd;
    }
    if (user_.watches >= static_cast<u32>(setting(Setting::inotify_max_user_watches)))
        return Err(Error::nospc);
    InotifyWatch& w = *fresh.release();
    w.wd = next_wd_++;
    w.next_of_owner = watches_;
    watches_ = &w;
    user_.watches++;
    add_watch_locked(w, inode);
    return w.wd;
}

Result<void> Inotify::remove_watch(i32 wd) {
    Ref<vfs::Inode> inode;
    sync::MutexGuard guard(notify_lock);
    for (InotifyWatch* w = watches_; w != nullptr; w = w->next_of_owner) {
        if (w->wd != wd) continue;
        queue_locked(*w, IN_IGNORED, 0, {});
        inode = drop_watch_locked(*w);
        return {};
    }
    return Err(Error::inval);
}

Inotify* inotify_of(vfs::File& file) {
    return file.tag() == &kTag ? static_cast<Inotify*>(file.raw_ops()) : nullptr;
}

}  // namespace

Result<i64> sys_inotify_init1(u32 flags) {
    if (flags & ~static_cast<u32>(IN_CLOEXEC | IN_NONBLOCK)) return Err(Error::inval);
    TRY_ASSIGN(UserCount * user, add_instance(process::current_credentials().uid));
    auto ops = mm::make<Inotify>(*user);
    if (!ops) {
        remove_instance(*user);
        return Err(Error::nomem);
    }
    u32 open_flags = vfs::kOpenRead | ((flags & IN_NONBLOCK) ? u32{vfs::kOpenNonblock} : 0);
    TRY_ASSIGN(Ref<vfs::File> file,
               vfs::make_anonymous_file("anon_inode:inotify",
                                        module::Gated<vfs::FileOps>::own(std::move(ops), nullptr),
                                        open_flags));
    return install_file(std::move(file), flags & IN_CLOEXEC);
}
Result<i64> sys_inotify_init() {
    return sys_inotify_init1(0);
}

Result<i64> sys_inotify_add_watch(i32 fd, u64 pathname, u32 mask) {
    constexpr u32 known = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR |
                          IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD |
                          IN_ISDIR | IN_ONESHOT;
    if (!(mask & known)) return Err(Error::inval);
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)) return Err(Error::inval);
    Inotify* inotify = inotify_of(*file);
    if (inotify == nullptr) return Err(Error::inval);
    u32 lookup_flags = (mask & IN_DONT_FOLLOW) ? 0 : u32{vfs::kLookupFollow};
    if (mask & IN_ONLYDIR) lookup_flags |= vfs::kLookupDirectory;
    TRY_ASSIGN(vfs::Path path, resolve_at(AT_FDCWD, pathname, lookup_flags));
    TRY(vfs::permission(*path.dentry->inode(), vfs::kMayRead, process::current_credentials()));
    TRY_ASSIGN(i32 wd, inotify->add_watch(*path.dentry->inode(), mask));
    return wd;
}

Result<i64> sys_inotify_rm_watch(i32 fd, i32 wd) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    Inotify* inotify = inotify_of(*file);
    if (inotify == nullptr) return Err(Error::inval);
    TRY(inotify->remove_watch(wd));
    return 0;
}

}  // namespace tenon::personality
