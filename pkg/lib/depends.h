// Are relations between packages satisfied?  Spec: Debian Policy chapter 7, deb-control(5)
// "Multi-Arch".
//
// The questions are asked about a World: which packages will be there, and in what state. The
// database is one; "the database as it will be after this transaction" is another.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/package.h"

namespace tenon::pkg {

using World = std::vector<const Package*>;

class Depends {
  public:
    explicit Depends(std::string native_arch) : native_arch_(std::move(native_arch)) {}

    // Does `p` (its name or what it provides) meet `a`, asked by `by`?
    bool meets(const Package& p, const Alternative& a, const Package& by) const;
    // The same for Conflicts and Breaks, which look at every architecture.
    bool hit_by(const Package& p, const Alternative& a, const Package& by) const;
    // Packages of the world that meet one of the alternatives and that `ready` accepts.
    bool satisfied(const World& world, const Dependency& dep, const Package& by,
                   const std::function<bool(const Package&)>& ready) const;
    // What stands against the world as a whole, in sentences: unmet Depends and Pre-Depends of
    // `subjects`, and Conflicts and Breaks between them and the rest.
    std::vector<std::string> problems(const World& world, const World& subjects) const;

  private:
    bool arch_fits(const Package& p, const Alternative& a, const Package& by) const;
    std::string native_arch_;
};

}  // namespace tenon::pkg
