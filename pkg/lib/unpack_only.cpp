#include "pkg/lib/unpack_only.h"

#include "pkg/lib/dpkg_placement.h"
#include "pkg/lib/install_info.h"
#include "pkg/lib/text.h"
#include "pkg/lib/triggers.h"

namespace tenon::pkg {

Status merge_usr_if_asked(Root& root, const std::vector<DebFile>& debs) {
    bool asked = false;
    for (const auto& d : debs) {
        std::string name = d.control().get("Package");
        asked |= name == "usr-is-merged" || name == "usrmerge";
    }
    if (!asked) return {};
    static constexpr const char* kNames[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
    for (const char* name : kNames) {
        TRY_SET(bool there, root.exists(name));
        if (there) return {};
    }
    for (const char* name : kNames) {
        TRY(root.mkdir_all(std::string("usr/") + name, 0755));
        TRY(root.symlink(std::string("usr/") + name, name));
    }
    return {};
}

Status unpack_only(Root& root, Database& db, const DebFile& deb, bool as_root,
                   OwnershipLog* ownership) {
    TRY_SET(Plan plan, make_plan(deb));
    auto in_deb = [&](Error e) { return std::unexpected(std::move(e).in(deb.path())); };
    const Package& package = plan.package;
    if (package.arch != "all" && !db.knows_arch(package.arch))
        return in_deb(Error{"architecture " + package.arch + " does not match the root's (" +
                            db.native_arch() + ")"});
    for (Package* other : db.instances(package.name))
        if (other->state > State::config_files)
            return in_deb(Error{other->display_name() + " " + other->version.str() +
                                " is in the root already; unpack only fills new roots"});

    DpkgPlacement placement(db, package);
    Extractor x(root, package.name, plan.files, placement, as_root, ownership);
    if (Status s = x.check(); !s) return in_deb(s.error());
    auto undo = [&](Error e) {
        x.rollback();
        return in_deb(std::move(e));
    };
    if (Status s = x.place_from(deb); !s) return undo(s.error());
    if (Status s = x.commit(); !s) return undo(s.error());

    Package& target = db.add(package.name, package.arch);
    target.take_control_from(package);
    TRY(update_conffiles(root, db, target, plan));
    TRY(install_info(root, db, target, deb, plan, x.listed_paths()));
    Triggers triggers(db);
    TRY(triggers.load());
    TRY(triggers.add_interests(plan.triggers, target));
    TRY(x.finish());
    target.want = Want::install;
    target.state = State::unpacked;
    TRY(db.note(target));
    if (deb.file("preinst")) {
        TRY(root.mkdir_all("/var/lib/pkg", 0755));
        TRY_SET(auto owed, root.read_if_there(kOwedPreinst));
        TRY(root.write_file(kOwedPreinst,
                            owed.value_or("") + package.name + ":" + package.arch + "\n"));
    }
    return {};
}

}  // namespace tenon::pkg
