// rpm's database in a checkpoint: one file, which SQLite writes in place, so it is copied.
#pragma once

#include "pkg/lib/rpm/install/database.h"
#include "pkg/lib/transaction.h"

namespace tenon::pkg::rpm {

inline constexpr const char* kRpmTransaction = "/var/lib/pkg/rpm";

class RpmCheckpoint final : public Checkpoint {
  public:
    // Null: for what needs the files only, is_ours() and restore().
    struct Changes {
        uint32_t tid = 0;
        std::vector<std::string> adds;  // names of packages
        std::vector<uint64_t> removes;  // numbers
    };
    RpmCheckpoint(RpmDatabase* db, Changes changes) : db_(db), changes_(std::move(changes)) {}

    std::string directory() const override { return kRpmTransaction; }
    Status copy(Root& root, const std::string& gen) override;
    Status adopt(Root&, const std::string&, bool) override { return {}; }
    Result<bool> is_ours(Root& root, const std::string& gen) const override;
    Status restore(Root& root, const std::string& gen) const override;

  private:
    RpmDatabase* db_;
    Changes changes_;
};

}  // namespace tenon::pkg::rpm
