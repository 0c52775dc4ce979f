// The contents of one package, decompressed once, beside the root's files and out of everybody's
// way: what make_plan() reads and checks is written here at the same time, so that an unpack is
// only renames. Each regular file of the plan is f<INDEX>, with its owner, mode and time.
#pragma once

#include <string>

#include "pkg/lib/overrides.h"
#include "pkg/lib/plan.h"
#include "pkg/lib/root.h"

namespace tenon::pkg {

// Of a file that is complete and has its owner: a change of owner takes capabilities away.
Status set_xattrs(int fd, const TarEntry& e);

class Stage final : public ContentSink {
  public:
    // Makes `dir`, a path in the root.
    static Result<Stage> create(Root& root, const std::string& dir);
    Stage(Stage&&) = default;

    Status begin(size_t index, const TarEntry& entry) override;
    Status write(const char* data, size_t len_bytes) override;
    Status end() override;

    static std::string content(const std::string& dir, size_t index);
    // The list of files, of any family.
    static Status save_files(Root& root, const std::string& dir,
                             const std::vector<PlannedFile>& files);
    static Result<std::vector<PlannedFile>> load_files(Root& root, const std::string& dir);
    // Control files and plan, enough to go on without the .deb.
    static Status save(Root& root, const std::string& dir, const DebFile& deb, const Plan& plan);
    struct Loaded {
        DebFile deb;
        Plan plan;
    };
    static Result<Loaded> load(Root& root, const std::string& dir);

  private:
    Stage() = default;

    Fd dir_, file_;
    Accounts accounts_;
    std::string shown_;
    TarEntry entry_;
    bool as_root_ = false;
};

}  // namespace tenon::pkg
