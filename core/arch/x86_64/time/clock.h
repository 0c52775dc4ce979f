// The clock and the timer of each CPU.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

// Calibrates on the boot CPU; then on each other CPU.
void init_clock();
void load_timer();

// Clocks of known frequency that others are measured against: HPET, ACPI PM timer, PIT.

class ReferenceClock {
  public:
    // Picks the best that there is.
    static ReferenceClock find();
    u64 frequency_hz() const { return frequency_; }
    const char* name() const;
    // Ticks, modulo mask() + 1.
    u64 read() const;
    u64 mask() const { return mask_; }

  private:
    enum class Kind : u8 { hpet, pm_timer, pit } kind_ = Kind::pit;
    u64 frequency_ = 1'193'182;
    u64 mask_ = 0xffff;
    volatile u8* hpet_ = nullptr;
    u16 port_ = 0;
};

}  // namespace tenon::arch::x86
