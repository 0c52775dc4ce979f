// The door to http and https, which a build may have (http/curl.cpp) or not (http/absent.cpp).
#pragma once

#include <stdint.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pkg/lib/result.h"

namespace tenon::pkg::apt {

// One file. What `partial` holds already is gone on with.
struct HttpJob {
    std::string uri;
    std::string partial;      // for open(2)
    uint64_t size_bytes = 0;  // what is expected, 0 when it is not known
    uint64_t max_bytes = 0;   // more is an error
    Status status;            // out
    bool not_found = false;   // out: 404 or 410
};

class HttpClient {
  public:
    virtual ~HttpClient() = default;
    // Several at once. `progress`: bytes that came in this run, and of how many.
    virtual void run(std::vector<HttpJob>& jobs,
                     const std::function<void(uint64_t, uint64_t)>& progress) = 0;
};

// An error when this build has none.
Result<std::unique_ptr<HttpClient>> make_http_client();

}  // namespace tenon::pkg::apt
