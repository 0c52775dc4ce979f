// Interrupts that get lost: seen under QEMU 7.2, while devices come and go. Now and then a write to
// the local APIC does not arrive: an interrupt to another CPU, the end of one, the timer's count.
// (Its threads look a write up in a map of memory that another of them may just have replaced.)
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

// For a loop that waits until other CPUs have answered `vector`: they are sent it again after a
// while, and later an NMI, at which they end what is wrongly in service. Any context.
class Reminder {
  public:
    explicit Reminder(u32 vector) : vector_(vector) {}
    // `waiting`: a bit for each CPU that has not answered.
    void remind(u64 waiting) {
        if (++rounds_ % kRounds == 0) [[unlikely]]
            look(waiting);
    }

  private:
    static constexpr u32 kRounds = 1024;  // most are answered before the clock is looked at
    void look(u64 waiting);
    u64 since_ = 0;  // cycles; 0: not looked at the clock yet
    u64 patience_ms_ = 2;
    u32 vector_, rounds_ = 0, times_ = 0;
};

// Makes the metric known. May sleep.
void count_reminders();
// An NMI that came while interrupts were on, so that no handler is under way.
void mend_lost_interrupts();

}  // namespace tenon::arch::x86
