// rpm's own database, rpmdb.sqlite: read and written as rpm 4.18 does, so that both tools can take
// turns on a root.
//
// A row of Packages holds a header (header_blob.h) under a number that is never used again; a table
// for each index says which package has a name, a file, a Provides, and so on.
//
// While a transaction runs, nothing here is synced: a checkpoint holds a copy of the file.
#pragma once

#include <stdint.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkg/lib/fd.h"
#include "pkg/lib/root.h"
#include "pkg/lib/rpm/install/header_blob.h"
#include "pkg/lib/rpm/package.h"

struct sqlite3;

namespace tenon::pkg::rpm {

// A package as it is installed.
struct Installed {
    uint64_t number = 0;  // in Packages
    Package package;
    std::vector<FileState> states;  // of its files; empty when the header says nothing
    uint32_t install_time = 0, transaction_id = 0;
    std::vector<std::string> prefixes;

    FileState state(size_t file) const {
        return file < states.size() ? states[file] : FileState::normal;
    }
};

// Where the root keeps rpm's database: a directory that has one, else the one that the root's own
// rpm is configured for, else where most distributions have it.
Result<std::string> database_dir(Root& root);

class RpmDatabase {
  public:
    enum class Access { read, write };
    // write: takes rpm's lock, and makes a new database where there is none. A database of another
    // kind (Berkeley DB, ndb) is refused.
    // later: the lock only; make_ready() does the rest.
    enum class Tables { now, later };
    static Result<std::unique_ptr<RpmDatabase>> open(Root& root, Access access,
                                                     Tables tables = Tables::now);
    Status make_ready();
    ~RpmDatabase();

    const std::string& dir() const { return dir_; }
    // Is there a database in the root?
    static Result<bool> exists(Root& root);
    struct Row {
        uint32_t transaction_id = 0;
        std::string name;
    };
    // Of the database in any directory of the root, by number. Takes no lock.
    static Result<std::map<uint64_t, Row>> rows_in(Root& root, const std::string& dir);

    // By number.
    Result<std::vector<Installed>> all();
    Result<Installed> get(uint64_t number);
    // Numbers of packages, ascending, each once.
    Result<std::vector<uint64_t>> by_name(const std::string& name);
    Result<std::vector<uint64_t>> by_provide(const std::string& name);
    Result<std::vector<uint64_t>> by_file(const std::string& path);

    // Gives the package's number.
    Result<uint64_t> add(const std::string& blob);
    Status remove(uint64_t number);

    // All in the one file, with nothing beside it: what a checkpoint copies.
    Status fold();

  private:
    struct Close {
        void operator()(sqlite3* db) const;
    };

    explicit RpmDatabase(Root& root) : root_(root) {}
    Status attach();
    Status take_lock();
    Status make_tables();
    Result<std::vector<uint64_t>> numbers(const char* table, const std::string& key);
    static Result<Installed> from_blob(uint64_t number, std::string_view blob);

    Root& root_;
    std::string dir_;
    Access access_ = Access::read;
    Fd lock_, folder_;
    std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace tenon::pkg::rpm
