// Which packages came only because others need them: /var/lib/apt/extended_states, apt's own file,
// so that both tools agree.  Spec: apt-mark(8).
#pragma once

#include <string>
#include <vector>

#include "pkg/lib/database.h"
#include "pkg/lib/deb822.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::apt {

class Marks {
  public:
    static Result<Marks> load(Root& root, const std::string& native_arch);
    bool is_automatic(const Package& p) const;
    void set_automatic(const Package& p, bool automatic);
    // Forgets what is no longer installed and writes the file if anything has changed.
    Status save(Root& root, Database& db);

  private:
    // A package of all architectures stands under the native one, as apt has it.
    std::string arch_of(const Package& p) const { return p.arch == "all" ? native_arch_ : p.arch; }
    std::string native_arch_;
    std::vector<Stanza> stanzas_;
    bool changed_ = false;
};

}  // namespace tenon::pkg::apt
