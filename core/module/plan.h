// The resolver: in which order modules are loaded so that each finds what it needs. Depth first
// over `requires` and `depends`, O(V+E); nothing is loaded before the whole plan stands. Pure code,
// also built on the host.
#pragma once

#include "core/module/elf_image.h"
#include "core/module/text.h"

namespace tenon::module {

struct PlanNode {
    std::string_view name, version;
    Modinfo info;
    bool loaded = false;  // there already: nothing to do, its needs hold
    enum class Mark : u8 { fresh, open, done } mark = Mark::fresh;
};

// Where the resolver gets its nodes: the same name gives the same node. Error::noent when there is
// no such module.
class PlanSource {
  public:
    virtual Result<PlanNode*> find(std::string_view name) = 0;

  protected:
    ~PlanSource() = default;
};

inline constexpr usize kMaxPlan = 64;

// The nodes to load, needs first. Errors, explained in `why`: noent, inval (version), loop (the
// cycle's path is printed), toobig.
struct Plan {
    PlanNode* order[kMaxPlan];
    u32 count = 0;
};
Result<void> make_plan(PlanSource& source, std::string_view root, Plan& plan, fmt::Sink& why);

}  // namespace tenon::module
