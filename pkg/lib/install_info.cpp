#include "pkg/lib/install_info.h"

#include <algorithm>

#include "pkg/lib/text.h"

namespace tenon::pkg {

// A package without md5sums gets them made, as dpkg does, so that `dpkg -V` has something to check.
static std::string make_md5sums(const Plan& plan) {
    std::string out;
    for (const auto& f : plan.files)
        if (!f.md5.empty()) out += f.md5 + "  " + f.entry.path.substr(1) + "\n";
    return out;
}

Status install_info(Root& root, Database& db, const Package& target, const DebFile& deb,
                    const Plan& plan, const std::vector<std::string>& listed_paths) {
    TRY_SET(auto old_kinds, db.info_kinds(target));
    for (const auto& kind : old_kinds)
        if (kind != "list" && !deb.files().contains(kind))
            TRY(root.unlink(db.info_path(target, kind)));
    for (const auto& [kind, file] : deb.files()) {
        // The control file itself lives in status.
        if (kind == "control") continue;
        TRY(root.write_file(db.info_path(target, kind), file.data, file.mode & 0777, file.mtime));
    }
    if (!deb.file("md5sums")) {
        TRY(root.write_file(db.info_path(target, "md5sums"), make_md5sums(plan)));
    }
    return db.write_list(target, listed_paths);
}

Status update_conffiles(Root& root, Database& db, Package& target, const Plan& plan) {
    TRY_SET(FileIndex * index, db.file_index());
    std::vector<Conffile> now;
    for (const auto& line : plan.conffiles) {
        Conffile c{.path = line.path, .md5 = kNewConffile};
        c.remove_on_upgrade = line.remove_on_upgrade;
        if (const Conffile* old = target.conffile(line.path)) {
            c.md5 = old->md5;
        } else {
            // Taken over from another package: its digest says whether the user changed the file.
            for (const Package* owner : index->owners(line.path))
                for (const auto& theirs : owner->conffiles)
                    if (theirs.path == line.path) c.md5 = theirs.md5;
        }
        now.push_back(std::move(c));
    }
    for (const auto& old : target.conffiles) {
        auto same = [&](const Conffile& c) { return c.path == old.path; };
        if (std::find_if(now.begin(), now.end(), same) != now.end()) continue;
        TRY_SET(bool there, root.exists(old.path));
        if (!there) continue;
        bool taken_over = false;
        for (const Package* owner : index->owners(old.path))
            if (owner != &target)
                for (const auto& theirs : owner->conffiles)
                    taken_over |= theirs.path == old.path && !theirs.obsolete;
        if (taken_over) continue;
        Conffile c = old;
        c.obsolete = true;
        now.push_back(std::move(c));
    }
    target.conffiles = std::move(now);
    return {};
}

}  // namespace tenon::pkg
