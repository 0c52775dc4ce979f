// Interrupt lines and message-signalled interrupts.
#pragma once

#include <tenon/arch/irq.h>
#include <tenon/lib/result.h>

namespace tenon::irq {

enum class Handled : u8 { no, yes, wake_thread };
using Handler = Handled (*)(void* context);     // irq context, irqs off
using ThreadHandler = void (*)(void* context);  // a kernel thread; may sleep

struct Line;  // opaque: one registration

// Legacy ISA line or ACPI global system interrupt; level lines may be shared. Owner is for
// /proc/interrupts and the ledger.
TENON_API Result<Line*> request_isa(u32 isa_irq, Handler handler, ThreadHandler thread,
                                    void* context, const char* owner);
TENON_API Result<Line*> request_gsi(u32 gsi, arch::IrqTrigger trigger, Handler handler,
                                    ThreadHandler thread, void* context, const char* owner);
// Message-signalled: allocates a vector; `message` is what to program into the device.
TENON_API Result<Line*> request_msi(Handler handler, ThreadHandler thread, void* context,
                                    const char* owner, arch::MsiMessage& message);
// Waits for running handlers; then none runs. May sleep.
TENON_API void release(Line* line);

// Called by arch for each device vector.
void dispatch(u32 vector);

// For /proc/interrupts and leak checks.
struct LineInfo {
    u32 irq;
    const char* kind;  // "ISA", "GSI", "MSI"
    const char* owner;
    u64 counts[arch::kMaxCpus];
};
// Visits every registration under RCU; the callback must not sleep.
TENON_API void for_each(void (*visit)(const LineInfo&, void*), void* context);

}  // namespace tenon::irq
