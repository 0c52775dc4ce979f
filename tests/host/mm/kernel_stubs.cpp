#include "tests/host/mm/kernel_stubs.h"

#include <tenon/sync/rcu.h>

#include <vector>

namespace tenon {

namespace {
std::vector<sync::RcuHead*> queued;
}

namespace sync {
void rcu_call(RcuHead& head, void (*function)(RcuHead*)) {
    head.function = function;
    queued.push_back(&head);
}
}  // namespace sync

namespace test {
void end_grace_period() {
    for (sync::RcuHead* head : queued) head->function(head);
    queued.clear();
}
}  // namespace test

}  // namespace tenon
