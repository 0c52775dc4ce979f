// A terminal: what its driver implements, and what the tty module does with it.
#pragma once

#include <tenon/module/context.h>
#include <tenon/process/process.h>
#include <tenon/vfs/char_device.h>
#include <tty/line_discipline.h>

namespace tenon::tty {

class Tty;

// What is behind a terminal: a serial line, or the master of a pty.
class Driver {
  public:
    virtual ~Driver() = default;
    // First open, last close. May sleep.
    virtual Result<void> open(Tty& tty) { return {}; }
    virtual void close(Tty& tty) {}
    // Takes bytes to send; how many. At most write_room() are offered. Any thread context, called
    // with the terminal's state mutex held.
    virtual usize write(Tty& tty, std::span<const u8> bytes) = 0;
    virtual usize write_room(Tty& tty) = 0;
    virtual usize unsent(Tty& tty) { return 0; }
    virtual void flush_output(Tty& tty) {}
    // A reader made room after receive() had refused bytes. Thread context, no lock held.
    virtual void input_drained(Tty& tty) {}
    virtual void termios_changed(Tty& tty, const Termios& old) {}
    // Output stopped or started, input flushed: what a pty tells its master.
    virtual void flow_changed(Tty& tty, bool stopped) {}
    virtual void input_flushed(Tty& tty) {}
    virtual void send_break(Tty& tty) {}
    // Is there a line that the last close may hang up? Then HUPCL is set at first.
    virtual bool has_line() const { return true; }
    // Its characters are UTF-8: then IUTF8 is set at first.
    virtual bool is_utf8() const { return false; }
    // Does the last close forget termios and what was typed? A serial line keeps its settings.
    virtual bool forgets_settings() const { return false; }
    virtual void hung_up(Tty& tty) {}
    virtual Result<i64> ioctl(Tty& tty, u32 command, u64 argument) { return Err(Error::noioctl); }
    // The other end is gone for good: reads answer EIO.
    virtual bool is_dead(Tty& tty) { return false; }
};

class Tty final : public RefCounted<Tty>, private LineDiscipline::Host {
  public:
    TENON_API static Result<Ref<Tty>> create(std::string_view name, vfs::DeviceNumber number,
                                             module::Gated<Driver> driver);
    ~Tty();

    // --- For drivers
    // Input; how many bytes were taken. The rest is offered again after input_drained().
    TENON_API usize receive(std::span<const u8> bytes);
    TENON_API void receive_break();
    // There is room to write again. Any context.
    TENON_API void output_ready();
    // The line is gone: open files answer as after a hang-up, the session leader gets SIGHUP.
    TENON_API void hang_up();
    TENON_API Result<module::Gated<vfs::FileOps>> open(u32 open_flags, bool may_control);
    std::string_view name() const { return name_; }
    vfs::DeviceNumber number() const { return number_; }
    // For the driver's own module.
    Driver& driver() { return *driver_.object(); }
    TENON_API Termios termios();
    // Requests of a pty's master that concern its slave (termios, window size, groups).
    TENON_API Result<i64> ioctl_from_master(u32 command, u64 argument);
    TENON_API bool is_open() const { return opens_.load() != 0; }
    TENON_API void signal_foreground(u32 signal);
    TENON_API void flush_input();
    // The size that programs see; SIGWINCH to the foreground group when it changes.
    TENON_API void set_window(const struct ::winsize& size);
    // Is it the controlling terminal of the calling process?
    TENON_API bool controls_caller();
    // As the characters for flow control do. No lock held.
    TENON_API void stop_output(bool stopped);
    TENON_API bool is_output_stopped() const { return stopped_; }
    TENON_API bool packet_flow() const;  // IXON with ^S and ^Q, for packet mode
    TENON_API void on_last_ref();

    // --- For the tty module's files
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u32 generation);
    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u32 generation);
    u32 poll(vfs::PollTable* table, u32 generation);
    Result<i64> ioctl(vfs::File& file, u32 command, u64 argument, u32 generation);
    void file_closed();
    u32 generation() const { return generation_.load(std::memory_order_acquire); }
    i32 foreground_group();
    void leader_exited();  // of the session that it controls
    void become_controlling_if_free();

  private:
    Tty(std::string_view name, vfs::DeviceNumber number, module::Gated<Driver> driver);
    friend class TtyIoctl;
    friend class JobControl;

    // LineDiscipline::Host; the state mutex is held.
    void signal(u32 signal) override;
    void echo(std::span<const u8> bytes) override;
    void set_stopped(bool stopped) override;
    bool is_stopped() const override { return stopped_; }
    void flush_output() override;

    void set_first_termios();
    void flush_echo_locked();
    usize write_some(std::span<const u8> bytes);
    Result<void> wait_sent(sync::WaitMode mode);
    bool dead();  // nothing is behind it any more
    bool hung(u32 generation) const { return generation != this->generation(); }

    static constexpr u32 kEchoBytes = 1024;
    char name_[24] = {};
    const vfs::DeviceNumber number_;
    module::Gated<Driver> driver_;  // its module may go before the last open file
    sync::Mutex read_mutex_{sync::LockRank::tty}, write_mutex_{sync::LockRank::tty};
    sync::Mutex state_{sync::LockRank::sleeping_leaf};  // guards what follows
    LineDiscipline discipline_;
    u8 echo_[kEchoBytes];
    usize echo_length_ = 0;
    bool stopped_ = false, throttled_ = false, exclusive_ = false;
    struct ::winsize window_ = {};
    Termios locked_ = {};  // TIOCSLCKTRMIOS: bits and characters that are set here do not change
    std::atomic<u32> generation_{0}, opens_{0};
    sync::WaitQueue read_queue_, write_queue_;
    // Guarded by the process-tree lock.
    Ref<process::Session> session_;
    Ref<process::ProcessGroup> foreground_;
};

// Makes a terminal reachable by its device number, as long as the handle is held. When it goes, by
// a failure of the driver's module too, the terminal hangs up.
TENON_API Result<module::Held> add_terminal(module::Context& context, Ref<Tty> tty);

}  // namespace tenon::tty
