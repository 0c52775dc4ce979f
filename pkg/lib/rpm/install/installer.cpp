#include "pkg/lib/rpm/installer.h"

#include <algorithm>
#include <functional>
#include <memory>

#include "pkg/lib/rpm/install/checkpoint.h"
#include "pkg/lib/rpm/install/run.h"
#include "pkg/lib/rpm/install/world.h"

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

Result<bool> has_database(Root& root) {
    return RpmDatabase::exists(root);
}

std::function<bool(const Relation&)> provided_around(Root& around, Root& prefix,
                                                     const std::vector<Installed>& inside) {
    struct Knowledge {
        Knowledge(Root& outer, Root& inner, const std::vector<const Package*>& packages)
            : surroundings(outer), keys(inner), world(packages, keys) {}
        Surroundings surroundings;
        PlaceKeys keys;
        World world;
    };
    std::vector<const Package*> packages;
    for (const Installed& p : inside) packages.push_back(&p.package);
    auto known = std::make_shared<Knowledge>(around, prefix, packages);
    return
        [known](const Relation& need) { return !known->surroundings.refusal(need, known->world); };
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
