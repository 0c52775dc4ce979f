// For builds without an http client.
#include "pkg/lib/fetch/http.h"

namespace tenon::pkg {

Result<std::unique_ptr<HttpClient>> make_http_client() {
    return fail("this pkg was built without an http client; use file: or copy:");
}

}  // namespace tenon::pkg
