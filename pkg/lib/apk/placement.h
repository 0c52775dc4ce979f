// Where an .apk's files go: whose they are, and what is protected.
//
// Below a protected directory (/etc, and what etc/apk/protected_paths.d says) a file that its user
// changed stays, and the package's is put beside it as NAME.apk-new; one that is the package's
// already stays, too. A file of another package is taken over when this one replaces it, has the
// same origin, or the other one goes or has it no more.
#pragma once

#include <functional>

#include "pkg/lib/apk/database.h"
#include "pkg/lib/extract.h"

namespace tenon::pkg::apk {

// Which directories are protected.  Spec: apk-protected_paths(5).
class ProtectedPaths {
  public:
    static Result<ProtectedPaths> load(Root& root);
    // Of "/etc/x/file".
    bool covers(std::string_view path) const;

  private:
    struct Rule {
        std::vector<std::string> parts;  // globs, a directory each
        bool on = true;
    };
    void add(std::string_view line);
    std::vector<Rule> rules_;
};

// The digest that the database would hold of what is there now; a link's is that of its target.
// Empty when nothing is there or it is neither.
Result<std::string> digest_on_disk(Root& root, const std::string& path, bool sha256);

class ApkPlacement final : public Placement {
  public:
    // `package` knows its directories and files (records_of). `gone` says whether a package of the
    // database leaves the file in this transaction.
    using Gone = std::function<bool(const Installed&, const std::string& path)>;
    ApkPlacement(Root& root, const Database& db, const ProtectedPaths& paths,
                 const Installed& package, Gone gone)
        : root_(root), db_(db), paths_(paths), package_(package), gone_(std::move(gone)) {}

    const char* new_suffix() const override { return ".pkg-new"; }
    const char* old_suffix() const override { return ".pkg-tmp"; }
    Result<std::optional<std::string>> place_of(size_t i, const PlannedFile& f) override;
    Status check_owner(const PlannedFile& f, const Found& found) override;
    void adjust_owner(const PlannedFile&, uid_t&, gid_t&, mode_t&) override {}
    bool takes_over_directory(const PlannedFile& f) override;
    bool was_ours(const std::string& path) override;

    // A more important package has the file: this one does without.
    bool is_left_out(const std::string& path) const;

  private:
    enum class Right { ours, theirs, unclear };
    Right right_to(const std::string& path) const;
    // What the package's own record says: of a hard link, what it is linked to.
    std::string digest_of(const std::string& path) const;

    Root& root_;
    const Database& db_;
    const ProtectedPaths& paths_;
    const Installed& package_;
    Gone gone_;
};

// What the database will say of these files, in apk's order: directories as they come, each with
// its files. `left_out` are not among them.
std::vector<DirRecord> records_of(const std::vector<PlannedFile>& files, const Accounts& accounts,
                                  bool sha256,
                                  const std::function<bool(const std::string&)>& left_out);

}  // namespace tenon::pkg::apk
