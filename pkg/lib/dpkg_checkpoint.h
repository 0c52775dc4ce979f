// dpkg's database in a checkpoint: status, info/ and triggers/. updates/ is folded into status.
#pragma once

#include "pkg/lib/transaction.h"

namespace tenon::pkg {

class Database;

class DpkgCheckpoint final : public Checkpoint {
  public:
    // Null: for what needs the files only, is_ours() and restore().
    explicit DpkgCheckpoint(Database* db) : db_(db) {}

    std::string directory() const override { return kTransaction; }
    Status copy(Root& root, const std::string& gen) override;
    Status adopt(Root& root, const std::string& gen, bool first) override;
    Result<bool> is_ours(Root& root, const std::string& gen) const override;
    Status restore(Root& root, const std::string& gen) const override;

  private:
    Database* db_;
};

}  // namespace tenon::pkg
