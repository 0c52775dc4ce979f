// What the files of core/time share.
#pragma once

namespace tenon::time {

void init_timers();

}  // namespace tenon::time
