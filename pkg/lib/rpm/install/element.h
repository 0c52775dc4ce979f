// One step of a transaction: a package that comes, or one that goes.
#pragma once

#include <stdint.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkg/lib/root.h"
#include "pkg/lib/rpm/header.h"
#include "pkg/lib/rpm/install/database.h"
#include "pkg/lib/rpm/package.h"

namespace tenon::pkg::rpm {

// What becomes of one file. For a package that comes:
//   create     it gets its place
//   shared     a package before it in the transaction has brought the same, if it did not fail
//   skip       what is there stays
//   alternate  what is there stays, the file goes beside it as NAME.rpmnew
//   save       what is there is kept as NAME.rpmsave
//   original   what is there, and was nobody's, is kept as NAME.rpmorig
// For one that goes: erase, skip, save. The letters are how the journal says it.
enum class FileAction : char {
    create = 'c',
    shared = '=',
    skip = '-',
    alternate = 'n',
    save = 's',
    original = 'o',
    erase = 'e',
};

struct Element {
    enum class Kind { install, erase };
    Kind kind = Kind::install;
    size_t stage = 0;  // the number of its directory in the transaction's
    std::string source;
    std::optional<Header> header, signatures;  // of one that comes
    Package package;
    // In the database: of one that goes, and of one that has come.
    uint64_t number = 0;
    // The same version, installed before, whose record this one takes over; 0: none.
    uint64_t replaces = 0;
    std::vector<FileState> states;  // of one that goes
    std::vector<std::string> prefixes;
    // Of one that goes: the element that comes in its place, and must not have failed.
    std::optional<size_t> replaced_by;
    std::vector<FileAction> actions;  // by file
    long instances = 0;               // that its %pretrans and %posttrans are told of
    bool failed = false;

    bool is_install() const { return kind == Kind::install; }
};

// Names for places on disk that do not depend on which links lead there.
class PlaceKeys {
  public:
    explicit PlaceKeys(Root& root) : root_(root) {}
    // Equal for two paths of one place.
    Result<std::string> of(const std::string& path);

  private:
    Root& root_;
    std::map<std::string, std::string> directories_;
};

}  // namespace tenon::pkg::rpm
