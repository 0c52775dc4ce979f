// Requires, Provides and their kin; rich dependencies.
// Spec: rpm's docs/manual/dependencies.md, boolean_dependencies.md, more_dependencies.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/result.h"
#include "pkg/lib/rpm/version.h"

namespace tenon::pkg::rpm {

// The other bits of a relation's flags that matter to a package manager.
inline constexpr SenseFlags kPreTransNeed = 1u << 7;
inline constexpr SenseFlags kInterpreterNeed = 1u << 8;
inline constexpr SenseFlags kPreNeed = 1u << 9, kPostNeed = 1u << 10;
inline constexpr SenseFlags kPreUnNeed = 1u << 11, kPostUnNeed = 1u << 12;
inline constexpr SenseFlags kMissingOk = 1u << 19;
inline constexpr SenseFlags kRpmlibNeed = 1u << 24;  // a feature of the package manager
inline constexpr SenseFlags kConfigProvide = 1u << 28;
inline constexpr SenseFlags kMetaNeed = 1u << 29;

// "name", "name >= 1:2-3", or a rich one, whose whole text is the name.
struct Relation {
    std::string name;
    SenseFlags flags = 0;
    std::string evr;

    std::string str() const;
    bool is_rich() const { return name.starts_with('('); }
    bool operator==(const Relation&) const = default;
};

// Does `provided` (a Provides, or a package's own name and version) fulfil `wanted`?
bool matches(const Relation& wanted, const Relation& provided);

enum class RichOp { none, and_, or_, if_, unless_, with_, without_ };

struct RichDependency {
    RichOp op = RichOp::none;
    Relation leaf;                         // op none
    std::vector<RichDependency> operands;  // if and unless: then, condition, and maybe else

    std::string str() const;
};

// Where the expression stands decides whether "if" or "unless" may be outermost.
enum class RichContext { must_hold, must_not_hold };

// "(a and (b >= 1 or c))". Nesting is bounded. As in rpm, an "if" below "or", and an "unless" below
// "and", is refused, as are other operators below with and without.
Result<RichDependency> parse_rich(std::string_view text,
                                  RichContext context = RichContext::must_hold);

// Which packages fulfil a simple relation.
class Providers {
  public:
    // Numbers of packages, ascending, each once.
    virtual std::vector<int> of(const Relation& wanted) const = 0;

  protected:
    ~Providers() = default;
};

bool evaluate(const RichDependency& dependency, const Providers& world);

}  // namespace tenon::pkg::rpm
