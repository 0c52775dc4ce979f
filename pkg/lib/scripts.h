// Runs maintainer scripts inside the root.  Spec: Debian Policy 6.1, dpkg(1) "environment".
#pragma once

#include <string>
#include <vector>

#include "pkg/lib/database.h"
#include "pkg/lib/package.h"

namespace tenon::pkg {

enum class ScriptResult { absent, ran };

class ScriptRunner {
  public:
    explicit ScriptRunner(Root& root, Database& db) : root_(root), db_(db) {}

    // `path` is the script's path inside the root. A failing script is an error that says how it
    // ended. The caller makes the package's state durable before.
    Result<ScriptResult> run(const Package& p, const std::string& path, const std::string& kind,
                             const std::vector<std::string>& args);

  private:
    Status prepare_tools();

    Root& root_;
    Database& db_;
    std::string extra_path_;
};

}  // namespace tenon::pkg
