// Getting the files of a repository here, whole and as they were promised.
//
// file: is read where it lies, copy: is copied, http: and https: are fetched by a client that the
// build may have or not (http.h). What arrives in the cache lies in partial/ until its size and
// digest are right; a name without partial/ is therefore always a good file, and one that is
// already there is not fetched again. What lies in partial/ after a run that ended early is gone on
// with.
#pragma once

#include <stdint.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pkg/lib/apt/http.h"
#include "pkg/lib/apt/release.h"
#include "pkg/lib/result.h"
#include "pkg/lib/root.h"

namespace tenon::pkg::apt {

inline constexpr const char* kArchives = "/var/cache/pkg/archives";

struct Download {
    std::string uri;
    std::string name;  // of the file in the cache, without a slash
    std::string what;  // in messages
    Expected expected;
    std::string path;  // out: where the good file lies, for open(2)
};

class Fetcher {
  public:
    explicit Fetcher(Root& root) : root_(root) {}

    // A small file, in memory. nullopt when it is not there.
    Result<std::optional<std::string>> read(const std::string& uri, size_t max_bytes);
    // A path for open(2) of a file that is read once and then no longer needed; nothing is checked.
    // nullopt when it is not there. `scratch`: a path in the root where it may be put.
    Result<std::optional<std::string>> bring(const std::string& uri, const Expected* expected,
                                             const std::string& scratch);
    // All of them, or an error that names each that failed; the good ones stay in the cache.
    Status get(std::vector<Download>& downloads);
    // How much of them is not here yet.
    uint64_t bytes_to_fetch(const std::vector<Download>& downloads);

  private:
    std::string host_path(const std::string& in_root) const;
    Result<HttpClient*> http(const std::string& uri);
    // Of the file at `path` in the root, which is made when it is not there.
    Result<Fd> open_partial(const std::string& path);
    Status get_local(Download& d);
    Status get_http(std::vector<Download*> downloads, std::vector<std::string>& problems);
    Status settle(Download& d);
    bool in_cache(Download& d);

    Root& root_;
    std::unique_ptr<HttpClient> http_;
};

// An error unless the plain file at `path` has this size and digest.
Status check_file(const std::string& path, const Expected& expected);
// The path that a file: or copy: URI names; nullopt for any other. %XX is undone.
std::optional<std::string> local_path(const std::string& uri);

}  // namespace tenon::pkg::apt
