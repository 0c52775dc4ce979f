#include "core/arch/x86_64/smp/reminder.h"

#include <tenon/arch/smp.h>
#include <tenon/arch/time.h>
#include <tenon/time/timer.h>
#include <tenon/trace/metrics.h>

#include "core/arch/x86_64/irq/lapic.h"

namespace tenon::arch::x86 {

namespace {

constexpr u32 kTimesBeforeNmi = 2;
constexpr u64 kMostPatienceMs = 100;

constinit metrics::Metric g_sent{
    metrics::Kind::counter, "tenon_interrupts_sent_again_total",
    "Interrupts to other CPUs that were not answered in two milliseconds"};

}  // namespace

void Reminder::look(u64 waiting) {
    const u64 now = cycles();
    if (since_ == 0) since_ = now;
    if (now - since_ < counter_khz() * patience_ms_) return;
    since_ = now;
    patience_ms_ = std::min(2 * patience_ms_, kMostPatienceMs);
    ++times_;
    for (u64 left = waiting; left != 0; left &= left - 1) {
        const u32 cpu = static_cast<u32>(__builtin_ctzll(left));
        g_sent.add();
        send_ipi(cpu, vector_);
        if (times_ > kTimesBeforeNmi) send_nmi(cpu);
    }
}

void count_reminders() {
    metrics::add_metric(g_sent);
}

void mend_lost_interrupts() {
    lapic_end_stale();
    time::ask_again();
}

}  // namespace tenon::arch::x86
