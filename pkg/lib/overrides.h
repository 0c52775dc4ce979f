// What the administrator decided against the packages: diversions (another place for a file) and
// statoverrides (another owner and mode).  Spec: dpkg-divert(1), dpkg-statoverride(1).
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/root.h"

namespace tenon::pkg {

struct Diversion {
    std::string from, to;
    std::string package;  // may keep its file at `from`; ":" for a local diversion
};

struct StatOverride {
    uid_t uid;
    gid_t gid;
    mode_t mode;
};

class Overrides {
  public:
    Status load(Root& root);
    // Where `package`'s file `path` really lives.
    std::string divert(std::string_view path, std::string_view package) const;
    const Diversion* diversion_from(std::string_view path) const;
    const Diversion* diversion_to(std::string_view path) const;
    const StatOverride* stat_override(std::string_view path) const;
    const std::vector<Diversion>& diversions() const { return diversions_; }

  private:
    std::vector<Diversion> diversions_;
    std::map<std::string, StatOverride, std::less<>> stats_;
};

// The number of a user or group in the root's own /etc/passwd or /etc/group, not the host's.
class Accounts {
  public:
    Status load(Root& root);
    std::optional<uid_t> user(const std::string& name) const;
    std::optional<gid_t> group(const std::string& name) const;

  private:
    std::map<std::string, unsigned> users_, groups_;
};

}  // namespace tenon::pkg
