// dpkg's database, read and written in dpkg's own format, so that both tools can take turns.
//
// /var/lib/dpkg/status holds one stanza a package. A change of state is first appended as a small
// numbered file in updates/ (note()), because rewriting the whole status file at each step of each
// package would be slow; checkpoint() folds them in and deletes them. Whoever opens the database
// reads status, then updates/ in order. Both are written beside, synced and renamed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/fd.h"
#include "pkg/lib/file_index.h"
#include "pkg/lib/overrides.h"
#include "pkg/lib/package.h"
#include "pkg/lib/root.h"

namespace tenon::pkg {

inline constexpr const char* kAdminDir = "/var/lib/dpkg";

enum class Access { read, write };

class Database {
  public:
    // Access::write takes dpkg's two locks (fcntl, as dpkg and apt do) and makes a new database
    // where there is none.
    static Result<std::unique_ptr<Database>> open(Root& root, Access access);

    Root& root() { return root_; }
    const std::string& native_arch() const { return native_arch_; }
    bool knows_arch(std::string_view arch) const;
    // The native architecture, then the foreign ones.
    std::vector<std::string> archs() const;

    // The instance of `name` that a user means: native first, then "all", then any that is there.
    Package* find(std::string_view name);
    Package* find(std::string_view name, std::string_view arch);
    // "name" or "name:arch".
    Package* find_spec(std::string_view spec);
    std::vector<Package*> instances(std::string_view name);
    Package& add(const std::string& name, const std::string& arch);
    // An upgrade from a real architecture to "all" or back: the same package under a new key.
    Package& change_arch(Package& p, const std::string& arch);
    // Sorted by name, then architecture.
    std::vector<Package*> packages();

    // Records the state of one package; durably, unless a transaction is under way.
    Status note(const Package& p);
    Status checkpoint();
    // What checkpoint() would write.
    std::string status_text();
    // A transaction has put status_text() into its place.
    Status drop_folded_updates();
    // note() folds by itself where no transaction does.
    void leave_folding_to_transaction(bool on) { folds_itself_ = !on; }
    unsigned unfolded_updates() const { return next_update_; }
    // An earlier run was interrupted, and the database is set back to where it goes on.
    bool interrupted() const { return interrupted_; }
    void set_resumed() { interrupted_ = false; }

    std::string info_path(const Package& p, std::string_view kind) const;
    Result<std::vector<std::string>> read_list(const Package& p);
    Status write_list(const Package& p, const std::vector<std::string>& paths);
    // The names of all files in info/ that belong to `p`: "list", "postinst", ...
    Result<std::vector<std::string>> info_kinds(const Package& p);

    // The stem of info files depends on Multi-Arch: when `now` has another one than `before`, the
    // old files go.
    Status drop_info_if_renamed(const Package& before, const Package& now);

    // Which package has which path. Loaded at first use.
    Result<FileIndex*> file_index();
    Overrides& overrides() { return overrides_; }

  private:
    explicit Database(Root& root) : root_(root) {}
    Status take_locks();
    Status make_layout();
    Status load();
    Status apply(std::string_view text, const std::string& where);

    Root& root_;
    Access access_ = Access::read;
    Fd frontend_lock_, lock_;
    std::string native_arch_;
    std::vector<std::string> foreign_archs_;
    std::map<std::pair<std::string, std::string>, std::unique_ptr<Package>, std::less<>> packages_;
    unsigned next_update_ = 0;
    bool folds_itself_ = true, interrupted_ = false;
    std::unique_ptr<FileIndex> index_;
    Overrides overrides_;
};

}  // namespace tenon::pkg
