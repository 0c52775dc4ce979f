// The door to http and https, which a build may have (http/curl.cpp) or not (http/absent.cpp).
#pragma once

#include <stdint.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/lib/fd.h"
#include "pkg/lib/result.h"

namespace tenon::pkg {

// One file.
struct HttpJob {
    std::string uri;
    // Read and write. What is in it already is gone on with, unless the server cannot do that.
    Fd file;
    uint64_t size_bytes = 0;  // what is expected; 0 when it is not known
    uint64_t max_bytes = 0;   // more is an error
    // Out:
    Status status;
    bool not_found = false;  // 404 or 410
    bool resumed = false;    // a part of it is from an earlier run
};

class HttpClient {
  public:
    virtual ~HttpClient() = default;
    // Several at once, each tried again when the connection breaks. `progress`, which may be
    // empty: bytes of all jobs that are here, and that there will be.
    virtual void run(std::vector<HttpJob>& jobs,
                     const std::function<void(uint64_t, uint64_t)>& progress) = 0;
};

// An error when this build has none, or its library is not there.
Result<std::unique_ptr<HttpClient>> make_http_client();

}  // namespace tenon::pkg
