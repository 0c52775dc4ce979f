// poll, select and epoll meet files here.
#pragma once

#include <tenon/sync/wait_queue.h>
#include <tenon/vfs/types.h>

namespace tenon::vfs {

// Given to FileOps::poll: the file adds every queue whose wake-up may change its readiness, then
// returns the bits that hold now.
class PollTable {
  public:
    virtual void add(sync::WaitQueue& queue) = 0;

  protected:
    ~PollTable() = default;
};

}  // namespace tenon::vfs
