// What a thread of a worker draws its arguments from.
#pragma once

#include <sys/types.h>

#include "arena.h"
#include "random.h"
#include "table.h"

namespace fuzz {

// user: no capability, an own user id, the machine's real tree; may name any process and any path.
// admin: root with most capabilities, shut in a tree of its own; names only what it may harm.
enum class Profile : u8 { user, admin };

class Context {
  public:
    Context(u64 seed, Profile profile, unsigned thread)
        : random(seed), arena(thread), profile(profile) {}

    u64 fd();
    u64 pid();
    u64 path();        // a pointer to one
    u64 small_time();  // a struct timespec or timeval
    u64 draw(const Call& call, unsigned index);
    void remember(i64 result);
    u64 recent() { return results_[random.below(kResults)]; }
    const char* path_text();

    Random random;
    Arena arena;
    Profile profile;
    u64 drawn[6] = {};  // the arguments of this call so far

  private:
    u64 pointer(const Call& call, std::string_view name);

    static constexpr size_t kResults = 16;
    u64 results_[kResults] = {};
    size_t next_result_ = 0;
};

// structures.cpp: a structure for an argument of that name; false if none is known.
bool draw_structure(Context& context, const Call& call, std::string_view name, u64& pointer);

}  // namespace fuzz
