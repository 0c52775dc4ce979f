// What a prefix of RPM packages may take from the root around it: pkg/README.md, "Another family's
// root" of RPM packages.
//
// glibc's shared libraries carry the versions of their symbols, and rpmbuild writes each that a
// program asks for into its package: "libc.so.6(GLIBC_2.34)(64bit)". So it can be known, from the
// files of the root around, whether its libraries will do. Nothing else is known that well: names
// of packages mean something else in another family, and are never taken from there.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "pkg/lib/elf.h"
#include "pkg/lib/rpm/relation.h"

namespace tenon::pkg::rpm {

class Surroundings {
  public:
    explicit Surroundings(Root& outer) : outer_(outer) {}

    // Why the root around does not fulfil `need`; nullopt when it does. `inside`: what is in the
    // prefix, which comes first wherever a library is looked for. Reads only.
    std::optional<std::string> refusal(const Relation& need, const Providers& inside);

  private:
    using Known = Result<ElfLibrary>;
    std::optional<std::string> refusal_of_file(const std::string& path);
    // `seen`: what has been asked for on the way here.
    std::optional<std::string> refusal_of_library(const std::string& soname,
                                                  const std::string& version,
                                                  const Providers& inside,
                                                  std::set<std::string>& seen);
    std::optional<std::string> refusal_of_glibc(const Providers& inside);
    const Known& library(const std::string& soname);

    Root& outer_;
    std::map<std::string, Known> libraries_;
};

}  // namespace tenon::pkg::rpm
