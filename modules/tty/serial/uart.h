// One 16550: registers, FIFOs, rings. Knows no terminal.
#pragma once

#include <tenon/module/module.h>
#include <tenon/sync/spinlock.h>
#include <tenon/sync/wait_queue.h>
#include <tenon/vfs/io_buffer.h>
#include <tenon/vfs/types.h>

namespace tenon::serial {

// A byte ring of a power-of-two size; one reader, one writer, both under the UART's lock.
class Ring {
  public:
    static constexpr usize kBytes = 64 * 1024;
    Result<void> create();
    usize used() const { return head_ - tail_; }
    usize room() const { return kBytes - used(); }
    void push(u8 byte) { data_[head_++ % kBytes] = byte; }
    u8 pop() { return data_[tail_++ % kBytes]; }
    void clear() { tail_ = head_; }

  private:
    std::unique_ptr<u8[]> data_;
    usize head_ = 0, tail_ = 0;
};

class Uart {
  public:
    // False when nothing answers at the port (scratch register test).
    static bool present(u16 port);
    Result<void> create(module::Context& context, u16 port, u32 isa_irq);
    ~Uart();

    // Move bytes between a buffer and the rings; never sleep on the device. 0: nothing to be had /
    // no room.
    Result<usize> receive(vfs::IoBuffer& buffer);
    Result<usize> send(vfs::IoBuffer& buffer);
    usize receivable() const { return rx_.used(); }
    usize unsent() const { return tx_.used(); }
    usize send_room() const { return tx_.room(); }
    void flush(bool input, bool output);
    bool idle() const;  // all sent, shift register empty
    sync::WaitQueue readable, writable;

  private:
    irq::Handled on_interrupt();
    static irq::Handled interrupt(void* self) { return static_cast<Uart*>(self)->on_interrupt(); }
    void fill_fifo_locked();
    u16 port_ = 0;
    u8 enabled_ = 0;  // interrupt-enable register
    sync::SpinLock lock_{sync::LockRank::spin_leaf};
    Ring rx_, tx_;
    module::Held irq_;
};

}  // namespace tenon::serial
