// A pair of master and slave.
#pragma once

#include <tty/tty.h>

#include "ring.h"

namespace tenon::tty {

inline constexpr u32 kPtsMajor = 136, kMaxPtys = 4096;

class Pty final : public Driver {
  public:
    // A new pair with the lowest free number. Error::nospc at the limit, nomem.
    static Result<Ref<Tty>> create();
    static Pty& of(Tty& tty) { return static_cast<Pty&>(tty.driver()); }
    // The slave with this number, while its master is open; null: none.
    static Ref<Tty> find(u32 index);
    // The lowest number >= `from` in use, or -1.
    static i64 next(u32 from);

    // --- The master's side
    Result<usize> master_read(vfs::File& file, vfs::IoBuffer& buffer);
    Result<usize> master_write(vfs::File& file, vfs::IoBuffer& buffer);
    u32 master_poll(vfs::PollTable* table);
    Result<i64> master_ioctl(vfs::File& file, u32 command, u64 argument);
    void master_closed();
    // For an open of the slave: Error::io while it is locked or has no master.
    Result<void> may_open() const;
    u32 index() const { return index_; }
    u64 serial() const { return serial_; }  // tells a number's users apart
    u32 uid = 0, gid = 0;                   // who opened the master

    // --- Driver of the slave
    Result<void> open(Tty&) override;
    void close(Tty&) override;
    usize write(Tty&, std::span<const u8> bytes) override;
    usize write_room(Tty&) override;
    usize unsent(Tty&) override;
    void flush_output(Tty&) override;
    void input_drained(Tty&) override;
    void termios_changed(Tty& tty, const Termios& old) override;
    void flow_changed(Tty&, bool stopped) override;
    void input_flushed(Tty&) override;
    bool has_line() const override { return false; }
    bool is_dead(Tty&) override { return !master_open_.load(std::memory_order_acquire); }
    ~Pty() override;

  private:
    static constexpr u32 kOutputBytes = 16 << 10, kInputBytes = 16 << 10;
    Pty() = default;
    void feed();  // input_ to the slave's line discipline, as far as that has room
    void tell_packet(u8 set, u8 clear);
    bool has_for_master();
    Result<i64> open_peer(u64 flags);

    Tty* tty_ = nullptr;  // owns this
    u32 index_ = 0;
    u64 serial_ = 0;
    Ring output_;  // of the slave
    Ring input_;   // of the slave, behind what its line discipline has taken
    std::atomic<bool> feeding_{false};
    std::atomic<u8> packet_status_{0};
    std::atomic<bool> master_open_{true}, slave_closed_{false}, locked_{true}, packet_{false};
    std::atomic<u32> drained_{0};  // grows when the slave's input made room
    sync::WaitQueue master_queue_;
};

// Makes the slave's inode owner and mode known to devpts.
Result<module::Gated<vfs::FileOps>> open_master();

// See pty/limits.h.
u32 pty_count();
u32 pty_limit();
void set_pty_limit(u32 pairs);

}  // namespace tenon::tty
