// A terminal. Theory: README.md in this folder.
#include <tty/tty.h>

#include <tenon/mm/slab.h>

#include "terminals.h"

namespace tenon::tty {

Tty::Tty(std::string_view name, vfs::DeviceNumber number, module::Gated<Driver> driver)
    : number_(number), driver_(std::move(driver)), discipline_(*this) {
    const usize n = std::min(name.size(), sizeof(name_) - 1);
    std::memcpy(name_, name.data(), n);
    set_first_termios();
}
Tty::~Tty() = default;

void Tty::on_last_ref() {
    delete this;
}

Result<Ref<Tty>> Tty::create(std::string_view name, vfs::DeviceNumber number,
                             module::Gated<Driver> driver) {
    auto* tty = new (std::nothrow) Tty(name, number, std::move(driver));
    if (tty == nullptr) return Err(Error::nomem);
    return adopt_ref(tty);
}

void Tty::set_first_termios() {
    discipline_.termios = kDefaultTermios;
    if (!driver_.call(&Driver::has_line)) discipline_.termios.cflag &= ~u32{HUPCL};
    if (driver_.call(&Driver::is_utf8)) discipline_.termios.iflag |= IUTF8;
}

Termios Tty::termios() {
    sync::MutexGuard guard(state_);
    return discipline_.termios;
}
bool Tty::dead() {
    const module::Gate* gate = driver_.gate();
    return (gate != nullptr && gate->failed()) || driver_.call(&Driver::is_dead, *this);
}

bool Tty::packet_flow() const {
    const Termios& t = discipline_.termios;
    return (t.iflag & IXON) != 0 && t.cc[VSTOP] == 19 && t.cc[VSTART] == 17;
}

usize Tty::receive(std::span<const u8> bytes) {
    usize used;
    bool has_input;
    {
        sync::MutexGuard guard(state_);
        used = discipline_.receive(bytes);
        throttled_ = used < bytes.size();
        has_input = discipline_.has_input();
        flush_echo_locked();
    }
    if (has_input) read_queue_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    return used;
}

void Tty::receive_break() {
    {
        sync::MutexGuard guard(state_);
        discipline_.receive_break();
        flush_echo_locked();
    }
    read_queue_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
}

void Tty::set_window(const struct ::winsize& size) {
    bool changed;
    {
        sync::MutexGuard guard(state_);
        changed = std::memcmp(&size, &window_, sizeof(size)) != 0;
        window_ = size;
    }
    if (changed) signal_foreground(process::kSigWinch);
}

bool Tty::controls_caller() {
    return controlling_terminal().get() == this;
}

void Tty::stop_output(bool stopped) {
    sync::MutexGuard guard(state_);
    set_stopped(stopped);
}

void Tty::output_ready() {
    write_queue_.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
}

void Tty::flush_input() {
    {
        sync::MutexGuard guard(state_);
        discipline_.flush_input();
        throttled_ = false;
    }
    driver_.call(&Driver::input_flushed, *this);
    driver_.call(&Driver::input_drained, *this);
}

// --- What the discipline asks for; state_ is held.

void Tty::signal(u32 signal) {
    signal_foreground(signal);
}

void Tty::echo(std::span<const u8> bytes) {
    const usize n = std::min(bytes.size(), sizeof(echo_) - echo_length_);
    std::memcpy(echo_ + echo_length_, bytes.data(), n);
    echo_length_ += n;
    if (echo_length_ > sizeof(echo_) / 2) flush_echo_locked();
}

void Tty::flush_echo_locked() {
    if (echo_length_ == 0 || stopped_) return;
    const usize room = driver_.call(&Driver::write_room, *this);
    const usize n = driver_.call(&Driver::write, *this, std::span<const u8>(echo_, std::min(echo_length_, room)));
    std::memmove(echo_, echo_ + n, echo_length_ - n);
    echo_length_ -= n;
}

void Tty::set_stopped(bool stopped) {
    if (stopped_ == stopped) return;
    stopped_ = stopped;
    driver_.call(&Driver::flow_changed, *this, stopped);
    if (!stopped) {
        flush_echo_locked();
        write_queue_.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
    }
}

void Tty::flush_output() {
    echo_length_ = 0;
    driver_.call(&Driver::flush_output, *this);
    write_queue_.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
}

// --- Reading and writing

Result<usize> Tty::read(vfs::File& file, vfs::IoBuffer& buffer, u32 generation) {
    if (hung(generation)) return usize{0};
    TRY(check_background_read(*this));
    if (file.nonblocking()) {
        if (!read_mutex_.try_lock()) return Err(Error::again);
    } else {
        TRY(read_mutex_.lock_interruptible());
    }
    struct Unlock {
        sync::Mutex& m;
        ~Unlock() { m.unlock(); }
    } unlock{read_mutex_};

    usize total = 0;
    sync::Deadline overall = sync::Deadline::never();
    bool first = true;
    for (;;) {
        u8 bounce[512];
        usize n;
        bool line_done = false, had_input, canonical, drained = false;
        u32 minimum, time_tenths;
        {
            sync::MutexGuard guard(state_);
            canonical = discipline_.canonical();
            minimum = canonical ? 1 : discipline_.termios.cc[VMIN];
            time_tenths = canonical ? 0 : discipline_.termios.cc[VTIME];
            had_input = discipline_.has_input();
            n = discipline_.read({bounce, std::min(sizeof(bounce), buffer.remaining())}, line_done);
            if (n != 0 && throttled_) {
                throttled_ = false;
                drained = true;
            }
        }
        if (drained) driver_.call(&Driver::input_drained, *this);
        if (n != 0) {
            TRY_ASSIGN(const usize put, buffer.put(bounce, n));
            total += put;
            if (put < n) return total;
        }
        if (canonical ? line_done || (had_input && buffer.remaining() == 0)
                      : buffer.remaining() == 0)
            return total;
        if (canonical && had_input && n != 0) continue;  // more of the same line
        if (!canonical && n == sizeof(bounce)) continue;
        if (!canonical && total != 0 && total >= std::max<u32>(minimum, 1)) return total;
        if (hung(generation)) return total;
        if (dead()) {
            if (total != 0) return total;
            return Err(Error::io);
        }
        sync::Deadline deadline = sync::Deadline::never();
        if (!canonical && minimum == 0) {
            if (time_tenths == 0) return total;
            if (first) overall = sync::Deadline::after_ns(time_tenths * 100'000'000ull);
            deadline = overall;
        } else if (!canonical && time_tenths != 0 && total != 0) {
            deadline = sync::Deadline::after_ns(time_tenths * 100'000'000ull);
        }
        first = false;
        if (file.nonblocking()) {
            if (total != 0) return total;
            return Err(Error::again);
        }
        auto waited = read_queue_.wait(
            [&] {
                if (hung(generation) || dead()) return true;
                sync::MutexGuard guard(state_);
                return discipline_.has_input();
            },
            sync::WaitMode::interruptible, deadline);
        if (!waited) {
            if (waited.error() == Error::timedout || total != 0) return total;
            return Err(waited.error());
        }
        // It may have been put in the background meanwhile.
        TRY(check_background_read(*this));
    }
}

// One piece, as much as there is room for.
usize Tty::write_some(std::span<const u8> bytes) {
    sync::MutexGuard guard(state_);
    if (stopped_) return 0;
    flush_echo_locked();
    const usize room = driver_.call(&Driver::write_room, *this);
    u8 out[1024];
    usize produced = 0;
    const usize used = discipline_.process_output(bytes, {out, std::min(sizeof(out), room)}, produced);
    if (produced != 0) (void)driver_.call(&Driver::write, *this, std::span<const u8>(out, produced));
    return used;
}

Result<usize> Tty::write(vfs::File& file, vfs::IoBuffer& buffer, u32 generation) {
    if (hung(generation) || dead()) return Err(Error::io);
    if ((discipline_.termios.lflag & TOSTOP) != 0) TRY(check_background_change(*this));
    if (file.nonblocking()) {
        if (!write_mutex_.try_lock()) return Err(Error::again);
    } else {
        TRY(write_mutex_.lock_interruptible());
    }
    struct Unlock {
        sync::Mutex& m;
        ~Unlock() { m.unlock(); }
    } unlock{write_mutex_};

    usize total = 0;
    while (buffer.remaining() != 0) {
        u8 chunk[512];
        vfs::IoBuffer peek = buffer;
        TRY_ASSIGN(const usize n,
                   peek.get(chunk, std::min(sizeof(chunk), buffer.remaining())));
        usize done = 0;
        while (done < n) {
            const usize used = write_some({chunk + done, n - done});
            done += used;
            buffer.skip(used);
            total += used;
            if (done == n) break;
            if (hung(generation) || dead()) {
                if (total != 0) return total;
                return Err(Error::io);
            }
            if (used != 0) continue;
            if (file.nonblocking()) {
                if (total != 0) return total;
                return Err(Error::again);
            }
            auto waited = write_queue_.wait([&] {
                if (hung(generation) || dead()) return true;
                // Enough for the longest expansion of one character.
                return !stopped_ && driver_.call(&Driver::write_room, *this) >= 8;
            });
            if (!waited) {
                if (total != 0) return total;
                return Err(waited.error());
            }
        }
    }
    return total;
}

Result<void> Tty::wait_sent(sync::WaitMode mode) {
    return write_queue_.wait([&] { return driver_.call(&Driver::unsent, *this) == 0 || dead(); },
                             mode);
}

u32 Tty::poll(vfs::PollTable* table, u32 generation) {
    if (table != nullptr) {
        table->add(read_queue_);
        table->add(write_queue_);
    }
    if (hung(generation))
        return vfs::kPollIn | vfs::kPollOut | vfs::kPollErr | vfs::kPollHup | vfs::kPollRdNorm |
               vfs::kPollWrNorm;
    u32 events = 0;
    sync::MutexGuard guard(state_);
    const Termios& t = discipline_.termios;
    const usize minimum = !discipline_.canonical() && t.cc[VTIME] == 0 && t.cc[VMIN] != 0 ? t.cc[VMIN]
                                                                                           : 1;
    if (discipline_.canonical() ? discipline_.has_input() : discipline_.readable() >= minimum)
        events |= vfs::kPollIn | vfs::kPollRdNorm;
    if (dead()) events |= vfs::kPollHup;
    if (!stopped_ && driver_.call(&Driver::write_room, *this) >= 8) events |= vfs::kPollOut | vfs::kPollWrNorm;
    return events;
}

}  // namespace tenon::tty
