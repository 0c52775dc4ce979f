// For builds without SQLite: the static pkg of the minimal image.
#include "pkg/lib/rpm/installer.h"

#include "pkg/lib/rpm/install/checkpoint.h"

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

Result<Report> resume(Root&, const InstallOptions&) {
    return absent();
}

Result<bool> is_interrupted(Root& root) {
    return Transaction::is_pending(root, kRpmTransaction);
}

Result<std::vector<Installed>> installed(Root&) {
    return absent();
}

Result<bool> has_database(Root&) {
    return absent();
}

std::function<bool(const Relation&)> provided_around(Root&, Root&, const std::vector<Installed>&) {
    return {};
}

bool is_named(const Package&, std::string_view) {
    return false;
}

Result<std::vector<Fault>> verify(Root&, const Installed&) {
    return absent();
}

Result<bool> drop_empty_database(Root&) {
    return absent();
}

}  // namespace tenon::pkg::rpm
