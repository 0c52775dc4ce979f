// What nobody took out of the kernel's log yet. The log has no wait queue, since it is written in
// any context: while somebody waits, a timer looks at it.
#include "personality/linux/system/unread_log.h"

#include <tenon/linux/kernel_log.h>
#include <tenon/mm/slab.h>
#include <tenon/process/process.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>

#include <algorithm>

namespace tenon::personality::unread_log {

namespace {

constexpr u64 kLookNs = 100'000'000;

constinit sync::Mutex g_lock{sync::LockRank::sleeping_leaf};  // guards the position
constinit std::atomic<u64> g_next{0};                         // sequence of the next record
constinit usize g_taken_bytes = 0;                            // of that record

struct Scratch {
    log::Record record;
    char line[kRecordBytes];
};

bool has_unread() {
    return g_next.load(std::memory_order_relaxed) < log::next_sequence();
}

// One record, or a part of it if `may_cut`, as text in `s.line`: the bytes of it that fit.
std::string_view take(Scratch& s, usize room, bool may_cut) {
    sync::MutexGuard guard(g_lock);
    const u64 next = g_next.load(std::memory_order_relaxed);
    if (!log::read(next, s.record)) return {};
    if (s.record.sequence != next) g_taken_bytes = 0;  // it was written over
    std::string_view text(s.line, format_record(s.record, s.line));
    text.remove_prefix(std::min(g_taken_bytes, text.size()));
    if (text.size() <= room) {
        g_next.store(s.record.sequence + 1, std::memory_order_relaxed);
        g_taken_bytes = 0;
        return text;
    }
    if (!may_cut) return {};
    g_next.store(s.record.sequence, std::memory_order_relaxed);
    g_taken_bytes += room;
    return text.substr(0, room);
}

class Watcher {
  public:
    sync::WaitQueue wait;
    // Somebody is about to wait, or waits.
    void look_again() {
        if (!timer_.armed()) timer_.arm_at(time::monotonic_ns() + kLookNs);
    }
    void stop() { (void)timer_.cancel_sync(); }

  private:
    static void fired(time::Timer&);
    time::Timer timer_{&fired};
};
constinit Watcher* g_watcher = nullptr;  // as long as the service is offered

void Watcher::fired(time::Timer&) {
    Watcher& self = *g_watcher;
    if (has_unread()) return self.wait.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    if (self.wait.has_waiters()) self.look_again();
}

class Service final : public linux_log::Unread {
  public:
    Service() { g_watcher = &watcher_; }
    ~Service() override {
        watcher_.stop();
        g_watcher = nullptr;
    }
    Result<void> may_read() override {
        return may_change_log() ? Result<void>{} : Err(Error::perm);
    }
    Result<usize> read(vfs::IoBuffer& to, bool wait) override { return unread_log::read(to, wait); }
    u32 poll(vfs::PollTable* table) override {
        if (table != nullptr) table->add(watcher_.wait);
        if (has_unread()) return vfs::kPollIn | vfs::kPollRdNorm;
        if (table != nullptr) watcher_.look_again();
        return 0;
    }

  private:
    Watcher watcher_;
};

}  // namespace

usize format_record(const log::Record& record, std::span<char> out) {
    fmt::BufferSink sink(out);
    const u64 us = record.time_ns / 1000;
    fmt::print(sink, "<{}>[{:5}.{:06}] {}\n", static_cast<u32>(record.level), us / 1'000'000,
               us % 1'000'000, std::string_view(record.text, record.length_bytes));
    return sink.text().size();
}

bool may_change_log() {
    return process::capable(process::Capability::syslog) ||
           process::capable(process::Capability::sys_admin);
}

// Spec: Linux kernel/printk/printk.c, syslog_print().
Result<usize> read(vfs::IoBuffer& to, bool wait) {
    if (to.remaining() == 0) return usize{0};
    auto scratch = mm::make<Scratch>();
    if (!scratch) return Err(Error::nomem);
    while (!has_unread()) {
        if (!wait) return Err(Error::again);
        TRY(sched::sleep_until(sync::Deadline::after_ns(kLookNs)));
    }
    usize done = 0;
    for (;;) {
        const std::string_view text = take(*scratch, to.remaining(), done == 0);
        if (text.empty()) return done;
        const auto moved = to.put(text.data(), text.size());
        if (!moved || *moved < text.size())
            return done != 0 ? Result<usize>(done) : Result<usize>(Err(Error::fault));
        done += *moved;
    }
}

Result<usize> size_bytes() {
    auto s = mm::make<Scratch>();
    if (!s) return Err(Error::nomem);
    sync::MutexGuard guard(g_lock);
    usize total = 0;
    u64 next = g_next.load(std::memory_order_relaxed);
    for (; log::read(next, s->record); next = s->record.sequence + 1)
        total += format_record(s->record, s->line);
    return total - std::min(total, g_taken_bytes);
}

Result<module::Held> offer(module::Context& context) {
    return module::offer(context, linux_log::kService,
                         std::unique_ptr<linux_log::Unread>(mm::make<Service>()));
}

}  // namespace tenon::personality::unread_log
