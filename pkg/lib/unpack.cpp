// Engine: unpacking one package over what is there.  Spec: Debian Policy 6.6.
#include <stdio.h>

#include "pkg/lib/dpkg_placement.h"
#include "pkg/lib/engine.h"
#include "pkg/lib/install_info.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// Control files of the package being unpacked, where its scripts run from: dpkg's own place.
const std::string kNewControl = std::string(kAdminDir) + "/tmp.ci";

bool was_configured(State s) {
    return s >= State::half_configured;
}

}  // namespace

Status Engine::place_control(const DebFile& deb) {
    TRY(root_.remove_tree(kNewControl));
    TRY(root_.mkdir(kNewControl, 0755));
    for (const auto& [kind, file] : deb.files())
        TRY(root_.write_file(kNewControl + "/" + kind, file.data, file.mode & 0777, file.mtime));
    return {};
}

Result<ScriptResult> Engine::run_new(const Plan& plan, const std::string& kind,
                                     const std::vector<std::string>& args) {
    return run_script(plan.package, kNewControl + "/" + kind, kind, args);
}

// "prerm upgrade NEW", or, when the old script fails, the new one's "failed-upgrade OLD NEW".
Status Engine::run_old_or_new(const DebFile& deb, const Plan& plan, Package& target,
                              const std::string& kind, const std::string& if_ok,
                              const std::string& fallback) {
    auto old = run_old(target, kind, {if_ok, plan.package.version.str()});
    if (old) return {};
    fprintf(stderr, "pkg: %s\npkg: trying the %s of the new version instead\n",
            old.error().text.c_str(), kind.c_str());
    if (!deb.file(kind))
        return fail("%s, and the new version has no %s", old.error().text.c_str(), kind.c_str());
    auto second = run_new(plan, kind, {fallback, target.version.str(), plan.package.version.str()});
    if (!second) return std::unexpected(second.error());
    fprintf(stderr, "pkg: that went well\n");
    return {};
}

Status Engine::leave_old_version(const DebFile& deb, const Plan& plan, Package& target,
                                 Unwind& undo) {
    if (!was_configured(target.state)) return {};
    // Marked until the new version stands or the old one's postinst has taken it back.
    target.reinst_required = true;
    target.state = State::half_configured;
    TRY(note(target));
    // One that was half-configured gets its postinst called, too, and is installed if that works.
    undo.push(Unwind::Group::package, [this, &target, &plan] {
        if (!run_old(target, "postinst", {"abort-upgrade", plan.package.version.str()}))
            return false;
        target.reinst_required = false;
        return after_postinst(target).has_value();
    });
    TRY(run_old_or_new(deb, plan, target, "prerm", "upgrade", "failed-upgrade"));
    target.state = State::unpacked;
    return note(target);
}

// Deconfigures what the new version breaks, and runs the prerm of what it conflicts with and
// replaces (remove_one does the rest after the unpack).
Status Engine::make_room(const Plan& plan, Package& target, Unwind& undo) {
    const std::string version = plan.package.version.str();
    for (Package* other : db_.packages()) {
        if (other == &target || other->state < State::half_installed) continue;
        bool broken = false, conflict = false;
        for (const Dependency& dep : plan.package.relations(Field::breaks))
            for (const Alternative& a : dep) broken |= depends_.hit_by(*other, a, plan.package);
        for (const Dependency& dep : plan.package.relations(Field::conflicts))
            for (const Alternative& a : dep) conflict |= depends_.hit_by(*other, a, plan.package);
        // A Multi-Arch: same sibling of another version has to wait for its own upgrade.
        broken |= other->name == plan.package.name && other->multi_arch == MultiArch::same &&
                  compare(other->version, plan.package.version) != 0;
        if (conflict) {
            if (!to_be_removed_.contains(other))
                return fail("%s conflicts with %s %s, which is there",
                            plan.package.display_name().c_str(), other->display_name().c_str(),
                            other->version.str().c_str());
            if (!was_configured(other->state)) continue;
            TRY(activate_own(*other));
            // Its removal had begun when the run was interrupted: there is no way back.
            if (after_prerm_.contains(other)) {
                other->state = State::half_installed;
                TRY(note(*other));
                continue;
            }
            other->state = State::half_configured;
            TRY(note(*other));
            undo.push(Unwind::Group::conflictor, [this, other, &plan, version] {
                if (!run_old(*other, "postinst",
                             {"abort-remove", "in-favour", plan.package.name, version}))
                    return false;
                other->reinst_required = false;
                return after_postinst(*other).has_value();
            });
            TRY(run_old(*other, "prerm", {"remove", "in-favour", plan.package.name, version}));
            other->state = State::half_installed;
            TRY(note(*other));
        } else if (broken && other->state > State::half_configured) {
            printf("De-configuring %s (%s), to allow installation of %s (%s) ...\n",
                   other->display_name().c_str(), other->version.str().c_str(),
                   plan.package.display_name().c_str(), version.c_str());
            TRY(activate_own(*other));
            other->state = State::half_configured;
            TRY(note(*other));
            undo.push(Unwind::Group::package, [this, other, &plan, version] {
                if (!run_old(*other, "postinst",
                             {"abort-deconfigure", "in-favour", plan.package.name, version}))
                    return false;
                return after_postinst(*other).has_value();
            });
            TRY(run_old(*other, "prerm", {"deconfigure", "in-favour", plan.package.name, version}));
            deconfigured_.insert(other);
        }
    }
    return {};
}

Status Engine::run_preinst(const Plan& plan, Package& target, State old_state, Unwind& undo) {
    const std::string now = plan.package.version.str();
    const std::string before = target.version.str();
    auto settle = [this, &target](State state) {
        target.state = lost_files_ ? State::half_installed : state;
        target.reinst_required = lost_files_;
        return note(target).has_value();
    };
    target.reinst_required = true;
    if (old_state == State::not_installed) {
        // Only what names the package: the rest of its control data comes when it is unpacked.
        target.version = plan.package.version;
        target.multi_arch = plan.package.multi_arch;
    }
    target.state = State::half_installed;
    TRY(note(target));
    if (old_state == State::not_installed) {
        undo.push(Unwind::Group::package, [this, &plan, &target] {
            if (!run_new(plan, "postrm", {"abort-install"})) return false;
            if (!forget(target)) return false;
            // The wish to have it stays on record, as with dpkg.
            target.want = Want::install;
            return note(target).has_value();
        });
        TRY(run_new(plan, "preinst", {"install"}));
    } else if (old_state == State::config_files) {
        undo.push(Unwind::Group::package, [this, &plan, settle, now, before] {
            if (!run_new(plan, "postrm", {"abort-install", before, now})) return false;
            return settle(State::config_files);
        });
        TRY(run_new(plan, "preinst", {"install", before, now}));
    } else {
        undo.push(Unwind::Group::package, [this, &plan, settle, now, before, old_state] {
            if (!run_new(plan, "postrm", {"abort-upgrade", before, now})) return false;
            return settle(old_state);
        });
        TRY(run_new(plan, "preinst", {"upgrade", before, now}));
    }
    return {};
}

// Names, owners, space: nothing is written or run.
Status Engine::look_over(const Candidate& c) {
    DpkgPlacement placement(db_, c.plan.package);
    Extractor x(root_, c.plan.package.name, c.plan.files, placement, true, nullptr);
    if (Status s = x.check(); !s) return std::unexpected(Error(s.error()).in(c.deb.path()));
    return x.save_new_dirs(c.stage);
}

Status Engine::unpack(const Candidate& c) {
    const DebFile& deb = c.deb;
    const Plan& plan = c.plan;
    auto in_deb = [&](Error e) { return std::unexpected(std::move(e).in(deb.path())); };
    // An upgrade may move between a real architecture and "all": it is still the same package.
    Package* target = db_.find(plan.package.name, plan.package.arch);
    if (!target || target->state == State::not_installed) {
        Package* other = db_.find(plan.package.name);
        bool upgrade =
            other && other->state != State::not_installed &&
            !(other->multi_arch == MultiArch::same && plan.package.multi_arch == MultiArch::same);
        target = upgrade ? &db_.change_arch(*other, plan.package.arch)
                         : &db_.add(plan.package.name, plan.package.arch);
    }
    // A look before anything is written or run: names, owners, space.
    DpkgPlacement placement(db_, plan.package);
    Extractor x(root_, plan.package.name, plan.files, placement, true, nullptr);
    TRY(x.use_stage(c.stage, redo_ ? Extractor::Attempt::redo : Extractor::Attempt::first));
    if (Status s = x.check(); !s) return in_deb(s.error());

    lost_files_ = false;
    Unwind undo;
    if (Status s = unpack_over(deb, plan, *target, x, undo); !s) {
        undo.run();
        (void)root_.remove_tree(kNewControl);
        return in_deb(s.error());
    }
    return root_.remove_tree(kNewControl);
}

Status Engine::unpack_over(const DebFile& deb, const Plan& plan, Package& target, Extractor& x,
                           Unwind& undo) {
    TRY(place_control(deb));
    State old_state = target.state;
    TRY(activate_own(target));
    target.want = Want::install;
    TRY_SET(auto old_paths, db_.read_list(target));
    const std::string old_version = target.version.str();

    TRY(leave_old_version(deb, plan, target, undo));
    if (was_configured(old_state)) old_state = State::unpacked;
    TRY(make_room(plan, target, undo));
    TRY(run_preinst(plan, target, old_state, undo));

    bool fresh = old_state == State::not_installed || old_state == State::config_files;
    printf("Unpacking %s (%s) %s...\n", plan.package.display_name().c_str(),
           plan.package.version.str().c_str(),
           fresh ? "" : format("over (%s) ", old_version.c_str()).c_str());

    // The preinst may have made users and diversions, so the look is repeated.
    TRY(x.check());
    undo.push(Unwind::Group::files, [this, &x] { return lost_files_ = !x.rollback(), true; });
    TRY(x.place());
    TRY(x.commit());
    for (size_t i = 0; i < plan.files.size(); i++)
        if (!x.kept_existing(i)) TRY(triggers_.activate_path(x.real_path(i), &target));
    TRY(triggers_.activate_own(plan.triggers, target));
    TRY(note_changed());
    if (!fresh) {
        undo.push(Unwind::Group::package, [this, &target, &plan] {
            return run_old(target, "preinst", {"abort-upgrade", plan.package.version.str()})
                .has_value();
        });
        TRY(run_old_or_new(deb, plan, target, "postrm", "upgrade", "failed-upgrade"));
    }
    // From here on the new version stands; what goes wrong leaves it marked reinstall-required.
    undo.drop();
    return settle_unpacked(deb, plan, target, x, old_paths);
}

Status Engine::settle_unpacked(const DebFile& deb, const Plan& plan, Package& target, Extractor& x,
                               const std::vector<std::string>& old_paths) {
    TRY_SET(auto old_triggers, triggers_of(target));
    TRY(remove_upgraded_conffiles(target, plan));
    TRY(remove_old_files(target, plan, x, old_paths));
    TRY(triggers_.remove_interests(old_triggers, target));
    TRY(update_conffiles(root_, db_, target, plan));
    TRY(db_.drop_info_if_renamed(target, plan.package));
    target.take_control_from(plan.package);
    std::vector<std::string> listed = x.listed_paths();
    // Obsolete conffiles stay listed until they are purged.
    for (const auto& c : target.conffiles)
        if (c.obsolete) listed.push_back(c.path);
    TRY(install_info(root_, db_, target, deb, plan, listed));
    TRY(triggers_.add_interests(plan.triggers, target));
    TRY(take_files_from_others(target, plan, x));
    target.state = State::unpacked;
    TRY(note(target));
    TRY(x.finish());
    target.reinst_required = false;
    return note(target);
}

Status Engine::remove_conflicting(const Package& by) {
    std::vector<Package*> gone;
    for (Package* p : db_.packages())
        if (to_be_removed_.contains(p) && p->state == State::half_installed) gone.push_back(p);
    for (Package* p : gone) {
        printf("Removing %s (%s), to allow configuration of %s (%s) ...\n",
               p->display_name().c_str(), p->version.str().c_str(), by.display_name().c_str(),
               by.version.str().c_str());
        TRY(remove_one(*p));
    }
    return {};
}

}  // namespace tenon::pkg
