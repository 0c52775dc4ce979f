// An open file description, and what implements one.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/mm/address_space.h>
#include <tenon/module/gate.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>
#include <tenon/vfs/io_buffer.h>
#include <tenon/vfs/path.h>
#include <tenon/vfs/poll.h>
#include <tenon/vfs/types.h>

namespace tenon::process {
class Credentials;
}
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
    TENON_API virtual Result<u64> seek(File& file, i64 offset, Whence whence);
    // For a directory whose positions are numbers of its own: SEEK_SET and SEEK_CUR. Error::inval.
    TENON_API static Result<u64> seek_number(const File& file, i64 offset, Whence whence);
    // Default for files with a mapping: pages of the inode's page cache. A device returns a backing
    // in the request.
    virtual Result<void> map(File& file, mm::MapRequest& request) { return Err(Error::nodev); }
    virtual Result<void> sync(File& file, bool data_only) { return {}; }
    enum : u32 { kAllocateKeepSize = 1, kAllocatePunchHole = 2, kAllocateZeroRange = 16 };
    virtual Result<void> allocate(File& file, u32 mode, u64 offset, u64 length) {
        return Err(Error::opnotsupp);
    }
    // Every close(2) of a descriptor (flush), and the last drop of the description (release).
    virtual Result<void> flush(File& file) { return {}; }
    virtual void release(File& file) {}
    // /proc/PID/fdinfo lines beyond pos, flags, mnt_id.
    virtual void describe(File& file, fmt::Sink& sink) {}
    // Asked once, when the file is made:
    // Names the implementing class, so that its maker finds its own files again (there is no RTTI):
    // the address of a static of that class, or kSocketTag.
    virtual const void* tag() const { return nullptr; }
    // True for pipes, sockets, ttys: no position, ESPIPE on seek and pread.
    virtual bool is_stream() const { return false; }
    // True where a write is an order, not bytes to keep: made without the locks of position and
    // inode, for what it sets off may take any.
    virtual bool is_command() const { return false; }
};

// The tag of every socket, whatever its family: its FileOps are a net::Socket.
inline const void* const kSocketTag = reinterpret_cast<const void*>(1);

class File final : public RefCounted<File> {
  public:
    // `path` may name an anonymous dentry (pipes, sockets, epoll). The file system's open() built
    // `ops`.
    TENON_API static Result<Ref<File>> create(Path path, module::Gated<FileOps> ops,
                                              u32 open_flags);

    const Path& path() const { return path_; }
    TENON_API Inode& inode() const;
    u32 flags() const { return flags_.load(std::memory_order_relaxed); }
    TENON_API void set_flags(u32 set, u32 clear);
    bool is_stream() const { return stream_; }
    bool is_path_only() const { return flags() & kOpenPath; }
    bool readable() const { return flags() & kOpenRead; }
    bool writable() const { return flags() & kOpenWrite; }
    bool nonblocking() const { return flags() & kOpenNonblock; }
    module::Gated<FileOps>& ops() { return ops_; }
    // What the implementation's tag() said.
    const void* tag() const { return tag_; }
    // For an implementation to find its own objects: tag() tells that it made this file. Of a
    // module that has gone nothing is left there.
    FileOps* raw_ops() { return ops_.object(); }

    // Whole operations, checked (mode, position lock for seekables), as read(2) etc. see them.
    TENON_API Result<usize> read(IoBuffer& buffer);
    TENON_API Result<usize> write(IoBuffer& buffer);
    TENON_API Result<usize> read_at(IoBuffer& buffer, u64 position);
    TENON_API Result<usize> write_at(IoBuffer& buffer, u64 position);
    // append: at the end whatever the flags say, the position untouched (RWF_APPEND).
    TENON_API Result<usize> append(IoBuffer& buffer);
    TENON_API Result<void> read_dir(DirSink& sink);
    TENON_API u32 poll(PollTable* table);
    TENON_API Result<u64> seek(i64 offset, FileOps::Whence whence);
    u64 position() const { return position_; }
    void set_position(u64 position) { position_ = position; }
    // Called for each descriptor that is closed: releases POSIX locks of `owner`, then flushes.
    TENON_API Result<void> close_descriptor(const void* owner);
    // The mapping that mmap uses, after the file's own map() agreed.
    TENON_API Result<void> map(mm::MapRequest& request);

    // Asynchronous-notification owner (F_SETOWN, F_SETSIG); 0: none. Positive pid, negative group.
    i32 owner_pid = 0;
    u32 owner_signal = 0;
    u32 owner_uid = 0, owner_euid = 0;
    u8 owner_type = 0;  // 0 thread, 1 process, 2 group
    // What watches it (epoll, F_NOTIFY): see FileHooks.
    std::atomic<void*> watchers{nullptr};
    // Where a file system keeps its own state of this description.
    void* private_data = nullptr;
    // Read-ahead advice and the write-life hint; kept for F_GET_RW_HINT.
    u64 write_hint = 0;
    TENON_API void on_last_ref();
    // [core/vfs] The opener raised (or lowered, for execution) the inode's write count: give it
    // back at the end.
    void count_access(bool counted) {
        counted_writer_ = counted && writable();
        counted_execute_ = counted && !writable() && (flags() & kOpenExec);
    }

  private:
    friend class FileTable;
    File(Path path, module::Gated<FileOps> ops, u32 flags);
    Result<usize> write_with(IoBuffer& buffer, u64& position, u32 extra_flags);
    Path path_;
    module::Gated<FileOps> ops_;
    std::atomic<u32> flags_;
    const void* tag_ = nullptr;
    bool stream_ = false, command_ = false;
    bool counted_writer_ = false;   // holds the inode's write_count up
    bool counted_execute_ = false;  // holds it down
    // A table that other tasks read under RCU held it: the memory goes after a grace period.
    std::atomic<bool> rcu_seen_{false};
    u64 position_ = 0;  // guarded by position_lock_
    sync::Mutex position_lock_{sync::LockRank::file_position};
    sync::RcuHead rcu_;
};

// What a caller is about to do with an inode that it found by name.
enum class NameUse : u8 {
    follow,  // the symbolic link that ends a path
    link,    // give it another name
    open,    // open what O_CREAT found
};

// What a personality keeps beside files and inodes, and how it hears of them. Called in thread
// context without spin locks.
struct FileHooks {
    void (*file_closed)(File& file);  // the description goes
    // A descriptor of the table `owner` was closed; for inodes with `locks`.
    void (*descriptor_closed)(File& file, const void* owner);
    void (*inode_gone)(Inode& inode);  // for inodes with `locks`
    // How many of the bytes to write at `position` the caller's file-size limit lets through;
    // Error::fbig (with its signal) when none.
    Result<usize> (*size_limit)(u64 position, usize length_bytes);
    // See notify().
    void (*notify)(u32 event, Inode* directory, std::string_view name, Inode& inode, u32 cookie);
    // The text of /proc/locks; or, for a description, of its fdinfo as seen by the table `owner`.
    void (*show_locks)(fmt::Sink& out, File* of, const void* owner);
    // May it? `directory`: where the name is, but for `link`. Does not sleep.
    Result<void> (*may_use)(NameUse use, const Inode* directory, Inode& inode,
                            const process::Credentials& cred);
};
TENON_API void set_file_hooks(const FileHooks* hooks);  // null: none
TENON_API const FileHooks* file_hooks();

}  // namespace tenon::vfs
