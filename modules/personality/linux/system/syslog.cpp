// The kernel log for dmesg and klogd. Spec: man 2 syslog.
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/trace/log.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/system/settings.h"

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

constinit std::atomic<u64> g_read_position{0};
constinit std::atomic<u8> g_saved_level{0};
constexpr i64 kBufferBytes = 256 * 1024;

// "<6>[    1.234567] text\n", as the readers of this call expect.
usize format_record(const log::Record& record, std::span<char> out) {
    fmt::BufferSink sink(out);
    const u64 us = record.time_ns / 1000;
    fmt::print(sink, "<{}>[{:5}.{:06}] {}\n", static_cast<u32>(record.level), us / 1'000'000,
               us % 1'000'000, std::string_view(record.text, record.length_bytes));
    return sink.text().size();
}

struct Scratch {
    log::Record record;
    char line[log::kMaxLineBytes + 64];
};

// The newest records that fit, oldest first.
Result<i64> read_all(u64 buf, i32 len, bool clear) {
    auto scratch = mm::make<Scratch>();
    if (!scratch) return Err(Error::nomem);
    const u64 end = log::next_sequence();
    const u64 first = std::max(log::first_sequence(), log::cleared_sequence());
    usize total = 0;
    for (u64 s = first; s < end && log::read(s, scratch->record); s = scratch->record.sequence + 1)
        total += format_record(scratch->record, scratch->line);
    u64 at = 0;
    for (u64 s = first; s < end && log::read(s, scratch->record);
         s = scratch->record.sequence + 1) {
        const usize n = format_record(scratch->record, scratch->line);
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

Result<i64> read_unread(u64 buf, i32 len) {
    auto scratch = mm::make<Scratch>();
    if (!scratch) return Err(Error::nomem);
    while (!log::read(g_read_position.load(), scratch->record))
        TRY(sched::sleep_until(sync::Deadline::after_ns(100'000'000)));
    u64 at = 0;
    do {
        const usize n = format_record(scratch->record, scratch->line);
        if (at + n > static_cast<u64>(len)) break;
        TRY(mm::copy_to_user(UserAddr{buf + at}, scratch->line, n));
        at += n;
        g_read_position.store(scratch->record.sequence + 1);
    } while (log::read(g_read_position.load(), scratch->record));
    return static_cast<i64>(at);
}

bool may(i32 type) {
    // Reading and sizing are open to all, unless kernel.dmesg_restrict says otherwise.
    const bool open = setting(linux_settings::Setting::dmesg_restrict) == 0;
    return (open && (type == kReadAll || type == kSizeBuffer)) ||
           process::capable(process::Capability::syslog) ||
           process::capable(process::Capability::sys_admin);
}

}  // namespace

Result<i64> sys_syslog(i32 type, u64 buf, i32 len) {
    if (!may(type)) return Err(Error::perm);
    switch (type) {
        case kClose:
        case kOpen:
            return 0;
        case kRead:
            if (buf == 0 || len < 0) return Err(Error::inval);
            return len == 0 ? Result<i64>(0) : read_unread(buf, len);
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
            auto scratch = mm::make<Scratch>();
            if (!scratch) return Err(Error::nomem);
            usize total = 0;
            for (u64 s = g_read_position.load(); log::read(s, scratch->record);
                 s = scratch->record.sequence + 1)
                total += format_record(scratch->record, scratch->line);
            return static_cast<i64>(total);
        }
        case kSizeBuffer:
            return kBufferBytes;
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
