// For builds without SQLite: the static pkg of the minimal image.
#include "pkg/lib/rpm/installer.h"

namespace tenon::pkg::rpm {

static std::unexpected<Error> absent() {
    return fail("this pkg was built without SQLite, and cannot work with rpm's database");
}

bool present() {
    return false;
}

Result<Report> install(Root&, const std::vector<std::string>&, const InstallOptions&) {
    return absent();
}

Result<Report> erase(Root&, const std::vector<std::string>&, const InstallOptions&) {
    return absent();
}

Result<Report> resume(Root&) {
    return absent();
}

Result<std::vector<InstalledSummary>> installed(Root&) {
    return absent();
}

}  // namespace tenon::pkg::rpm
