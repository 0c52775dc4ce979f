// Who needs whom among the installed packages.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pkg/lib/database.h"
#include "pkg/lib/depends.h"

namespace tenon::pkg {

struct Need {
    const Package* by = nullptr;
    const Package* of = nullptr;
    Field field = Field::depends;
    std::string text;  // "a (>= 1) | b"
};

class Needs {
  public:
    explicit Needs(Database& db);

    // Everything that can be reached from `roots`, themselves among it, by Depends, Pre-Depends,
    // Recommends and Suggests; of alternatives every one that is there counts (apt's autoremove).
    std::set<const Package*> reachable(const std::set<const Package*>& roots) const;
    // The shortest chain from one of `roots` to `p`; without a chain of dependencies one that has
    // recommendations in it, too. Empty when there is none, or when `p` is a root.
    std::vector<Need> chain(const std::set<const Package*>& roots, const Package& p) const;

  private:
    void for_each_need(
        const Package& by, std::initializer_list<Field> fields,
        const std::function<void(const Package&, Field, const Dependency&)>& f) const;
    Depends depends_;
    std::vector<const Package*> installed_;
    std::multimap<std::string, const Package*, std::less<>> by_name_;  // provided names, too
};

// Packages that nobody chose and nobody needs. `is_automatic`: came because another needed it.
std::vector<Package*> unneeded(Database& db,
                               const std::function<bool(const Package&)>& is_automatic);

}  // namespace tenon::pkg
