// The resolver: in which order modules are loaded so that each finds what it needs. Depth first
// over `requires` and `depends`; nothing is loaded before the whole plan stands. `softdep` is a
// wish: "pre:" goes before where that is possible, "post:" after, and one that cannot be had is
// left out. A module is visited once for need and at most once more for a wish: O(V+E). Pure code,
// also built on the host.
#pragma once

#include "core/module/elf_image.h"
#include "core/module/text.h"

namespace tenon::module {

struct PlanNode {
    std::string_view name, version;
    Modinfo info;
    bool loaded = false;  // there already: nothing to do, its needs hold
    enum class Mark : u8 { fresh, open, done, failed } mark = Mark::fresh;
    // Who wants it in the end: nobody (it was planned for a wish that cannot be had), a wish or
    // what a wished-for module needs, or the root.
    enum class Want : u8 { nobody, wish, need } want = Want::nobody;
    bool wished = false;  // itself named by a softdep
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
inline constexpr usize kMaxDepth = 16;  // of a chain: a visit takes some 300 bytes of kernel stack

// The nodes to load, needs first; those of Want::wish may fail. Errors, explained in `why`: noent,
// inval (version), loop (the cycle's path is printed), toobig.
struct Plan {
    PlanNode* root = nullptr;
    PlanNode* order[kMaxPlan];
    u32 count = 0;
};
Result<void> make_plan(PlanSource& source, std::string_view root, Plan& plan, fmt::Sink& why);

}  // namespace tenon::module
