// The log ring.
//
// Theory: records lie one after the other in a power-of-two byte ring, each with a header that
// holds its sequence number and length. Writers are serialised by one irq-safe lock that an NMI or
// a panic only tries (and then goes on without: a torn line is better than a hang). Readers copy
// under the same lock. Consoles are written outside the ring lock, under a lock of their own that a
// writer only tries: whoever holds it prints what others added meanwhile, so no CPU waits for a
// slow UART on behalf of another.
#include <tenon/arch/cpu.h>
#include <tenon/arch/time.h>
#include <tenon/module/gate.h>
#include <tenon/sync/spinlock.h>
#include <tenon/trace/log.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace tenon::log {

namespace {

constexpr usize kRingBytes = 128 * 1024;

struct Header {
    u64 sequence;
    u64 time_ns;
    u16 length_bytes;
    Level level;
};
constexpr usize kAlign = 8;

constinit sync::SpinLock ring_lock{sync::LockRank::log};
constinit sync::SpinLock console_lock{sync::LockRank::console};
alignas(kAlign) constinit char ring[kRingBytes] = {};
constinit u64 head = 0;  // byte positions, ever growing; index = position % kRingBytes
constinit u64 tail = 0;
constinit std::atomic<u64> head_sequence{0};
constinit u64 tail_sequence = 0;
constinit std::atomic<u64> cleared{0};
constinit Console* consoles = nullptr;
constinit u64 console_sequence = 0;
constinit std::atomic<u8> level_limit{8};

void copy_in(u64 position, const void* from, usize length) {
    usize at = position % kRingBytes;
    usize first = std::min(length, kRingBytes - at);
    std::memcpy(ring + at, from, first);
    std::memcpy(ring, static_cast<const char*>(from) + first, length - first);
}
void copy_out(u64 position, void* to, usize length) {
    usize at = position % kRingBytes;
    usize first = std::min(length, kRingBytes - at);
    std::memcpy(to, ring + at, first);
    std::memcpy(static_cast<char*>(to) + first, ring, length - first);
}
constexpr usize record_bytes(usize length) {
    return align_up(sizeof(Header) + length, kAlign);
}

void append_locked(Level level, std::string_view text) {
    usize need = record_bytes(text.size());
    while (head + need - tail > kRingBytes) {
        Header old;
        copy_out(tail, &old, sizeof(old));
        tail += record_bytes(old.length_bytes);
        ++tail_sequence;
    }
    Header header{head_sequence.load(std::memory_order_relaxed), arch::clock_ns(),
                  static_cast<u16>(text.size()), level};
    copy_in(head, &header, sizeof(header));
    copy_in(head + sizeof(header), text.data(), text.size());
    head += need;
    // Pairs with the acquire in next_sequence().
    head_sequence.store(header.sequence + 1, std::memory_order_release);
}

// Position of the record with `sequence`, which exists. A walk from the oldest one.
u64 position_of_locked(u64 sequence) {
    u64 position = tail;
    for (u64 s = tail_sequence; s < sequence; ++s) {
        Header header;
        copy_out(position, &header, sizeof(header));
        position += record_bytes(header.length_bytes);
    }
    return position;
}

// The reader's last place, so that sequential reads do not walk: a hint checked before use.
constinit u64 hint_sequence = 0;
constinit u64 hint_position = 0;

bool read_locked(u64 sequence, Record& out) {
    sequence = std::max(sequence, tail_sequence);
    if (sequence >= head_sequence.load(std::memory_order_relaxed)) return false;
    u64 position = (hint_sequence == sequence && hint_position >= tail)
                       ? hint_position
                       : position_of_locked(sequence);
    Header header;
    copy_out(position, &header, sizeof(header));
    out.sequence = header.sequence;
    out.time_ns = header.time_ns;
    out.level = header.level;
    out.length_bytes = header.length_bytes;
    copy_out(position + sizeof(header), out.text, header.length_bytes);
    hint_sequence = sequence + 1;
    hint_position = position + record_bytes(header.length_bytes);
    return true;
}

void write_to(Console& console, std::string_view text) {
    (void)module::cross(console.gate, [&] { console.write(text); });
}

void write_record(Console& console, const Record& record) {
    char stamp[32];
    fmt::BufferSink sink(stamp);
    u64 micros = record.time_ns / 1000;
    fmt::print(sink, "[{:5}.{:06}] ", micros / 1000000, micros % 1000000);
    write_to(console, sink.text());
    write_to(console, {record.text, record.length_bytes});
    write_to(console, "\n");
}

bool shown(const Record& record) {
    return (static_cast<u8>(record.level) & 7) < level_limit.load(std::memory_order_relaxed);
}

void print_record(const Record& record) {
    if (!shown(record)) return;
    for (Console* c = consoles; c != nullptr; c = c->next) write_record(*c, record);
}

// One reader's buffer, guarded by console_lock: too large for a deep kernel stack.
constinit Record console_record;

void flush_consoles() {
    // A record that comes while somebody else prints is printed by them: they look again after
    // letting go.
    for (;;) {
        if (!console_lock.try_lock()) return;
        Record& record = console_record;
        for (;;) {
            bool more;
            {
                IrqGuard irqs;
                ring_lock.lock_raw();
                more = read_locked(console_sequence, record);
                ring_lock.unlock_raw();
            }
            if (!more) break;
            console_sequence = record.sequence + 1;
            IrqGuard irqs;
            print_record(record);
        }
        console_lock.unlock();
        if (console_sequence >= head_sequence.load(std::memory_order_acquire)) return;
    }
}

}  // namespace

void vwrite(Level level, std::string_view format, std::span<const fmt::Arg> args) {
    char buffer[kMaxLineBytes];
    fmt::BufferSink sink(buffer);
    fmt::vprint(sink, format, args);
    std::string_view text = sink.text();
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    {
        IrqGuard irqs;
        if (arch::preempt_count() >= kNmiOne) {
            if (!ring_lock.try_lock()) return;
            append_locked(level, text);
            ring_lock.unlock();
            return;
        }
        ring_lock.lock_raw();
        append_locked(level, text);
        ring_lock.unlock_raw();
    }
    flush_consoles();
}

bool read(u64 sequence, Record& out) {
    IrqGuard irqs;
    ring_lock.lock_raw();
    bool found = read_locked(sequence, out);
    ring_lock.unlock_raw();
    return found;
}
u64 first_sequence() {
    IrqGuard irqs;
    ring_lock.lock_raw();
    u64 s = tail_sequence;
    ring_lock.unlock_raw();
    return s;
}
u64 next_sequence() {
    return head_sequence.load(std::memory_order_acquire);
}
void clear() {
    cleared.store(next_sequence(), std::memory_order_relaxed);
}
u64 cleared_sequence() {
    return cleared.load(std::memory_order_relaxed);
}

void add_console(Console& console) {
    console_lock.lock();
    // A new console shows the log from the start of the ring; the others have seen it.
    u64 sequence = 0;
    while (sequence < console_sequence && read(sequence, console_record) &&
           console_record.sequence < console_sequence) {
        sequence = console_record.sequence + 1;
        if (!shown(console_record)) continue;
        IrqGuard irqs;
        write_record(console, console_record);
    }
    console.next = consoles;
    consoles = &console;
    console_lock.unlock();
    flush_consoles();
}
void remove_console(Console& console) {
    console_lock.lock();
    for (Console** at = &consoles; *at != nullptr; at = &(*at)->next)
        if (*at == &console) {
            *at = console.next;
            break;
        }
    console_lock.unlock();
}
void write_unlocked(std::string_view text) {
    for (Console* c = consoles; c != nullptr; c = c->next) write_to(*c, text);
}
void set_console_level(u8 level) {
    level_limit.store(level, std::memory_order_relaxed);
}
u8 console_level() {
    return level_limit.load(std::memory_order_relaxed);
}

}  // namespace tenon::log
