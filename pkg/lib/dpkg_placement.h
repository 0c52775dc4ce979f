// Where a .deb's files go: diversions, statoverrides, conffiles behind links, and whose files may
// be replaced.  Spec: Debian Policy 7.6.1, 10.7, dpkg-divert(1), dpkg-statoverride(1).
#pragma once

#include "pkg/lib/database.h"
#include "pkg/lib/extract.h"

namespace tenon::pkg {

class DpkgPlacement final : public Placement {
  public:
    DpkgPlacement(Database& db, const Package& package) : db_(db), package_(package) {}

    const char* new_suffix() const override { return ".dpkg-new"; }
    const char* old_suffix() const override { return ".dpkg-tmp"; }
    Result<std::optional<std::string>> place_of(size_t i, const PlannedFile& f) override;
    Status check_owner(const PlannedFile& f, const Found& found) override;
    void adjust_owner(const PlannedFile& f, uid_t& uid, gid_t& gid, mode_t& mode) override;
    bool takes_over_directory(const PlannedFile&) override { return false; }
    bool was_ours(const std::string& path) override;

  private:
    Database& db_;
    const Package& package_;
};

}  // namespace tenon::pkg
