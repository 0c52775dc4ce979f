// The object behind both ends of a pipe or FIFO.
#pragma once

#include <tenon/mm/page_alloc.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/pipe.h>

#include "core/vfs/pipe_ring.h"

namespace tenon::vfs {

class Pipe final : public RefCounted<Pipe>, public FileOps {
  public:
    static constexpr u32 kDefaultSlots = 16;
    static constexpr u32 kAtomicBytes = 4096;  // PIPE_BUF

    // The pipe of an inode: made by the first who opens it, gone with the last. Each user (an open
    // file) has a reference.
    static Result<Ref<Pipe>> attach_user(Inode& inode);
    static void detach_user(Inode& inode, Pipe& pipe);
    void on_last_ref();

    Result<usize> read(File& file, IoBuffer& buffer, u64& position) override;
    Result<usize> write(File& file, IoBuffer& buffer, u64& position) override;
    u32 poll(File& file, PollTable* table) override;
    Result<i64> ioctl(File& file, u32 command, u64 argument) override;
    void release(File& file) override;
    bool is_stream() const override { return true; }

    // Opens an end; `wait_for_peer` as FIFOs do.
    Result<void> open_end(u32 open_flags, bool wait_for_peer);
    void close_end(u32 open_flags);
    u32 capacity_bytes() const { return ring_.capacity() * static_cast<u32>(kPageSize); }
    Result<u32> resize(u32 bytes);
    // Copies up to `length` bytes from the front without taking them (tee).
    Result<usize> peek(IoBuffer& buffer);
    usize bytes();
    // Sleeps until there is something to read (or room to write); for splice.
    Result<void> wait_readable(File& file);
    Result<void> wait_writable(File& file);

  private:
    friend class RefCounted<Pipe>;
    Pipe() = default;
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
    // Somebody polls: then every write is told, as edge-triggered programs expect.
    std::atomic<bool> polled_{false};
    sync::WaitQueue read_wait_, write_wait_;
};

// Null when the file is no pipe.
Pipe* pipe_of(File& file);

}  // namespace tenon::vfs
