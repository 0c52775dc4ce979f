// Runs the scripts of RPM packages inside the root.  Spec: rpm-scriptlets(7), rpm's
// docs/manual/triggers.md, file_triggers.md.
//
// A script's program is started in the root with the script's file and the instance counts as
// arguments; "<lua>" is run by this process's child itself. Standard input is empty, or the names
// of the files that set a file trigger off. What is printed is passed on and kept. A script that
// runs over the time limit is killed with everything that it started.
#pragma once

#include <string>
#include <vector>

#include "pkg/lib/root.h"
#include "pkg/lib/rpm/package.h"

namespace tenon::pkg::rpm {

struct ScriptCall {
    std::string what;  // "%post of foo-1-1.noarch"
    const Script* script = nullptr;
    std::vector<long> counts;
    std::string input;
    std::vector<std::string> prefixes;
};

struct ScriptOutput {
    std::string what, text;  // the last 64 KiB of what it printed
};

class ScriptHost {
  public:
    // `directory` of the root may be written by root only, and is where scripts lie while they run.
    ScriptHost(Root& root, std::string directory, unsigned limit_s)
        : root_(root), directory_(std::move(directory)), limit_s_(limit_s) {}

    // A failing script is an error that says how it ended.
    Status run(const ScriptCall& call);
    const std::vector<ScriptOutput>& outputs() const { return outputs_; }

    // Why the script could never be run; empty when it may.
    static std::string unsupported(const Script& script);

  private:
    Status wait(const std::string& what, int child, int output_fd, int report_fd);

    Root& root_;
    std::string directory_;
    unsigned limit_s_;
    std::vector<ScriptOutput> outputs_;
};

// <lua>, by the shared library of the system, looked for at first use.
namespace lua {
Status load();
// In the process whose root is the package's. Gives the exit status.
int run(const std::string& what, const std::string& body, const std::vector<std::string>& arguments,
        const std::vector<std::string>& prefixes);
}  // namespace lua

}  // namespace tenon::pkg::rpm
