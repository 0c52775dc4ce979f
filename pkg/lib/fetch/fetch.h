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

#include "pkg/lib/fetch/http.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"
#include "pkg/lib/root.h"

namespace tenon::pkg {

inline constexpr const char* kArchives = "/var/cache/pkg/archives";

// What a file must be, byte for byte.
struct Expected {
    uint64_t size_bytes = 0;
    HashAlgorithm algorithm = HashAlgorithm::sha256;
    std::string digest_hex;
};

struct Download {
    std::string uri;
    std::string name;  // of the file in the cache, without a slash
    std::string what;  // in messages
    Expected expected;
    // Where more is promised, or something else than a digest of the whole file (digest_hex is
    // empty then): an error unless the file at this path is as promised. Size and digest are
    // compared before.
    std::function<Status(const std::string& path)> check = {};
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

// The path that a file: or copy: URI names; nullopt for any other. %XX is undone.
std::optional<std::string> local_path(const std::string& uri);
// A path as it stands in a URI: what a URI cannot hold becomes %XX.
std::string uri_escaped(std::string_view path);

}  // namespace tenon::pkg
