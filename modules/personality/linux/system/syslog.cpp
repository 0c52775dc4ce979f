// The kernel log for dmesg and klogd. Spec: man 2 syslog.
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/trace/log.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/system/settings.h"
#include "personality/linux/system/unread_log.h"

namespace tenon::personality {

namespace {

enum : i32 {
    kClose,
    kOpen,
    kRead,
    kReadAll,
    kReadClear,
    kClear,
    kConsoleOff,
    kConsoleOn,
    kConsoleLevel,
    kSizeUnread,
    kSizeBuffer
};

constinit std::atomic<u8> g_saved_level{0};
constexpr i64 kBufferBytes = 256 * 1024;

struct Scratch {
    log::Record record;
    char line[unread_log::kRecordBytes];
};

// The newest records that fit, oldest first.
Result<i64> read_all(u64 buf, i32 len, bool clear) {
    auto scratch = mm::make<Scratch>();
    if (!scratch) return Err(Error::nomem);
    const u64 end = log::next_sequence();
    const u64 first = std::max(log::first_sequence(), log::cleared_sequence());
    usize total = 0;
    for (u64 s = first; s < end && log::read(s, scratch->record); s = scratch->record.sequence + 1)
        total += unread_log::format_record(scratch->record, scratch->line);
    u64 at = 0;
    for (u64 s = first; s < end && log::read(s, scratch->record);
         s = scratch->record.sequence + 1) {
        const usize n = unread_log::format_record(scratch->record, scratch->line);
        if (total > static_cast<usize>(len)) {
            total -= n;
            continue;
        }
        TRY(mm::copy_to_user(UserAddr{buf + at}, scratch->line, n));
        at += n;
    }
    if (clear) log::clear();
    return static_cast<i64>(at);
}

bool may(i32 type) {
    // Reading and sizing are open to all, unless kernel.dmesg_restrict says otherwise.
    const bool open = setting(linux_settings::Setting::dmesg_restrict) == 0;
    return (open && (type == kReadAll || type == kSizeBuffer)) || unread_log::may_change_log();
}

}  // namespace

Result<i64> sys_syslog(i32 type, u64 buf, i32 len) {
    if (!may(type)) return Err(Error::perm);
    switch (type) {
        case kClose:
        case kOpen:
            return 0;
        case kRead: {
            if (buf == 0 || len < 0) return Err(Error::inval);
            auto to = vfs::IoBuffer::user(buf, static_cast<usize>(len));
            TRY_ASSIGN(const usize n, unread_log::read(to, true));
            return static_cast<i64>(n);
        }
        case kReadAll:
        case kReadClear:
            if (buf == 0 || len < 0) return Err(Error::inval);
            return len == 0 ? Result<i64>(0) : read_all(buf, len, type == kReadClear);
        case kClear:
            log::clear();
            return 0;
        case kConsoleOff:
            if (g_saved_level.load() == 0) g_saved_level.store(log::console_level());
            log::set_console_level(1);
            return 0;
        case kConsoleOn:
            if (const u8 level = g_saved_level.exchange(0); level != 0)
                log::set_console_level(level);
            return 0;
        case kConsoleLevel:
            if (len < 1 || len > 8) return Err(Error::inval);
            g_saved_level.store(0);
            log::set_console_level(static_cast<u8>(len));
            return 0;
        case kSizeUnread: {
            TRY_ASSIGN(const usize total, unread_log::size_bytes());
            return static_cast<i64>(total);
        }
        case kSizeBuffer:
            return kBufferBytes;
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
