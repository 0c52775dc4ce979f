#include "pkg/lib/rpm/installer.h"

#include <algorithm>

#include "pkg/lib/rpm/install/checkpoint.h"
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

Result<Report> resume(Root& root, const InstallOptions& options) {
    Run run(root, options);
    TRY(run.open());
    return run.take_report();
}

Result<bool> is_interrupted(Root& root) {
    return Transaction::is_pending(root, kRpmTransaction);
}

Result<std::vector<Installed>> installed(Root& root) {
    TRY_SET(auto db, RpmDatabase::open(root, RpmDatabase::Access::read));
    TRY_SET(auto all, db->all());
    std::stable_sort(all.begin(), all.end(), [](const Installed& a, const Installed& b) {
        return a.package.name < b.package.name;
    });
    return all;
}

bool is_named(const Package& p, std::string_view word) {
    std::string version = p.name + "-" + p.evr.version, release = version + "-" + p.evr.release;
    for (const std::string& form : {p.name, version, release})
        if (word == form || word == form + "." + p.arch) return true;
    return false;
}

Result<bool> drop_empty_database(Root& root) {
    TRY_SET(bool there, RpmDatabase::exists(root));
    if (!there) return true;
    TRY_SET(auto db, RpmDatabase::open(root, RpmDatabase::Access::write));
    TRY_SET(auto all, db->all());
    if (!all.empty()) return false;
    for (std::string dir = db->dir(); !dir.empty(); dir.resize(dir.rfind('/'))) {
        if (dir == db->dir()) TRY(root.remove_tree(dir));
        (void)root.rmdir(dir);
    }
    return true;
}

}  // namespace tenon::pkg::rpm
