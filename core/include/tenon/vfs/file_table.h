// A process's descriptors.
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/rcu.h>
#include <tenon/vfs/file.h>

namespace tenon::vfs {

// A file for the length of one system call. When the table is not shared, only the caller could
// close the descriptor, so no reference is taken.
class FileRef {
  public:
    FileRef() = default;
    FileRef(File* file, bool owned) : file_(file), owned_(owned) {}
    FileRef(FileRef&& o) noexcept : file_(std::exchange(o.file_, nullptr)), owned_(o.owned_) {}
    FileRef& operator=(FileRef&& o) noexcept {
        std::swap(file_, o.file_);
        std::swap(owned_, o.owned_);
        return *this;
    }
    ~FileRef() {
        if (owned_ && file_) file_->unref();
    }
    File* operator->() const { return file_; }
    File& operator*() const { return *file_; }
    File* get() const { return file_; }
    explicit operator bool() const { return file_ != nullptr; }
    // For who outlives this one in the same call, such as a registration on the file's queues.
    FileRef share() const {
        if (owned_ && file_) file_->ref();
        return {file_, owned_};
    }

  private:
    File* file_ = nullptr;
    bool owned_ = false;
};

class FileTable : public RefCounted<FileTable> {
  public:
    TENON_API static Result<Ref<FileTable>> create();
    TENON_API Result<Ref<FileTable>> copy();  // fork

    // The file behind `fd` with a reference; Error::badf. Lock-free (RCU).
    TENON_API Result<Ref<File>> get(i32 fd);
    // The same for the calling task's own table, without the reference where possible.
    TENON_API Result<FileRef> borrow(i32 fd);
    // Lowest free descriptor >= `from`, below `limit` (RLIMIT_NOFILE). Error::mfile.
    TENON_API Result<i32> install(Ref<File> file, bool close_on_exec, u64 limit, i32 from = 0);
    // Reserve first, publish when the rest has succeeded.
    TENON_API Result<i32> reserve(bool close_on_exec, u64 limit, i32 from = 0);
    TENON_API void publish(i32 fd, Ref<File> file);
    TENON_API void cancel(i32 fd);
    // dup2/dup3: closes what was there. Error::badf when fd >= limit, busy when reserved by
    // another.
    TENON_API Result<void> replace(i32 fd, Ref<File> file, bool close_on_exec, u64 limit);
    TENON_API Result<void> close(i32 fd);
    TENON_API Result<void> close_range(u32 first, u32 last, bool only_mark_cloexec);
    TENON_API Result<bool> close_on_exec(i32 fd);
    TENON_API Result<void> set_close_on_exec(i32 fd, bool on);
    TENON_API void close_for_exec();
    // Next open descriptor >= fd, or -1: /proc/PID/fd.
    TENON_API i32 next_open(i32 fd);
    // Slots of the table: FDSize of /proc/PID/status.
    TENON_API u32 capacity() const;
    TENON_API void on_last_ref();

  private:
    FileTable() = default;
    struct Array;
    Result<void> grow_locked(u32 wanted) REQUIRES(lock_);
    Result<i32> take_slot_locked(bool close_on_exec, u64 limit, i32 from) REQUIRES(lock_);
    // What leaves a slot: flush, and the reference.
    Result<void> drop(File* file);
    mutable sync::SpinLock lock_{sync::LockRank::file_table};
    sync::RcuPtr<Array> array_;
};

}  // namespace tenon::vfs
