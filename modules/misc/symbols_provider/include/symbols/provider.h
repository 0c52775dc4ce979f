// A counter that modules share.
#pragma once

#include <tenon/lib/result.h>

namespace tenon::symbols {

struct Ticket {
    u64 number;
    u32 holder;
};

// The next number of the counter. Error::range once it has reached the limit. Any context.
TENON_API Result<Ticket> take_ticket(u32 holder);
TENON_API u64 tickets_taken();

}  // namespace tenon::symbols
