#include "pkg/lib/rpm/installer.h"

#include <algorithm>

#include "pkg/lib/rpm/install/run.h"

namespace tenon::pkg::rpm {

bool present() {
    return true;
}

Result<Report> install(Root& root, const std::vector<std::string>& files,
                       const InstallOptions& options) {
    Run run(root, options);
    TRY(run.open());
    TRY(run.install(files));
    return run.take_report();
}

Result<Report> erase(Root& root, const std::vector<std::string>& names,
                     const InstallOptions& options) {
    Run run(root, options);
    TRY(run.open());
    TRY(run.erase(names));
    return run.take_report();
}

Result<Report> resume(Root& root) {
    Run run(root, {});
    TRY(run.open());
    return run.take_report();
}

Result<std::vector<InstalledSummary>> installed(Root& root) {
    TRY_SET(auto db, RpmDatabase::open(root, RpmDatabase::Access::read));
    TRY_SET(auto all, db->all());
    std::vector<InstalledSummary> out;
    for (const Installed& p : all) {
        InstalledSummary s{
            p.package.name, p.package.evr.str(), p.package.arch, p.package.summary, {}};
        for (const File& f : p.package.files) s.files.push_back(f.path);
        out.push_back(std::move(s));
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& a, const auto& b) { return a.name < b.name; });
    return out;
}

}  // namespace tenon::pkg::rpm
