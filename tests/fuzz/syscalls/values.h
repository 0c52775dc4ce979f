// The numbers that calls know: commands, options, flags. The table's types do not tell them.
#pragma once

#include <string_view>

#include "random.h"
#include "table.h"

namespace fuzz {

struct Values {
    std::string_view call;      // "" for any call that has such an argument
    std::string_view argument;  // "" for any argument of integer kind
    bool combine;               // an or of some of them, else one of them
    std::span<const u64> values;
};

// The values for that argument, or null: numbers are drawn at large.
const Values* values_for(const Call& call, const Argument& argument);
// One number of them; now and then another, or one with a bit turned.
u64 draw_value(Random& random, const Values& values);
// A number at large: small, a bit, an edge, or anything.
u64 draw_number(Random& random);
u64 draw_size(Random& random);
u64 draw_offset(Random& random);

}  // namespace fuzz
