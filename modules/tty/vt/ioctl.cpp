// Spec: man 4 console_ioctl; errors as Linux 6.1 gives them.
#include <tenon/mm/user_copy.h>
#include <tenon/module/module.h>

#include "console.h"

namespace tenon::vt {

namespace {

template <typename T>
Result<i64> put(u64 argument, T value) {
    TRY(mm::UserOut<T>(argument).write(value));
    return 0;
}

constexpr u32 kStateBits = 16;  // of vt_stat::v_state
// ANSI numbers to those of the VGA, which have red and blue the other way round.
constexpr u8 kVgaColour[16] = {0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15};

bool is_used(u32 number) {
    Console* console = Consoles::find(number);
    return console != nullptr && console->is_open();
}

}  // namespace

Result<i64> Console::ioctl(tty::Tty& tty, u32 command, u64 argument) {
    const bool permitted =
        tty.controls_caller() || process::capable(process::Capability::sys_tty_config);
    for (auto part : {&Console::display_ioctl, &Console::keyboard_ioctl, &Console::colours_ioctl,
                      &Console::switch_ioctl}) {
        auto r = (this->*part)(command, argument, permitted);
        if (r || r.error() != Error::noioctl) return r;
    }
    if (command == TIOCLINUX) return linux_ioctl(argument);
    return Err(Error::noioctl);
}

Result<i64> Console::display_ioctl(u32 command, u64 argument, bool permitted) {
    switch (command) {
        case KIOCSOUND:
        case KDMKTONE:  // no speaker
            if (!permitted) return Err(Error::perm);
            return 0;
        case KDGKBTYPE: return put<u8>(argument, KB_101);
        case KDGETMODE: return put<i32>(argument, graphics ? KD_GRAPHICS : KD_TEXT);
        case KDSETMODE: {
            if (!permitted) return Err(Error::perm);
            if (argument > KD_TEXT1) return Err(Error::inval);
            {
                sync::IrqSpinGuard guard(g_screen_lock);
                graphics = argument == KD_GRAPHICS;
            }
            if (argument != KD_GRAPHICS) Consoles::redraw();
            return 0;
        }
        case KDMAPDISP:
        case KDUNMAPDISP: return Err(Error::inval);
        default: return Err(Error::noioctl);
    }
}

Result<i64> Console::keyboard_ioctl(u32 command, u64 argument, bool permitted) {
    switch (command) {
        case KDGKBMODE: {
            constexpr i32 kModes[] = {K_RAW, K_XLATE, K_MEDIUMRAW, K_UNICODE, K_OFF};
            return put<i32>(argument, kModes[static_cast<u32>(keyboard.mode)]);
        }
        case KDSKBMODE: {
            if (!permitted) return Err(Error::perm);
            KeyboardMode mode;
            switch (argument) {
                case K_RAW: mode = KeyboardMode::raw; break;
                case K_XLATE: mode = KeyboardMode::xlate; break;
                case K_MEDIUMRAW: mode = KeyboardMode::medium_raw; break;
                case K_UNICODE: mode = KeyboardMode::unicode; break;
                case K_OFF: mode = KeyboardMode::off; break;
                default: return Err(Error::inval);
            }
            sync::IrqSpinGuard guard(g_screen_lock);
            keyboard.mode = mode;
            return 0;
        }
        case KDGKBMETA:
            return put<i32>(argument, keyboard.escape_prefix ? K_ESCPREFIX : K_METABIT);
        case KDSKBMETA: {
            if (!permitted) return Err(Error::perm);
            if (argument != K_METABIT && argument != K_ESCPREFIX) return Err(Error::inval);
            sync::IrqSpinGuard guard(g_screen_lock);
            keyboard.escape_prefix = argument == K_ESCPREFIX;
            return 0;
        }
        case KDGKBLED:
            return put<u8>(argument,
                           static_cast<u8>(keyboard.locks | keyboard.default_locks << 4));
        case KDSKBLED: {
            if (!permitted) return Err(Error::perm);
            if ((argument & ~u64{0x77}) != 0) return Err(Error::inval);
            sync::IrqSpinGuard guard(g_screen_lock);
            keyboard.locks = argument & 7;
            keyboard.default_locks = (argument >> 4) & 7;
            return 0;
        }
        case KDGETLED:
            return put<u8>(argument, shown_leds >= 0 ? static_cast<u8>(shown_leds) : keyboard.locks);
        case KDSETLED: {
            if (!permitted) return Err(Error::perm);
            {
                sync::IrqSpinGuard guard(g_screen_lock);
                shown_leds = argument <= 7 ? static_cast<i32>(argument) : -1;
            }
            Consoles::show_leds();
            return 0;
        }
        default: return Err(Error::noioctl);
    }
}

// The palette, in the programs' order of colours.
Result<i64> Console::colours_ioctl(u32 command, u64 argument, bool permitted) {
    struct Map {
        u8 rgb[16][3];
    } map;
    switch (command) {
        case GIO_CMAP: {
            {
                sync::IrqSpinGuard guard(g_screen_lock);
                for (u32 i = 0; i < 16; ++i)
                    for (u32 part = 0; part < 3; ++part)
                        map.rgb[i][part] = static_cast<u8>(interpreter.palette()[kVgaColour[i]] >>
                                                           (16 - 8 * part));
            }
            return put(argument, map);
        }
        case PIO_CMAP: {
            if (!permitted) return Err(Error::perm);
            TRY_ASSIGN(map, mm::UserIn<Map>(argument).read());
            for (u32 n = 1; n <= kConsoles; ++n) {
                Console* console = Consoles::find(n);
                if (console == nullptr) continue;
                sync::IrqSpinGuard guard(g_screen_lock);
                for (u32 i = 0; i < 16; ++i)
                    console->interpreter.set_palette(
                        kVgaColour[i], u32{map.rgb[i][0]} << 16 | map.rgb[i][1] << 8 | map.rgb[i][2]);
            }
            Consoles::redraw();
            return 0;
        }
        default: return Err(Error::noioctl);
    }
}

Result<i64> Console::switch_ioctl(u32 command, u64 argument, bool permitted) {
    switch (command) {
        case VT_OPENQRY:
            for (u32 i = 1; i <= kConsoles; ++i)
                if (!is_used(i)) return put<i32>(argument, static_cast<i32>(i));
            return put<i32>(argument, -1);
        case VT_GETMODE: return put(argument, Consoles::mode_of(*this));
        case VT_SETMODE: {
            if (!permitted) return Err(Error::perm);
            TRY_ASSIGN(const auto wish, mm::UserIn<::vt_mode>(argument).read());
            if (wish.mode != VT_AUTO && wish.mode != VT_PROCESS) return Err(Error::inval);
            TRY(Consoles::set_mode(*this, wish));
            return 0;
        }
        case VT_GETSTATE: {
            ::vt_stat state{};
            state.v_active = static_cast<u16>(Consoles::foreground());
            state.v_state = 1;
            for (u32 i = 1; i < kStateBits; ++i)
                if (is_used(i)) state.v_state |= static_cast<u16>(1u << i);
            return put(argument, state);
        }
        case VT_ACTIVATE:
        case VT_WAITACTIVE:
            if (!permitted) return Err(Error::perm);
            if (argument == 0 || argument > kConsoles) return Err(Error::nxio);
            if (command == VT_ACTIVATE)
                TRY(Consoles::show(static_cast<u32>(argument)));
            else
                TRY(Consoles::wait_shown(static_cast<u32>(argument)));
            return 0;
        case VT_RELDISP:
            if (!permitted) return Err(Error::perm);
            TRY(Consoles::release_display(*this, argument));
            return 0;
        case VT_DISALLOCATE:
            if (argument > kConsoles) return Err(Error::nxio);
            TRY(Consoles::clear_unused(static_cast<u32>(argument)));
            return 0;
        case VT_RESIZE: {
            if (!permitted) return Err(Error::perm);
            TRY_ASSIGN(const auto sizes, mm::UserIn<::vt_sizes>(argument).read());
            return Consoles::request_size(sizes.v_cols, sizes.v_rows);
        }
        case VT_LOCKSWITCH:
        case VT_UNLOCKSWITCH:
            if (!process::capable(process::Capability::sys_tty_config)) return Err(Error::perm);
            Consoles::set_switching(command == VT_UNLOCKSWITCH);
            return 0;
        case VT_GETHIFONTMASK: return put<u16>(argument, 0);
        default: return Err(Error::noioctl);
    }
}

Result<i64> Console::linux_ioctl(u64 argument) {
    if (!tty_->controls_caller() && !process::capable(process::Capability::sys_admin))
        return Err(Error::perm);
    TRY_ASSIGN(const u8 what, mm::UserIn<u8>(argument).read());
    switch (what) {
        case TIOCL_GETFGCONSOLE: return i64{Consoles::foreground()} - 1;
        case TIOCL_GETSHIFTSTATE: return put<u8>(argument, 0);
        case TIOCL_GETMOUSEREPORTING: return put<u8>(argument, interpreter.modes.mouse);
        case TIOCL_GETKMSGREDIRECT: return put<u8>(argument, 0);
        case TIOCL_BLANKEDSCREEN: return 0;  // it never is
        case TIOCL_UNBLANKSCREEN: return 0;
        default: return Err(Error::inval);
    }
}

}  // namespace tenon::vt
