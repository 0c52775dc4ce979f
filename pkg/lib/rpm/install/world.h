// Do the dependencies of a set of packages hold?  Spec: rpm's docs/manual/dependencies.md,
// boolean_dependencies.md.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkg/lib/rpm/install/element.h"
#include "pkg/lib/rpm/package.h"
#include "pkg/lib/rpm/relation.h"
#include "pkg/lib/rpm/surroundings.h"

namespace tenon::pkg::rpm {

// Packages that are there at the same time. They must outlive this.
class World final : public Providers {
  public:
    // `around`: what counts besides, where the packages are those of a prefix. May be null.
    World(std::vector<const Package*> packages, PlaceKeys& keys, Surroundings* around = nullptr);

    const std::vector<const Package*>& packages() const { return packages_; }
    // Places in packages(), ascending.
    std::vector<int> of(const Relation& wanted) const override;
    // Simple or rich, or one of the package manager's own features.
    bool holds(const Relation& need) const;
    // Of what does not hold: why the root around does not help. Empty when there is none.
    std::string refusal(const Relation& need) const;
    // The first other package that `p` conflicts with; null when none does.
    const Package* conflict(const Package& p, const Relation& conflict) const;

  private:
    std::vector<int> with_file(const std::string& path) const;

    std::vector<const Package*> packages_;
    PlaceKeys& keys_;
    Surroundings* around_;
    std::unordered_map<std::string_view, std::vector<std::pair<int, const Relation*>>> provides_;
    // By the last component: built when the first file is asked for.
    mutable std::unordered_map<std::string_view, std::vector<std::pair<int, const File*>>> files_;
    mutable bool has_files_ = false;
};

// Needs first; where they go in a circle, those that scripts have. What is independent comes in the
// reverse of its order here, as rpm does it. Places in `packages`.
std::vector<size_t> sorted_by_needs(const std::vector<const Package*>& packages, PlaceKeys& keys);

}  // namespace tenon::pkg::rpm
