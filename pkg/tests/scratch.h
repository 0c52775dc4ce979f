// A scratch root below a temporary directory, gone at the end of the test.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

#include "pkg/lib/engine.h"
#include "pkg/tests/deb_builder.h"
#include "pkg/tests/host_tools.h"

namespace tenon::pkg::test {

class Scratch {
  public:
    Scratch();
    ~Scratch();
    // Where things beside the root may lie; the root itself is dir() + "/root".
    const std::string& dir() const { return dir_; }
    std::string root_dir() const { return dir_ + "/root"; }
    // A shell for scripts: Debian's static busybox. False when it is not there or we are not root.
    bool add_shell();

    std::string deb(const std::string& name, const DebSpec& spec) {
        return write_temp(dir_, name + ".deb", deb_of(spec));
    }
    // Runs an engine on the root and closes it as the command does.
    Status with_engine(const std::function<Status(Engine&, Database&)>& action,
                       EngineOptions options = {});
    Status install(const std::vector<std::string>& debs, EngineOptions options = {});
    Status remove(const std::vector<std::string>& names, Purge purge);
    std::string state(const std::string& name);

  private:
    std::string dir_;
};

// Everything below `dir`: path -> type, mode, owner, target or contents' digest.
std::map<std::string, std::string> snapshot(const std::string& dir);

}  // namespace tenon::pkg::test
