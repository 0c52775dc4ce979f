// rpm's database in a checkpoint: one file, which SQLite writes in place, so it is copied.
#pragma once

#include "pkg/lib/rpm/install/database.h"
#include "pkg/lib/transaction.h"

namespace tenon::pkg::rpm {

class RpmCheckpoint final : public Checkpoint {
  public:
    // Null: for what needs the files only, is_ours() and restore().
    // `removes`: the numbers of packages that the transaction takes out of the database.
    RpmCheckpoint(RpmDatabase* db, uint32_t tid, std::vector<uint64_t> removes)
        : db_(db), tid_(tid), removes_(std::move(removes)) {}

    const char* family() const override { return "rpm"; }
    Status copy(Root& root, const std::string& gen) override;
    Status adopt(Root&, const std::string&, bool) override { return {}; }
    Result<bool> is_ours(Root& root, const std::string& gen) const override;
    Status restore(Root& root, const std::string& gen) const override;

  private:
    RpmDatabase* db_;
    uint32_t tid_;
    std::vector<uint64_t> removes_;
};

}  // namespace tenon::pkg::rpm
