// Pipes and FIFOs.
#pragma once

#include <tenon/mm/page_alloc.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/pipe_ring.h>

namespace tenon::vfs {

// The object behind both ends.
class Pipe final : public RefCounted<Pipe>, public FileOps {
  public:
    static constexpr u32 kDefaultSlots = 16;

    // The pipe of an inode: made by the first who opens it, gone with the last. Each user (an open
    // file) has a reference.
    static Result<Ref<Pipe>> attach_user(Inode& inode);
    static void detach_user(Inode& inode, Pipe& pipe);
    void on_last_ref();

    Result<usize> read(File& file, IoBuffer& buffer, u64& position) override;
    Result<usize> write(File& file, IoBuffer& buffer, u64& position) override;
    u32 poll(File& file, PollTable* table) override;
    u32 poll_and_register(File& file, PollTable& table);
    void release(File& file) override;
    bool is_stream() const override { return true; }

    // Opens an end; `wait_for_peer` as FIFOs do.
    Result<void> open_end(u32 open_flags, bool wait_for_peer);
    void close_end(u32 open_flags);
    // F_GETPIPE_SZ / F_SETPIPE_SZ.
    u32 capacity_bytes() const { return ring_.capacity() * static_cast<u32>(kPageSize); }
    TENON_API Result<u32> resize(u32 bytes);
    // Copies from the front without taking (tee).
    TENON_API Result<usize> peek(IoBuffer& buffer);
    // Copies from the front, no farther than one packet, and keeps other readers off until settle()
    // says how many of the bytes found a place (splice). 0: no writer is left. Sleeps for bytes
    // unless `nonblock`: Error::again, intr.
    TENON_API Result<usize> claim(IoBuffer& buffer, bool nonblock);
    TENON_API void settle(usize taken);
    TENON_API usize bytes();  // that wait to be read (FIONREAD)
    // Sleeps until a read or a write would move something (again: the end is non-blocking).
    TENON_API Result<void> wait_readable(File& file);
    TENON_API Result<void> wait_writable(File& file);

  private:
    friend class RefCounted<Pipe>;
    Pipe() = default;
    Result<void> wait_for_bytes();  // that nobody has claimed, or the last writer's end
    mm::Page* take_page();
    void give_page(mm::Page* page);
    static Result<Ref<Pipe>> create();
    u32 users_ = 0;  // guarded by the attach lock

    sync::Mutex lock_{sync::LockRank::pipe};
    PipeRing<mm::Page> ring_;
    PipeSlot<mm::Page>* slots_ = nullptr;
    PipeSlot<mm::Page> first_slots_[kDefaultSlots];
    mm::Page* spare_[2] = {};
    // Changed under the lock, read by sleepers without.
    std::atomic<u32> readers_{0}, writers_{0};
    std::atomic<u32> reader_opens_{0}, writer_opens_{0};  // ever: a FIFO's opener waits for these
    std::atomic<bool> has_data_{false}, has_room_{true};
    std::atomic<bool> claimed_{false};  // claim() was answered and settle() has yet to come
    // Somebody polls: then every write is told, as edge-triggered programs expect.
    std::atomic<bool> polled_{false};
    sync::WaitQueue read_wait_, write_wait_;
};

struct PipeEnds {
    Ref<File> read_end, write_end;
};
// flags: kOpenNonblock, kOpenDirect (packet mode).
TENON_API Result<PipeEnds> make_pipe(u32 flags);
// How much a pipe may hold without Capability::sys_resource (/proc/sys/fs/pipe-max-size), a power
// of two from a page on.
TENON_API u32 pipe_limit_bytes();
TENON_API void set_pipe_limit_bytes(u32 bytes);
// The pipe or FIFO behind a file; null when it is none.
TENON_API Pipe* pipe_of(File& file);

// Files that live outside any tree (epoll, eventfd, sockets, memfd): one call makes inode, dentry
// and description.
TENON_API Result<Ref<File>> make_anonymous_file(std::string_view name, module::Gated<FileOps> ops,
                                                u32 open_flags, Mode mode = 0600);

// A tmpfs file without a name: memfd, System V and anonymous shared memory.
TENON_API Result<Ref<File>> make_memory_file(std::string_view name, u64 size_bytes, u32 open_flags,
                                             Mode mode = 0777);

}  // namespace tenon::vfs
