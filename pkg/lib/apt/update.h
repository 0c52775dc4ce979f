// Bringing a repository's lists up to date, and reading them back.
//
// Theory. What counts is the chain: a trusted key signs Release; Release names the digests of the
// Packages files; those name the digests of the .debs. A Release is accepted when its signature is
// good, it has not expired, it is not from the future, and it is not older than the one that was
// accepted last (somebody could serve yesterday's repository, with yesterday's holes, for ever).
//
// /var/lib/pkg/lists holds, for each source, the Release that was accepted and an index for each
// Packages file, named by the digest of what it was made from. The indexes are written first, then
// Release in one rename, then what no Release names any more goes: an update that is refused or cut
// short leaves the old lists.
#pragma once

#include <string>
#include <vector>

#include "pkg/lib/apt/index.h"
#include "pkg/lib/apt/release.h"
#include "pkg/lib/apt/sources.h"
#include "pkg/lib/fetch/fetch.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::apt {

inline constexpr const char* kLists = "/var/lib/pkg/lists";

struct UpdateReport {
    std::string signer;  // empty when the source is marked as trusted
    bool unchanged = false;
    size_t packages = 0;
    std::vector<std::string> warnings;
};

// `archs`: the root's, native first. `now` in seconds since 1970.
Result<UpdateReport> update_source(Root& root, Fetcher& fetcher, const Source& source,
                                   const std::vector<std::string>& archs, int64_t now);
// Lists of sources that are no longer configured go.
Status prune_lists(Root& root, const std::vector<Source>& sources,
                   const std::vector<std::string>& archs);

// One accepted repository.
struct Origin {
    Source source;
    Release release;
    std::string base_uri;  // what Filename hangs on
    int priority = 500;
};

// All that is known of what could be installed.
struct Available {
    std::vector<Origin> origins;
    Catalog catalog;
    std::vector<std::string> never_updated;  // sources without a list, as "URI SUITE"
};

// Call catalog.finish() when nothing more is added.
Result<std::unique_ptr<Available>> load_lists(Root& root, const std::vector<Source>& sources,
                                              const std::vector<std::string>& archs);
// Every .deb of a directory, as an origin of its own with a priority above every repository's.
Status add_directory(Available& available, const std::string& directory);
// These .deb files, likewise; Filename is the path.
Status add_files(Available& available, const std::vector<std::string>& paths);

// Of a package's file in kArchives.
std::string cache_name(std::string_view name, std::string_view version, std::string_view arch);
// Where a package's file is.
Download download_of(const Available& available, const Record& record);

}  // namespace tenon::pkg::apt
