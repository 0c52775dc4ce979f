// A process's descriptors.
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/rcu.h>
#include <tenon/vfs/file.h>

namespace tenon::vfs {

class FileTable : public RefCounted<FileTable> {
  public:
    TENON_API static Result<Ref<FileTable>> create();
    Result<Ref<FileTable>> copy();  // fork
    ~FileTable();

    // The file behind `fd` with a reference; Error::badf. Lock-free (RCU).
    TENON_API Result<Ref<File>> get(i32 fd);
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
    void close_for_exec();
    // Next open descriptor >= fd, or -1: /proc/PID/fd.
    TENON_API i32 next_open(i32 fd);

  private:
    FileTable() = default;
    struct Array;
    sync::SpinLock lock_{sync::LockRank::file_table};
    sync::RcuPtr<Array> array_;
};

}  // namespace tenon::vfs
