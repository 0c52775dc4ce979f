// apk's database in a checkpoint: the files that apk/database names.
#pragma once

#include "pkg/lib/transaction.h"

namespace tenon::pkg::apk {

class Database;

inline constexpr const char* kApkTransaction = "/lib/apk/transaction";

class ApkCheckpoint final : public Checkpoint {
  public:
    // Null: for what needs the files only, is_ours() and restore().
    explicit ApkCheckpoint(const Database* db) : db_(db) {}

    std::string directory() const override { return kApkTransaction; }
    Status copy(Root& root, const std::string& gen) override;
    Status adopt(Root& root, const std::string& gen, bool first) override;
    Result<bool> is_ours(Root& root, const std::string& gen) const override;
    Status restore(Root& root, const std::string& gen) const override;

  private:
    const Database* db_;
};

}  // namespace tenon::pkg::apk
