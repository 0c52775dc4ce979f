// Addresses and bus numbers for what the firmware left without, or what came later.
#pragma once

#include "config.h"

namespace tenon::pci {

struct Range {
    u64 start = 0, end = 0;  // end is behind the last
    bool empty() const { return end <= start; }
    u64 size() const { return empty() ? 0 : end - start; }
};

// Works on the list of known functions, which its caller has locked.
class Resources {
  public:
    explicit Resources(Function* functions) : functions_(functions) {}
    // Gives each BAR without an address one out of the parent's windows. What finds no room stays
    // without, and is logged.
    void assign_bars(Function& function);
    // Bus numbers and a memory window for a bridge that has none. False when there is no room.
    bool assign_bridge(Function& bridge, const Segment& segment);

  private:
    enum class Kind : u8 { memory, prefetch, io };
    Range window_of(Function* bridge, Kind kind) const;
    Range root_window() const;
    // The lowest free place, or 0.
    u64 find_room(Function* bridge, Kind kind, u64 size_bytes, u64 align) const;
    // Calls visit(range) for what functions right behind `bridge` occupy.
    template <typename Visit>
    void each_used(Function* bridge, Kind kind, Visit&& visit) const;
    bool place(Function& function, u32 index, Kind kind);
    bool bus_in_use(u16 segment, u32 number) const;
    Function* functions_;
};

}  // namespace tenon::pci
