// For builds without libsolv: the static pkg of the minimal image.
#include "pkg/lib/solver/apk_solver.h"
#include "pkg/lib/solver/rpm_solver.h"
#include "pkg/lib/solver/solver.h"

namespace tenon::pkg::solver {

bool present() {
    return false;
}

Result<Answer> solve(Database&, const apt::Available&, const std::vector<uint32_t>&,
                     const Request&) {
    return fail("this pkg was built without the solver: it installs .deb files, not names");
}

Result<ApkAnswer> solve_apk(const ApkSystem&, const ApkRequest&) {
    return fail("this pkg was built without the solver: it installs .apk files, not names");
}

Result<RpmAnswer> solve_rpm(const RpmSystem&, const RpmRequest&) {
    return fail("this pkg was built without the solver: it installs .rpm files, not names");
}

}  // namespace tenon::pkg::solver
