// Why a wish cannot come true, in sentences.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkg/lib/solver/libsolv/solv.h"

namespace tenon::pkg::solver {

// A pool whose packages and relations have names for people, in the words of their family.
class NamedPool {
  public:
    virtual Pool* get() const = 0;
    virtual bool is_installed(Id solvable) const = 0;
    virtual std::string str(Id solvable) const = 0;
    virtual std::string dependency_str(Id dep) const = 0;

  protected:
    ~NamedPool() = default;
};

// One problem of the solver: first what cannot be, then the chain of packages that leads there,
// one step a line, ending in what stands against it. `wanted`: the solvables that were asked for.
// `there`: what is known of a name that nothing provides in the right version, or empty.
std::string explain(Solver* solver, Id problem, const NamedPool& pool,
                    const std::vector<Id>& wanted,
                    const std::function<std::string(const std::string& name)>& there);

}  // namespace tenon::pkg::solver
