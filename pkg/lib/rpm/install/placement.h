// Where the files of an .rpm go: as Fates has decided.
#pragma once

#include "pkg/lib/extract.h"
#include "pkg/lib/rpm/install/element.h"

namespace tenon::pkg::rpm {

inline constexpr const char* kNewSuffix = ".rpmnew";
inline constexpr const char* kSaveSuffix = ".rpmsave";
inline constexpr const char* kOriginalSuffix = ".rpmorig";

// The package's files, in its own order; of hard links the first one has the contents.
Result<std::vector<PlannedFile>> planned_files(const Package& package);

class RpmPlacement final : public Placement {
  public:
    RpmPlacement(Root& root, const Element& element, const Accounts& accounts)
        : root_(root), element_(element), accounts_(accounts) {}

    const char* new_suffix() const override { return ";pkg-new"; }
    const char* old_suffix() const override { return ";pkg-old"; }
    Result<std::optional<std::string>> place_of(size_t i, const PlannedFile& f) override;
    Status check_owner(const PlannedFile&, const Found&) override { return {}; }
    void adjust_owner(const PlannedFile& f, uid_t& uid, gid_t& gid, mode_t& mode) override;
    bool takes_over_directory(const PlannedFile&) override { return true; }
    // For a redo that fails: nothing of it is taken away then.
    bool was_ours(const std::string&) override { return true; }

  private:
    Root& root_;
    const Element& element_;
    const Accounts& accounts_;
};

}  // namespace tenon::pkg::rpm
