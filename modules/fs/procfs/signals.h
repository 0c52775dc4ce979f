// A task's signal sets as stat and status show them.
#pragma once

#include "node.h"

namespace tenon::procfs {

struct SignalSummary {
    process::SignalSet pending, shared_pending, blocked, ignored, caught;
};
SignalSummary signals_of(Task& task);

}  // namespace tenon::procfs
