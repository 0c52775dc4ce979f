// Where packages come from: /etc/apt/sources.list, sources.list.d/*.list and *.sources.
// Spec: sources.list(5).
//
// Lines and stanzas are read as apt reads them, and expanded: one Source is one URI with one suite.
// What is for source packages only (deb-src) is passed by.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/result.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::apt {

struct Source {
    std::string uri;    // ends in a slash
    std::string suite;  // ends in a slash when the repository is flat
    std::vector<std::string> components;
    // Empty: the root's own. "all" is always looked at.
    std::vector<std::string> architectures;
    // What Signed-By says: absolute paths, fingerprints, or one key block. Empty: every trusted
    // key.
    std::string signed_by;
    // yes: signatures are not looked at; no: the repository counts only when it is signed.
    std::optional<bool> trusted;
    bool by_hash = true;
    bool check_valid_until = true;
    std::string where;  // "FILE:LINE"

    bool is_flat() const { return suite.ends_with('/'); }
    // The directory that Release lies in, with a slash at its end.
    std::string release_uri() const;
    // A file name for what is kept of it, made as apt makes it: "HOST_PATH_dists_SUITE_".
    std::string list_name() const;
};

// `text` of the file `name`; `arch` takes the place of $(ARCH).
Result<std::vector<Source>> parse_one_line_sources(std::string_view text, const std::string& name,
                                                   const std::string& arch);
Result<std::vector<Source>> parse_deb822_sources(std::string_view text, const std::string& name,
                                                 const std::string& arch);
// All of a root, in apt's order. One that appears twice counts once.
Result<std::vector<Source>> read_sources(Root& root, const std::string& arch);

}  // namespace tenon::pkg::apt
