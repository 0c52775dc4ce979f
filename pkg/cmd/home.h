// Where a family's packages go: the root itself, when it is of that family, or a prefix in it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pkg/cmd/verbs.h"
#include "pkg/lib/family.h"
#include "pkg/lib/root.h"
#include "pkg/lib/wrappers.h"

namespace tenon::pkg {

struct Home {
    std::unique_ptr<Root> outer, inner;
    std::string prefix;  // empty: inner is not there, and the packages are in the root itself

    // nullopt: there is none, and nothing of the family is installed. Create::yes makes it.
    enum class Create { no, yes };
    static Result<std::optional<Home>> find(const Options& o, Family family, const char* prefix,
                                            Create create);
    Root& root() { return inner ? *inner : *outer; }
};

// Wrappers as the packages in the prefix ask for them, and a line about each new one.
Status settle_wrappers(Home& home, const PrefixLayout& layout,
                       const std::vector<PrefixProgram>& programs);

}  // namespace tenon::pkg
