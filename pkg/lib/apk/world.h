// A set of packages, and whether it holds together: what each needs is there, nothing conflicts.
// Spec: apk-world(5), apk-package(5).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pkg/lib/apk/package.h"

namespace tenon::pkg::apk {

// What `p` offers under its own name and its provides. With the checksum forms, too.
bool provides(const Package& p, const Dependency& wanted);

class World {
  public:
    // The package must outlive this.
    void add(const Package* p);
    const std::vector<const Package*>& packages() const { return packages_; }

    // Who meets it, itself excepted when it is a conflict. Null: nobody.
    const Package* provider(const Dependency& d, const Package* of = nullptr) const;
    // What a package of the set lacks.
    std::vector<std::string> problems() const;
    // Needs that no package of the set meets, each once.
    struct Need {
        const Package* of;
        Dependency what;
    };
    std::vector<Need> unmet() const;

  private:
    std::vector<const Package*> packages_;
    std::unordered_multimap<std::string, const Package*> names_;
};

// A package file that could be installed.
struct Offer {
    std::string path;
    Package package;
};
// Every .apk in the directories, their metadata only; what cannot be read is passed over, with a
// line that says so.
std::vector<Offer> read_offers(const std::vector<std::string>& directories);
// The best of them: a package of that name before one that provides it, then by priority, then by
// version. Null: none.
const Offer* best_offer(const std::vector<Offer>& offers, const Dependency& wanted);

}  // namespace tenon::pkg::apk
