// Who uses which interrupt vector. A device's come from alloc_vector(), between the two bounds.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

enum Vector : u32 {
    kVectorDebug = 1,
    kVectorNmi = 2,
    kVectorBreakpoint = 3,
    kVectorDoubleFault = 8,
    kVectorGeneralProtection = 13,
    kVectorPageFault = 14,
    kVectorMachineCheck = 18,
    kVectorFirstDevice = 0x30,
    kVectorLastDevice = 0xdf,
    kVectorTimer = 0xf0,
    kVectorReschedule = 0xf1,
    kVectorCall = 0xf2,
    kVectorShootdown = 0xf3,
    kVectorApicError = 0xfe,
    kVectorSpurious = 0xff,
};

}  // namespace tenon::arch::x86
