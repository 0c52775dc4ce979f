// The memory that calls are pointed at. A thread has its own scratch; the rest belongs to the
// process, and hostile calls may unmap or protect any of it: the handler of faults (worker.cpp)
// maps it anew.
//
//   scratch   64 KiB to read and write, then a page that nobody may touch
//   constant  a page that may only be read, then such a page
//   torn      a mapping of a file that ends a page earlier: SIGBUS there
//   shared    a page that all workers share (futexes, robust lists)
//   field     2 MiB where calls map, unmap and protect what they like
#pragma once

#include "random.h"

namespace fuzz {

constexpr size_t kPage = 4096;

class Arena {
  public:
    // Once in a worker, before its threads.
    static void map_common(void* shared);
    // True if the address is one of ours; it can be written afterwards.
    static bool mend(u64 address);

    // Once in each thread, with its number (0 or 1).
    explicit Arena(unsigned thread);
    // Puts data where the call shall find it: mostly well, sometimes at the end of a page, across
    // the end, in memory that may not be written, or nowhere. Returns the pointer for the call.
    u64 place(Random& random, const void* data, size_t bytes);
    // Room for the call to write to, or to read noise from.
    u64 room(Random& random, size_t bytes);
    // A place that is always good, for what a structure points at.
    void* allocate(size_t bytes);

    static u64 field_address(Random& random);
    static u64 hostile_address(Random& random);

  private:
    u8* scratch_;
    size_t used_ = 0;
};

}  // namespace fuzz
