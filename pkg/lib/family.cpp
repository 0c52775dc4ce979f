#include "pkg/lib/family.h"

#include "pkg/lib/text.h"

namespace tenon::pkg {

Result<Family> family_of(Root& root) {
    TRY_SET(auto status, root.read_if_there("/var/lib/dpkg/status"));
    if (status && status->contains("Package:")) return Family::debian;
    TRY_SET(bool apk, root.exists("/lib/apk/db/installed"));
    return apk ? Family::alpine : Family::none;
}

void tidy_prefix(Root& root, const std::string& prefix) {
    for (std::string at = prefix; at.size() > 1; at.resize(at.rfind('/'))) {
        auto gone = root.rmdir(at);
        if (!gone) return;
    }
}

}  // namespace tenon::pkg
