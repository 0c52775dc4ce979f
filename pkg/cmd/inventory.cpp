#include "pkg/cmd/inventory.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/rpm_session.h"

namespace tenon::pkg {

Result<std::vector<Stocked>> inventory(const Options& o) {
    std::vector<Stocked> out;
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    for (const Package* p : db->packages())
        if (p->state != State::not_installed)
            out.push_back({"deb", p->display_name(), p->name, p->arch, p->version.str(),
                           to_string(p->state)});
    TRY_SET(ApkView apk, look_at_apk(o));
    if (apk.db)
        for (const apk::Installed* p : apk.db->packages())
            out.push_back({"apk", std::string(kApkPrefix) + p->package.name, p->package.name,
                           p->package.arch, p->package.version, "installed"});
    TRY_SET(RpmView rpms, look_at_rpm(o));
    for (const auto& p : rpms.packages)
        out.push_back({"rpm", std::string(kRpmWord) + p.package.name, p.package.name,
                       p.package.arch, p.package.evr.str(), "installed"});
    return out;
}

void report_changes(Report& report, const std::vector<Stocked>& before,
                    const std::vector<Stocked>& after) {
    // Of rpm's family several versions of one package may be there.
    using Key = std::tuple<std::string_view, std::string, std::string>;
    std::map<Key, std::pair<std::vector<const Stocked*>, std::vector<const Stocked*>>> by_name;
    auto add = [&](const std::vector<Stocked>& from, const std::vector<Stocked>& other,
                   bool is_after) {
        for (const Stocked& s : from) {
            if (std::find(other.begin(), other.end(), s) != other.end()) continue;
            auto& [old, now] = by_name[{s.family, s.name, s.arch}];
            (is_after ? now : old).push_back(&s);
        }
    };
    add(before, after, false);
    add(after, before, true);
    report.add_none("changes");
    for (const auto& [key, sides] : by_name) {
        const auto& [old, now] = sides;
        for (size_t i = 0; i < std::max(old.size(), now.size()); i++) {
            const Stocked* a = i < old.size() ? old[i] : nullptr;
            const Stocked* b = i < now.size() ? now[i] : nullptr;
            const Stocked& any = b ? *b : *a;
            report.add("changes", JsonObject{{"family", any.family},
                                             {"package", any.name},
                                             {"architecture", any.arch},
                                             {"before", a ? Json(a->version) : Json()},
                                             {"after", b ? Json(b->version) : Json()},
                                             {"state", b ? Json(b->state) : Json()}});
        }
    }
}

}  // namespace tenon::pkg
