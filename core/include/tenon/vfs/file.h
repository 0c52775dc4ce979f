// An open file description, and what implements one.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/mm/address_space.h>
#include <tenon/module/gate.h>
#include <tenon/sync/mutex.h>
#include <tenon/vfs/io_buffer.h>
#include <tenon/vfs/path.h>
#include <tenon/vfs/poll.h>
#include <tenon/vfs/types.h>

namespace tenon::vfs {

class File;

// Receives directory entries. Returns false when full: the entry was not taken and the walk stops.
class DirSink {
  public:
    // `next_offset` is the position after this entry (what getdents64 gives as d_off). `type` is a
    // Mode type or 0.
    virtual bool entry(std::string_view name, u64 ino, Mode type, u64 next_offset) = 0;

  protected:
    ~DirSink() = default;
};

// What a driver or file system implements for an open file. One object may serve one open file or
// many. Every call is made in thread context without spin locks and may sleep. Defaults answer as
// Linux does where nothing is there.
class FileOps {
  public:
    virtual ~FileOps() = default;
    // `position` is in bytes and advanced by the implementation (ignored by streams). Bytes moved;
    // 0 is end of file.
    virtual Result<usize> read(File& file, IoBuffer& buffer, u64& position) {
        return Err(Error::inval);
    }
    virtual Result<usize> write(File& file, IoBuffer& buffer, u64& position) {
        return Err(Error::inval);
    }
    virtual u32 poll(File& file, PollTable* table) {
        return kPollIn | kPollOut | kPollRdNorm | kPollWrNorm;
    }
    // `argument` is raw; user pointers go through user_copy. Unknown: Error::notty.
    virtual Result<i64> ioctl(File& file, u32 command, u64 argument) { return Err(Error::notty); }
    virtual Result<void> read_dir(File& file, DirSink& sink, u64& position) {
        return Err(Error::notdir);
    }
    // Default: SEEK_SET/CUR/END on the inode's size for seekable files.
    enum class Whence : u8 { set, current, end, data, hole };
    virtual Result<u64> seek(File& file, i64 offset, Whence whence);
    // Default for files with a mapping: pages of the inode's page cache. A device returns a backing
    // in the request.
    virtual Result<void> map(File& file, mm::MapRequest& request) { return Err(Error::nodev); }
    virtual Result<void> sync(File& file, bool data_only) { return {}; }
    virtual Result<void> allocate(File& file, u32 mode, u64 offset, u64 length) {
        return Err(Error::opnotsupp);
    }
    // Every close(2) of a descriptor (flush), and the last drop of the description (release).
    virtual Result<void> flush(File& file) { return {}; }
    virtual void release(File& file) {}
    // The flags that F_SETFL and FIONBIO changed.
    virtual void flags_changed(File& file) {}
    // /proc/PID/fdinfo lines beyond pos, flags, mnt_id.
    virtual void describe(File& file, fmt::Sink& sink) {}
    // Names the implementing class, so that its maker finds its own files again (there is no RTTI):
    // the address of a static of that class.
    virtual const void* tag() const { return nullptr; }
    // True for pipes, sockets, ttys: no position, ESPIPE on seek and pread.
    virtual bool is_stream() const { return false; }
};

class File final : public RefCounted<File> {
  public:
    // `path` may name an anonymous dentry (pipes, sockets, epoll). The file system's open() built
    // `ops`.
    TENON_API static Result<Ref<File>> create(Path path, module::Gated<FileOps> ops,
                                              u32 open_flags);
    ~File();

    const Path& path() const { return path_; }
    Inode& inode() const;
    u32 flags() const { return flags_.load(std::memory_order_relaxed); }
    TENON_API void set_flags(u32 set, u32 clear);
    bool readable() const { return flags() & kOpenRead; }
    bool writable() const { return flags() & kOpenWrite; }
    bool nonblocking() const { return flags() & kOpenNonblock; }
    module::Gated<FileOps>& ops() { return ops_; }
    // For an implementation to find its own objects: the ops as T (the caller knows that it made
    // this file, see FileOps::tag()).
    FileOps* raw_ops() { return ops_.object(); }

    // Whole operations, checked (mode, position lock for seekables), as read(2) etc. see them.
    TENON_API Result<usize> read(IoBuffer& buffer);
    TENON_API Result<usize> write(IoBuffer& buffer);
    TENON_API Result<usize> read_at(IoBuffer& buffer, u64 position);
    TENON_API Result<usize> write_at(IoBuffer& buffer, u64 position);
    TENON_API u32 poll(PollTable* table);
    TENON_API Result<u64> seek(i64 offset, FileOps::Whence whence);
    u64 position() const { return position_; }

    // Asynchronous-notification owner (F_SETOWN, F_SETSIG); 0: none. Positive pid, negative group.
    i32 owner_pid = 0;
    u32 owner_signal = 0;
    // Epoll watches hang here, so that the last close removes them. Owned by the personality.
    std::atomic<void*> watchers{nullptr};

  private:
    friend class AddressSpace;
    File(Path path, module::Gated<FileOps> ops, u32 flags);
    Path path_;
    module::Gated<FileOps> ops_;
    std::atomic<u32> flags_;
    u64 position_ = 0;  // guarded by position_lock_
    sync::Mutex position_lock_{sync::LockRank::file_position};
};

}  // namespace tenon::vfs
