// The ways in which a driver goes wrong, one function each.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/result.h>
#include <tenon/module/context.h>

#include <string_view>

namespace tenon::fault_lab {

struct Kind {
    std::string_view name;
    // Where it makes sense: `sleeping` kinds need thread context.
    bool sleeping;
    void (*commit)();
};
// Null when there is none of that name.
const Kind* find_kind(std::string_view name);
void write_kinds(fmt::Sink& out);
// What kinds that leak need.
void set_context(module::Context* context);

}  // namespace tenon::fault_lab
