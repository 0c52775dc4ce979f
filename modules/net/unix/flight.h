// Descriptors in flight: those that lie in packets which nobody has received yet.
//
// A socket whose every reference lies in a queue that can only be read through such sockets is out
// of reach: a circle, which counting alone never frees. collect() finds those by three looks at the
// sockets in flight: whose references are all in flight (candidates); how many of these references
// lie outside the candidates' own queues; what can be reached from one that has some there. What is
// left is garbage, and its queues are emptied. That is stable while it looks: `flight_lock` keeps
// descriptors from going in and out of flight, and a candidate has no file through which somebody
// could read its queue.
//
// The last descriptor of a circle can be closed without that anything ends: collecting follows, a
// little later and once for many, on the end of any local socket, and on descriptors that begin a
// flight.
//
// A packet's end can close sockets whose queues hold packets: drop() ends them one after the other,
// never one inside the other, as a chain of them may be longer than a kernel stack.
#pragma once

#include <tenon/sched/kthread.h>
#include <tenon/time/timer.h>

#include "endpoint.h"

namespace tenon::net::local {

// The packet has its descriptors, and is not in a queue yet. May sleep.
void begin_flight(const Ancillary& ancillary);
// Before the first of these references goes elsewhere. May sleep.
void end_flight(const Ancillary& ancillary);
// Copies for MSG_PEEK. The packet stays where it is. Error::nomem.
Result<void> copy_in_flight(const Ancillary& from, Ancillary& to);
// Deletes a packet that is in no queue. May sleep.
void drop(Packet* packet);
// Soon, in a worker, if anything flies. Any thread context.
void collect_soon();

// What collects; one for the module's life.
class Collector {
  public:
    Collector();
    ~Collector();
    TENON_NONCOPYABLE(Collector);
    void arm();

  private:
    time::Timer timer_;
    sched::Work work_;
};

}  // namespace tenon::net::local
