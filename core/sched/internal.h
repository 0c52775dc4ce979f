// What the files of core/sched share beside the run queue.
#pragma once

namespace tenon::sched {

void start_work_queues();
void start_load_average();

}  // namespace tenon::sched
