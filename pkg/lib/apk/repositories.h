// Where Alpine's packages come from: /etc/apk/repositories, and the indexes of what it names.
// Spec: apk-repositories(5), apk-index(8), apk-mkndx(8).
//
// An index is kept as it came, with its signature, below kIndexes: it is judged before it takes the
// place of the one before, and again by the keys of the day each time that it is read. What an
// index says of a package (its size, the checksum of its metadata, which in turn has that of its
// files) is what the package has to be; the index's signature therefore covers the packages, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/apk/keys.h"
#include "pkg/lib/apk/package.h"
#include "pkg/lib/fetch/fetch.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::apk {

inline constexpr const char* kIndexes = "/var/cache/pkg/indexes";

struct Repository {
    // any: ARCH/APKINDEX.tar.gz or, where that is not, ARCH/Packages.adb. index: `uri` is the
    // index's own.
    enum class Layout { any, v2, v3, index };
    Layout layout = Layout::any;
    std::string uri;    // of http:, https: or file:, without a slash at its end
    std::string tag;    // "edge" of "@edge"; empty: none
    std::string where;  // "FILE:LINE"

    std::string str() const { return (tag.empty() ? "" : "@" + tag + " ") + uri; }
    // Where its index for an architecture may be, the first that is there counts.
    std::vector<std::string> index_uris(const std::string& arch) const;
};

// `text` of the file `name`.
Result<std::vector<Repository>> parse_repositories(std::string_view text, const std::string& name);
// /etc/apk/repositories and repositories.d/*.list, in their order.
Result<std::vector<Repository>> read_repositories(Root& root);

struct IndexReport {
    size_t packages = 0;
    bool unchanged = false;
    std::string signer;  // empty: nobody who is trusted, and that was allowed
};

// Fetches the index of one repository for `archs`, the first of which it must have, judges it and
// keeps it in `cache`. An error leaves what was kept before.
Result<IndexReport> update_repository(Root& cache, Fetcher& fetcher, const Repository& repository,
                                      const std::vector<std::string>& archs, const KeyRing& keys,
                                      bool allow_untrusted);
// Removes kept indexes that belong to none of the repositories.
Status prune_indexes(Root& cache, const std::vector<Repository>& repositories,
                     const std::vector<std::string>& archs);

// A kept index.
struct Index {
    Repository repository;
    std::string base_uri;  // of its packages, with a slash at its end
    std::vector<Package> packages;
};
struct Indexes {
    std::vector<Index> list;  // in the order of the repositories
    // What is not there, and why, as sentences.
    std::vector<std::string> missing;
};
Result<Indexes> load_indexes(Root& cache, const std::vector<Repository>& repositories,
                             const std::vector<std::string>& archs, const KeyRing& keys,
                             bool allow_untrusted);

// The file of a package of an index, checked whole when it has arrived. `keys` must outlive it.
Result<Download> download_of(const Index& index, const Package& package, const KeyRing& keys);

}  // namespace tenon::pkg::apk
