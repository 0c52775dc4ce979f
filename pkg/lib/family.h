// Which family of packages a root belongs to, and where packages of another one go.
//
// A family's packages need their own loader and libraries at their own paths. In a root of another
// family they get a prefix: a whole root of their own, with their own database, below one
// directory. Nothing of it lies outside but the wrappers (lib/wrappers).
#pragma once

#include <string>

#include "pkg/lib/root.h"

namespace tenon::pkg {

enum class Family { none, debian, alpine };

// By the databases that are there: dpkg's status, if it names a package; apk's.
Result<Family> family_of(Root& root);

inline constexpr const char* kAlpinePrefix = "/usr/lib/pkg/alpine";

// Removes the prefix if nothing is in it, and the directories above it that hold nothing then.
void tidy_prefix(Root& root, const std::string& prefix);

}  // namespace tenon::pkg
