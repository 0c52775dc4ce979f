// Which family of packages a root belongs to, and where packages of another one go.
//
// A family's packages need their own loader and libraries at their own paths. In a root of another
// family they get a prefix: a whole root of their own, with their own database, below one
// directory. Nothing of it lies outside but the wrappers (lib/wrappers).
#pragma once

#include <string>

#include "pkg/lib/root.h"

namespace tenon::pkg {

enum class Family { none, debian, alpine, rpm };

// By the databases that are there: dpkg's status, if it names a package; apk's; rpm's. A root
// without any is of rpm's family when its os-release(5) says that it is, or is like, a
// distribution of rpm's.
Result<Family> family_of(Root& root);

inline constexpr const char* kAlpinePrefix = "/usr/lib/pkg/alpine";
inline constexpr const char* kRpmPrefix = "/usr/lib/pkg/rpm";

// Removes the prefix if nothing is in it, and the directories above it that hold nothing then.
void tidy_prefix(Root& root, const std::string& prefix);
// Removes what is empty below `dir`, but not `dir`: directories that packages brought without owning
// them.
Status remove_empty_dirs(Root& root, const std::string& dir);

}  // namespace tenon::pkg
