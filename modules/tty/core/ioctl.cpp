// Spec: man 4 tty_ioctl.
#include <tenon/mm/user_copy.h>

#include "terminals.h"

namespace tenon::tty {

Result<i32> session_of_terminal(Tty& tty);
Result<void> set_foreground(Tty& tty, i32 group);

namespace {

using KernelTermios = struct ::termios;
using KernelTermios2 = struct ::termios2;
using KernelTermio = struct ::termio;  // System V's: half of each set of flags

constexpr u32 kBaudNumbers[][2] = {
    {B0, 0},         {B50, 50},       {B75, 75},       {B110, 110},     {B134, 134},
    {B150, 150},     {B200, 200},     {B300, 300},     {B600, 600},     {B1200, 1200},
    {B1800, 1800},   {B2400, 2400},   {B4800, 4800},   {B9600, 9600},   {B19200, 19200},
    {B38400, 38400}, {B57600, 57600}, {B115200, 115200}, {B230400, 230400}, {B460800, 460800},
    {B921600, 921600}};

u32 baud_of(u32 cflag, u32 given) {
    if ((cflag & CBAUD) == BOTHER) return given;
    for (const auto& [code, baud] : kBaudNumbers)
        if (code == (cflag & CBAUD)) return baud;
    return 38400;
}

template <typename T>
T from_termios(const Termios& t) {
    T out{};
    out.c_iflag = t.iflag;
    out.c_oflag = t.oflag;
    out.c_cflag = t.cflag;
    out.c_lflag = t.lflag;
    out.c_line = t.line;
    std::memcpy(out.c_cc, t.cc, sizeof(out.c_cc));
    if constexpr (std::is_same_v<T, KernelTermios2>) {
        out.c_ispeed = t.ispeed;
        out.c_ospeed = t.ospeed;
    }
    return out;
}
template <typename T>
Termios to_termios(const T& in) {
    Termios t{in.c_iflag, in.c_oflag, in.c_cflag, in.c_lflag, in.c_line, {}, 0, 0};
    std::memcpy(t.cc, in.c_cc, sizeof(t.cc));
    u32 given = 38400;
    if constexpr (std::is_same_v<T, KernelTermios2>) given = in.c_ospeed;
    t.ispeed = t.ospeed = baud_of(t.cflag, given);
    return t;
}

KernelTermio to_termio(const Termios& t) {
    KernelTermio out{};
    out.c_iflag = static_cast<u16>(t.iflag);
    out.c_oflag = static_cast<u16>(t.oflag);
    out.c_cflag = static_cast<u16>(t.cflag);
    out.c_lflag = static_cast<u16>(t.lflag);
    out.c_line = t.line;
    std::memcpy(out.c_cc, t.cc, sizeof(out.c_cc));
    return out;
}
// What TIOCSLCKTRMIOS locked stays as it is.
Termios without_locked(Termios next, const Termios& old, const Termios& locked) {
    auto keep = [](u32 fresh, u32 was, u32 mask) { return (fresh & ~mask) | (was & mask); };
    next.iflag = keep(next.iflag, old.iflag, locked.iflag);
    next.oflag = keep(next.oflag, old.oflag, locked.oflag);
    next.cflag = keep(next.cflag, old.cflag, locked.cflag);
    next.lflag = keep(next.lflag, old.lflag, locked.lflag);
    if (locked.line != 0) next.line = old.line;
    for (u32 i = 0; i < NCCS; ++i)
        if (locked.cc[i] != 0) next.cc[i] = old.cc[i];
    return next;
}
// The upper half of the flags and the other characters stay.
Termios with_termio(Termios t, const KernelTermio& in) {
    auto low = [](u32 old, u16 now) { return (old & 0xffff0000u) | now; };
    t.iflag = low(t.iflag, in.c_iflag);
    t.oflag = low(t.oflag, in.c_oflag);
    t.cflag = low(t.cflag, in.c_cflag);
    t.lflag = low(t.lflag, in.c_lflag);
    t.line = in.c_line;
    std::memcpy(t.cc, in.c_cc, sizeof(in.c_cc));
    t.ispeed = t.ospeed = baud_of(t.cflag, t.ospeed);
    return t;
}

}  // namespace

class TtyIoctl {
  public:
    enum class When : u8 { now, drained, flushed };

    static Result<void> apply(Tty& tty, Termios next, When when) {
        TRY(check_background_change(tty));
        if (when == When::flushed) tty.flush_input();
        if (when != When::now) TRY(tty.wait_sent(sync::WaitMode::interruptible));
        Termios old;
        {
            sync::MutexGuard guard(tty.state_);
            old = tty.discipline_.termios;
            next = without_locked(next, old, tty.locked_);
            tty.discipline_.termios = next;
            tty.discipline_.termios_changed(old);
            // Without flow control nobody could start it again.
            if ((old.iflag & IXON) && !(next.iflag & IXON)) tty.set_stopped(false);
        }
        tty.driver_.call(&Driver::termios_changed, tty, old);
        tty.read_queue_.wake_all();
        return {};
    }
    template <typename T>
    static Result<i64> set(Tty& tty, u64 argument, When when) {
        TRY_ASSIGN(const T in, mm::UserIn<T>(argument).read());
        TRY(apply(tty, to_termios(in), when));
        return 0;
    }
    template <typename T>
    static Result<i64> get(Tty& tty, u64 argument) {
        TRY(mm::UserOut<T>(argument).write(from_termios<T>(tty.termios())));
        return 0;
    }
    static Result<i64> get_locked(Tty& tty, u64 argument) {
        Termios locked;
        {
            sync::MutexGuard guard(tty.state_);
            locked = tty.locked_;
        }
        TRY(mm::UserOut<KernelTermios>(argument).write(from_termios<KernelTermios>(locked)));
        return 0;
    }
    static Result<i64> set_locked(Tty& tty, u64 argument) {
        if (!process::capable(process::Capability::sys_admin)) return Err(Error::perm);
        TRY_ASSIGN(const auto in, mm::UserIn<KernelTermios>(argument).read());
        sync::MutexGuard guard(tty.state_);
        tty.locked_ = to_termios(in);
        return 0;
    }
    static Result<i64> get_window(Tty& tty, u64 argument) {
        struct ::winsize size;
        {
            sync::MutexGuard guard(tty.state_);
            size = tty.window_;
        }
        TRY(mm::UserOut<struct ::winsize>(argument).write(size));
        return 0;
    }
    static Result<i64> set_window(Tty& tty, u64 argument) {
        TRY_ASSIGN(const auto size, mm::UserIn<struct ::winsize>(argument).read());
        tty.set_window(size);
        return 0;
    }
    static Result<i64> flush(Tty& tty, u64 argument) {
        TRY(check_background_change(tty));
        if (argument > TCIOFLUSH) return Err(Error::inval);
        if (argument == TCIFLUSH || argument == TCIOFLUSH) tty.flush_input();
        if (argument == TCOFLUSH || argument == TCIOFLUSH) {
            sync::MutexGuard guard(tty.state_);
            tty.flush_output();
        }
        return 0;
    }
    static Result<i64> flow(Tty& tty, u64 argument) {
        TRY(check_background_change(tty));
        const u8* cc = tty.discipline_.termios.cc;
        switch (argument) {
            case TCOOFF:
            case TCOON: {
                sync::MutexGuard guard(tty.state_);
                tty.set_stopped(argument == TCOOFF);
                return 0;
            }
            case TCIOFF:
            case TCION: {
                const u8 c = cc[argument == TCIOFF ? VSTOP : VSTART];
                sync::MutexGuard guard(tty.state_);
                if (c != 0) (void)tty.driver_.call(&Driver::write, tty, std::span<const u8>(&c, 1));
                return 0;
            }
            default: return Err(Error::inval);
        }
    }
    static Result<i64> set_group(Tty& tty, u64 argument) {
        auto background = check_background_change(tty);
        if (!background) {
            if (background.error() == Error::io) return Err(Error::notty);
            return Err(background.error());
        }
        TRY_ASSIGN(const i32 group, mm::UserIn<i32>(argument).read());
        if (group < 0) return Err(Error::inval);
        TRY(set_foreground(tty, group));
        return 0;
    }
    static Result<i64> set_half(Tty& tty, u64 argument, When when) {
        TRY_ASSIGN(const auto in, mm::UserIn<KernelTermio>(argument).read());
        TRY(apply(tty, with_termio(tty.termios(), in), when));
        return 0;
    }
    static Result<i64> get_group(Tty& tty, u64 argument, bool from_master) {
        if (!from_master && controlling_terminal().get() != &tty) return Err(Error::notty);
        const i32 group = tty.foreground_group();
        TRY(mm::UserOut<i32>(argument).write(group > 0 ? group : 0));
        return 0;
    }
    static Result<i64> put_int(u64 argument, i64 value) {
        TRY(mm::UserOut<i32>(argument).write(static_cast<i32>(value)));
        return 0;
    }
    static Result<i64> soft_carrier(Tty& tty, u64 argument) {
        TRY_ASSIGN(const i32 on, mm::UserIn<i32>(argument).read());
        Termios next = tty.termios();
        next.cflag = on != 0 ? next.cflag | CLOCAL : next.cflag & ~static_cast<u32>(CLOCAL);
        TRY(apply(tty, next, When::now));
        return 0;
    }
    static Result<i64> common(Tty& tty, u32 command, u64 argument, bool from_master);
    static Result<i64> own(Tty& tty, vfs::File& file, u32 command, u64 argument);
};

// What works on a terminal and, for its slave, on a pty's master.
Result<i64> TtyIoctl::common(Tty& tty, u32 command, u64 argument, bool from_master) {
    switch (command) {
        case TCGETS: return get<KernelTermios>(tty, argument);
        case TCSETS: return set<KernelTermios>(tty, argument, When::now);
        case TCSETSW: return set<KernelTermios>(tty, argument, When::drained);
        case TCSETSF: return set<KernelTermios>(tty, argument, When::flushed);
        case static_cast<u32>(TCGETS2): return get<KernelTermios2>(tty, argument);
        case static_cast<u32>(TCSETS2): return set<KernelTermios2>(tty, argument, When::now);
        case static_cast<u32>(TCSETSW2): return set<KernelTermios2>(tty, argument, When::drained);
        case static_cast<u32>(TCSETSF2): return set<KernelTermios2>(tty, argument, When::flushed);
        case TCGETA:
            TRY(mm::UserOut<KernelTermio>(argument).write(to_termio(tty.termios())));
            return 0;
        case TCSETA: return set_half(tty, argument, When::now);
        case TCSETAW: return set_half(tty, argument, When::drained);
        case TCSETAF: return set_half(tty, argument, When::flushed);
        case TIOCGLCKTRMIOS: return get_locked(tty, argument);
        case TIOCSLCKTRMIOS: return set_locked(tty, argument);
        case TIOCGWINSZ: return get_window(tty, argument);
        case TIOCSWINSZ: return set_window(tty, argument);
        case TIOCGPGRP: return get_group(tty, argument, from_master);
        case TIOCSPGRP: return set_group(tty, argument);
        case TIOCGSID: {
            if (!from_master && controlling_terminal().get() != &tty) return Err(Error::notty);
            TRY_ASSIGN(const i32 id, session_of_terminal(tty));
            return put_int(argument, id);
        }
        case TIOCGSOFTCAR: return put_int(argument, (tty.termios().cflag & CLOCAL) != 0);
        case TIOCSSOFTCAR: return soft_carrier(tty, argument);
        default: return Err(Error::noioctl);
    }
}

Result<i64> TtyIoctl::own(Tty& tty, vfs::File& file, u32 command, u64 argument) {
    switch (command) {
        case TCFLSH: return flush(tty, argument);
        case TCXONC: return flow(tty, argument);
        case TCSBRK:
        case TCSBRKP:
            TRY(check_background_change(tty));
            TRY(tty.wait_sent(sync::WaitMode::interruptible));
            if (command == TCSBRKP || argument == 0) tty.driver_.call(&Driver::send_break, tty);
            return 0;
        case TIOCSBRK:
        case TIOCCBRK: return 0;
        case FIONREAD: {
            usize n;
            {
                sync::MutexGuard guard(tty.state_);
                n = tty.discipline_.readable();
            }
            return put_int(argument, static_cast<i64>(n));
        }
        case TIOCOUTQ: return put_int(argument, static_cast<i64>(tty.driver_.call(&Driver::unsent, tty)));
        case TIOCSCTTY:
            TRY(make_controlling(tty, argument == 1, file.readable()));
            return 0;
        case TIOCNOTTY: TRY(give_up_controlling(tty)); return 0;
        case TIOCSTI: {
            // Typing into a terminal's input is how programs broke out of it.
            // Deviates: refused to everybody, as dev.tty.legacy_tiocsti=0 does.
            if (!process::capable(process::Capability::sys_admin)) return Err(Error::perm);
            return Err(Error::io);
        }
        case TIOCEXCL:
        case TIOCNXCL: tty.exclusive_ = command == TIOCEXCL; return 0;
        case TIOCGEXCL: return put_int(argument, tty.exclusive_);
        case TIOCVHANGUP:
            if (!process::capable(process::Capability::sys_admin)) return Err(Error::perm);
            tty.hang_up();
            return 0;
        case TIOCGETD: return put_int(argument, 0);
        case TIOCSETD: {
            TRY_ASSIGN(const i32 line, mm::UserIn<i32>(argument).read());
            if (line != 0) return Err(Error::inval);
            return 0;
        }
        case TIOCGDEV: {
            const auto n = tty.number();
            return put_int(argument, (n.minor & 0xff) | n.major << 8 | (n.minor & ~0xffu) << 12);
        }
        case TIOCCONS: return Err(Error::perm);
        default: return tty.driver_.call(&Driver::ioctl, tty, command, argument);
    }
}

Result<i64> Tty::ioctl(vfs::File& file, u32 command, u64 argument, u32 generation) {
    if (hung(generation)) return Err(command == TIOCSPGRP ? Error::notty : Error::io);
    auto r = TtyIoctl::common(*this, command, argument, false);
    if (!r && r.error() == Error::noioctl) r = TtyIoctl::own(*this, file, command, argument);
    if (!r && r.error() == Error::noioctl) return Err(Error::notty);
    return r;
}

Result<i64> Tty::ioctl_from_master(u32 command, u64 argument) {
    if (command == TIOCSCTTY) {
        TRY(make_controlling(*this, argument == 1, true));
        return 0;
    }
    return TtyIoctl::common(*this, command, argument, true);
}

}  // namespace tenon::tty
