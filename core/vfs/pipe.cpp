// Pipes and FIFOs: a ring of pages under one mutex, and two wait queues.
//
// A write of at most PIPE_BUF bytes goes in whole or not at all. Small writes share a page. In
// packet mode (O_DIRECT) each write makes packets of at most a page, and a read takes one. Two
// spare pages are kept, so that a ping-pong never meets the page allocator.
// Spec: man 7 pipe, man 7 fifo.
#include <tenon/mm/page.h>
#include <tenon/mm/slab.h>
#include <tenon/process/process.h>
#include <tenon/process/signal.h>
#include <tenon/vfs/pipe.h>

#include <bit>

#include "core/vfs/internal.h"

namespace tenon::vfs {

namespace {

u8* bytes_of(mm::Page* page) {
    return static_cast<u8*>(mm::page_address(page));
}

constexpr u32 kIn = kPollIn | kPollRdNorm;
constexpr u32 kOut = kPollOut | kPollWrNorm;

Err broken_pipe() {
    (void)process::send_to_task(*current(), process::kernel_signal(process::kSigPipe));
    return Err(Error::pipe);
}

constinit std::atomic<u32> limit_bytes{1 << 20};

}  // namespace

u32 pipe_limit_bytes() {
    return limit_bytes.load(std::memory_order_relaxed);
}
void set_pipe_limit_bytes(u32 bytes) {
    limit_bytes.store(bytes, std::memory_order_relaxed);
}

Result<Ref<Pipe>> Pipe::create() {
    auto* p = new (std::nothrow) Pipe();
    if (p == nullptr) return Err(Error::nomem);
    p->slots_ = p->first_slots_;
    u32 slots = kDefaultSlots;
    if (const u32 limit = pipe_limit_bytes();
        limit < slots * kPageSize && !process::capable(process::Capability::sys_resource))
        [[unlikely]]
        slots = limit >> kPageShift;
    p->ring_.init(p->slots_, slots);
    return adopt_ref(p);
}

void Pipe::on_last_ref() {
    while (!ring_.empty()) mm::page_unref(ring_.pop());
    for (mm::Page* p : spare_)
        if (p != nullptr) mm::page_unref(p);
    if (slots_ != first_slots_) mm::kfree(slots_);
    delete this;
}

mm::Page* Pipe::take_page() {
    for (mm::Page*& p : spare_)
        if (p != nullptr) return std::exchange(p, nullptr);
    Result<mm::Page*> fresh = mm::alloc_page(mm::Alloc::user);
    return fresh ? *fresh : nullptr;
}

void Pipe::give_page(mm::Page* page) {
    if (page->refs.load(std::memory_order_relaxed) == 1)
        for (mm::Page*& p : spare_)
            if (p == nullptr) {
                p = page;
                return;
            }
    mm::page_unref(page);
}

Result<void> Pipe::wait_for_bytes() {
    return read_wait_.wait(
        [&] {
            return !claimed_.load(std::memory_order_relaxed) &&
                   (has_data_.load(std::memory_order_relaxed) ||
                    writers_.load(std::memory_order_relaxed) == 0);
        },
        sync::WaitMode::interruptible, sync::Deadline::never(), true);
}

Result<usize> Pipe::read(File& file, IoBuffer& buffer, u64&) {
    if (buffer.remaining() == 0) return usize{0};
    usize done = 0;
    bool made_room = false, slept = false;
    for (;;) {
        bool at_end, more;
        {
            sync::MutexGuard guard(lock_);
            bool was_full = ring_.full();
            const bool claimed = claimed_.load(std::memory_order_relaxed);
            while (!claimed && !ring_.empty() && buffer.remaining() != 0) {
                auto& slot = ring_.front();
                usize part = std::min<usize>(slot.length, buffer.remaining());
                Result<usize> moved = buffer.put(bytes_of(slot.page) + slot.offset, part);
                if (!moved) {
                    if (done == 0) return moved;
                    break;
                }
                done += *moved;
                slot.offset += static_cast<u16>(*moved);
                slot.length -= static_cast<u16>(*moved);
                bool packet = slot.packet;
                if (slot.length == 0 || packet) give_page(ring_.pop());
                if (packet || *moved < part) break;
            }
            made_room = was_full && !ring_.full();
            more = !ring_.empty();
            has_data_.store(more, std::memory_order_relaxed);
            has_room_.store(!ring_.full(), std::memory_order_relaxed);
            at_end = !claimed && writers_.load(std::memory_order_relaxed) == 0;
        }
        if (done != 0) {
            if (made_room) write_wait_.wake_all(kOut);
            // Who took a wake-up meant for one passes it on. To others this read is no news: an
            // edge-triggered watch would see data arrive.
            if (more && slept) read_wait_.wake_one(kIn);
            return done;
        }
        if (at_end) return usize{0};
        if (file.nonblocking()) return Err(Error::again);
        TRY(wait_for_bytes());
        slept = true;
    }
}

Result<usize> Pipe::write(File& file, IoBuffer& buffer, u64&) {
    usize total = buffer.remaining();
    if (total == 0) return usize{0};
    bool packets = file.flags() & kOpenDirect;
    usize done = 0;
    bool slept = false;
    for (;;) {
        bool was_empty, full;
        Error failed = Error::none;
        {
            sync::MutexGuard guard(lock_);
            if (readers_.load(std::memory_order_relaxed) == 0) {
                const Err broken = broken_pipe();  // the signal comes after a part, too
                if (done != 0) return done;
                return broken;
            }
            was_empty = ring_.empty();
            // Fill up the page that the last write left open; an atomic write only if it fits.
            if (!was_empty && !packets && buffer.remaining() != 0) {
                auto& last = ring_.back();
                usize space = last.may_append ? kPageSize - last.offset - last.length : 0;
                // As Linux: only what is beyond whole pages joins, so that pages stay aligned.
                usize odd = buffer.remaining() & (kPageSize - 1);
                if (odd != 0 && odd <= space) {
                    Result<usize> got =
                        buffer.get(bytes_of(last.page) + last.offset + last.length, odd);
                    if (!got) {
                        failed = got.error();
                    } else {
                        last.length += static_cast<u16>(*got);
                        done += *got;
                        if (*got < odd) failed = Error::fault;
                    }
                }
            }
            while (failed == Error::none && buffer.remaining() != 0 && !ring_.full()) {
                mm::Page* page = take_page();
                if (page == nullptr) {
                    failed = Error::nomem;
                    break;
                }
                usize part = std::min(buffer.remaining(), kPageSize);
                Result<usize> got = buffer.get(bytes_of(page), part);
                if (!got) {
                    give_page(page);
                    failed = got.error();
                    break;
                }
                auto& slot = ring_.push();
                slot.page = page;
                slot.length = static_cast<u16>(*got);
                slot.packet = packets;
                slot.may_append = !packets;
                done += *got;
                if (*got < part) failed = Error::fault;
            }
            full = ring_.full();
            has_data_.store(!ring_.empty(), std::memory_order_relaxed);
            has_room_.store(!full, std::memory_order_relaxed);
        }
        if (done != 0 && (was_empty || polled_.load(std::memory_order_relaxed)))
            read_wait_.wake_one(kIn);
        if (failed != Error::none) {
            if (done != 0) return done;
            return Err(failed);
        }
        if (buffer.remaining() == 0) {
            // Another writer may wait behind us although there is room again.
            if (!full && slept) write_wait_.wake_one(kOut);
            return done;
        }
        if (file.nonblocking()) {
            if (done != 0) return done;
            return Err(Error::again);
        }
        Result<void> waited = write_wait_.wait(
            [&] {
                return has_room_.load(std::memory_order_relaxed) ||
                       readers_.load(std::memory_order_relaxed) == 0;
            },
            sync::WaitMode::interruptible, sync::Deadline::never(), true);
        if (!waited) {
            if (done != 0) return done;
            return Err(waited.error());
        }
        slept = true;
    }
}

u32 Pipe::poll_and_register(File& file, PollTable& table) {
    polled_.store(true, std::memory_order_relaxed);
    if (file.readable()) table.add(read_wait_);
    if (file.writable()) table.add(write_wait_);
    return poll(file, nullptr);
}

[[gnu::noinline]] u32 Pipe::poll(File& file, PollTable* table) {
    if (table != nullptr) return poll_and_register(file, *table);
    u32 events = 0;
    if (file.readable()) {
        if (has_data_.load(std::memory_order_relaxed)) events |= kIn;
        // A FIFO that no writer has opened yet is not hung up.
        if (writers_.load(std::memory_order_relaxed) == 0 &&
            writer_opens_.load(std::memory_order_relaxed) != 0)
            events |= kPollHup;
    }
    if (file.writable()) {
        if (has_room_.load(std::memory_order_relaxed)) events |= kOut;
        if (readers_.load(std::memory_order_relaxed) == 0) events |= kPollErr;
    }
    return events;
}

TENON_API Result<void> Pipe::open_end(u32 flags, bool wait_for_peer) {
    bool reads = flags & kOpenRead, writes = flags & kOpenWrite;
    bool nonblocking = flags & kOpenNonblock;
    u32 seen_readers, seen_writers;
    // A peer that is there now counts, even if it has come and gone before this task would sleep.
    bool alone;
    {
        sync::MutexGuard guard(lock_);
        if (wait_for_peer && writes && !reads && nonblocking &&
            readers_.load(std::memory_order_relaxed) == 0)
            return Err(Error::nxio);
        seen_readers = reader_opens_.load(std::memory_order_relaxed);
        seen_writers = writer_opens_.load(std::memory_order_relaxed);
        alone = (reads ? writers_ : readers_).load(std::memory_order_relaxed) == 0;
        if (reads) {
            readers_.fetch_add(1, std::memory_order_relaxed);
            reader_opens_.fetch_add(1, std::memory_order_relaxed);
        }
        if (writes) {
            writers_.fetch_add(1, std::memory_order_relaxed);
            writer_opens_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    if (!wait_for_peer) return {};
    if (reads) write_wait_.wake_all(kOut);
    if (writes) read_wait_.wake_all(kIn);
    if (!alone || (reads && writes) || nonblocking) return {};
    Result<void> met;
    if (reads)
        met = read_wait_.wait([&] {
            return writers_.load(std::memory_order_relaxed) != 0 ||
                   writer_opens_.load(std::memory_order_relaxed) != seen_writers;
        });
    else
        met = write_wait_.wait([&] {
            return readers_.load(std::memory_order_relaxed) != 0 ||
                   reader_opens_.load(std::memory_order_relaxed) != seen_readers;
        });
    if (met) return {};
    if (reads) readers_.fetch_sub(1, std::memory_order_relaxed);
    if (writes) writers_.fetch_sub(1, std::memory_order_relaxed);
    return met;
}

TENON_API void Pipe::close_end(u32 flags) {
    bool last_reader = false, last_writer = false;
    {
        sync::MutexGuard guard(lock_);
        if (flags & kOpenRead) last_reader = readers_.fetch_sub(1, std::memory_order_relaxed) == 1;
        if (flags & kOpenWrite) last_writer = writers_.fetch_sub(1, std::memory_order_relaxed) == 1;
        // What a FIFO still holds when nobody has it open is gone.
        if (readers_.load(std::memory_order_relaxed) == 0 &&
            writers_.load(std::memory_order_relaxed) == 0)
            while (!ring_.empty()) mm::page_unref(ring_.pop());
        has_data_.store(!ring_.empty(), std::memory_order_relaxed);
        has_room_.store(!ring_.full(), std::memory_order_relaxed);
    }
    if (last_writer) read_wait_.wake_all(kIn | kPollHup);
    if (last_reader) write_wait_.wake_all(kOut | kPollErr);
}

void Pipe::release(File& file) {
    close_end(file.flags());
    detach_user(file.inode(), *this);
}

Result<u32> Pipe::resize(u32 bytes) {
    u32 count = std::bit_ceil(std::max<u32>(1, (bytes + kPageSize - 1) >> kPageShift));
    auto* fresh =
        static_cast<PipeSlot<mm::Page>*>(mm::kmalloc(count * sizeof(*slots_), mm::Alloc::zero));
    if (fresh == nullptr) return Err(Error::nomem);
    PipeSlot<mm::Page>* old;
    {
        sync::MutexGuard guard(lock_);
        old = slots_;
        if (!ring_.resize(fresh, count)) {
            mm::kfree(fresh);
            return Err(Error::busy);
        }
        slots_ = fresh;
        has_room_.store(!ring_.full(), std::memory_order_relaxed);
    }
    if (old != first_slots_) mm::kfree(old);
    write_wait_.wake_all(kOut);
    return count * static_cast<u32>(kPageSize);
}

Result<usize> Pipe::peek(IoBuffer& buffer) {
    sync::MutexGuard guard(lock_);
    usize done = 0;
    for (u32 i = 0; i < ring_.used() && buffer.remaining() != 0; i++) {
        auto& slot = ring_.at(i);
        TRY_ASSIGN(usize moved, buffer.put(bytes_of(slot.page) + slot.offset, slot.length));
        done += moved;
    }
    return done;
}

Result<usize> Pipe::claim(IoBuffer& buffer, bool nonblock) {
    for (;;) {
        {
            sync::MutexGuard guard(lock_);
            const bool claimed = claimed_.load(std::memory_order_relaxed);
            if (!claimed && !ring_.empty()) {
                usize done = 0;
                for (u32 i = 0; i < ring_.used() && buffer.remaining() != 0; i++) {
                    auto& slot = ring_.at(i);
                    TRY_ASSIGN(usize moved,
                               buffer.put(bytes_of(slot.page) + slot.offset, slot.length));
                    done += moved;
                    if (slot.packet) break;
                }
                claimed_.store(true, std::memory_order_relaxed);
                return done;
            }
            if (!claimed && writers_.load(std::memory_order_relaxed) == 0) return usize{0};
        }
        if (nonblock) return Err(Error::again);
        TRY(wait_for_bytes());
    }
}

void Pipe::settle(usize taken) {
    bool made_room, tell;
    {
        sync::MutexGuard guard(lock_);
        made_room = ring_.full();
        while (taken != 0) {
            auto& slot = ring_.front();
            const usize part = std::min<usize>(slot.length, taken);
            taken -= part;
            slot.offset += static_cast<u16>(part);
            slot.length -= static_cast<u16>(part);
            if (slot.length == 0 || slot.packet) give_page(ring_.pop());
        }
        made_room &= !ring_.full();
        has_data_.store(!ring_.empty(), std::memory_order_relaxed);
        has_room_.store(!ring_.full(), std::memory_order_relaxed);
        claimed_.store(false, std::memory_order_relaxed);
        // Readers that a write has woken meanwhile went back to sleep.
        tell = !ring_.empty() || writers_.load(std::memory_order_relaxed) == 0;
    }
    if (made_room) write_wait_.wake_all(kOut);
    if (tell) read_wait_.wake_all(kIn);
}

usize Pipe::bytes() {
    sync::MutexGuard guard(lock_);
    return ring_.bytes();
}

Result<void> Pipe::wait_readable(File& file) {
    if (has_data_.load() || writers_.load() == 0) return {};
    if (file.nonblocking()) return Err(Error::again);
    return read_wait_.wait([&] { return has_data_.load() || writers_.load() == 0; });
}

Result<void> Pipe::wait_writable(File& file) {
    if (has_room_.load() || readers_.load() == 0) return {};
    if (file.nonblocking()) return Err(Error::again);
    return write_wait_.wait([&] { return has_room_.load() || readers_.load() == 0; });
}

}  // namespace tenon::vfs
