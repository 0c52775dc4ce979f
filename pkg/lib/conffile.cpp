// Engine: what happens to one configuration file.  Spec: Debian Policy 10.7.3, dpkg(1)
// --force-conf*.
//
//                       | package's file unchanged | package's file changed
//   user's unchanged    | nothing to do            | the new one is installed
//   user's changed      | the user's stays         | asked; without an answer the user's stays, the
//                       |                          | new one lies beside it as .dpkg-dist
//   user removed it     | it stays removed         | the same as changed
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkg/lib/digest.h"
#include "pkg/lib/engine.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

enum class Choice { keep, take };

Choice ask(const Package& p, const std::string& path, bool removed, ConffilePolicy policy) {
    if (policy == ConffilePolicy::take_new) return Choice::take;
    if (policy == ConffilePolicy::keep_old) return Choice::keep;
    if (!isatty(STDIN_FILENO)) {
        printf(
            "Configuration file %s was %s here and %s has a new version: yours stays, the new "
            "one is %s.dpkg-dist\n",
            path.c_str(), removed ? "removed" : "changed", p.name.c_str(), path.c_str());
        return Choice::keep;
    }
    for (;;) {
        printf(
            "\nConfiguration file %s\n  was %s here, and %s brings a new version.\n"
            "  Y: take the package's version   N: keep yours   [N] ",
            path.c_str(), removed ? "removed" : "changed", p.name.c_str());
        fflush(stdout);
        char line[64];
        if (!fgets(line, sizeof(line), stdin)) return Choice::keep;
        std::string_view answer = trim(line);
        if (answer.empty() || iequals(answer, "n") || iequals(answer, "o")) return Choice::keep;
        if (iequals(answer, "y") || iequals(answer, "i")) return Choice::take;
    }
}

}  // namespace

Status Engine::configure_conffile(Package& p, Conffile& c) {
    std::string diverted = db_.overrides().divert(c.path, p.name);
    TRY_SET(std::string at, follow_conffile(root_, diverted));
    const std::string fresh = at + ".dpkg-new", dist = at + ".dpkg-dist", old = at + ".dpkg-old";
    TRY_SET(auto fresh_stat, root_.lstat(fresh));
    if (!fresh_stat) {
        // Done already: by an earlier attempt, or by the same package of another architecture.
        for (Package* other : db_.instances(p.name))
            if (other != &p && other->state > State::half_configured)
                if (const Conffile* theirs = other->conffile(c.path); theirs && !theirs->obsolete)
                    c.md5 = theirs->md5;
        // Or by the run that was interrupted, which could not yet say so.
        for (const auto& candidate : set_)
            for (const auto& f : candidate->plan.files)
                if (redo_ && f.conffile && f.entry.path == c.path &&
                    candidate->plan.package.name == p.name)
                    c.md5 = f.md5.empty() ? "-" : f.md5;
        return note(p);
    }
    TRY_SET(auto now_stat, root_.lstat(at));
    if (now_stat && !S_ISREG(now_stat->st_mode)) {
        fprintf(stderr, "pkg: warning: configuration file %s is no plain file here; it stays\n",
                c.path.c_str());
        c.md5 = "-";
        return note(p);
    }
    std::string now_md5 = kNonExistent, fresh_md5;
    if (now_stat && S_ISREG(now_stat->st_mode)) {
        TRY_SET(now_md5, md5_of_file(root_, at));
    }
    if (S_ISREG(fresh_stat->st_mode)) {
        TRY_SET(fresh_md5, md5_of_file(root_, fresh));
    } else {
        fresh_md5 = "-";
    }
    bool removed = !now_stat;
    if (now_stat && S_ISREG(now_stat->st_mode)) {
        // The user's owner and mode stay with the file, whoever wins.
        TRY(root_.chown_nofollow(fresh, now_stat->st_uid, now_stat->st_gid));
        TRY(root_.chmod(fresh, now_stat->st_mode & 07777));
    }

    auto install = [&]() -> Status {
        TRY(triggers_.activate_path(at, &p));
        return root_.rename(fresh, at);
    };
    bool is_new = c.md5 == kNewConffile;
    if (now_md5 == fresh_md5) {
        TRY(root_.unlink(fresh));
    } else if (is_new && removed) {
        TRY(install());
    } else {
        bool user_changed = is_new || c.md5 != now_md5;
        bool package_changed = is_new || c.md5 != fresh_md5;
        if (!user_changed) {
            if (package_changed) {
                printf("Installing new version of config file %s ...\n", c.path.c_str());
                TRY(install());
            } else {
                TRY(root_.unlink(fresh));
            }
        } else if (!package_changed) {
            TRY(root_.unlink(fresh));
        } else if (ask(p, at, removed, options_.conffiles) == Choice::keep) {
            TRY(root_.unlink(old));
            // In a repetition both may be one file, and rename would leave them both.
            TRY(root_.unlink(dist));
            TRY(triggers_.activate_path(at, &p));
            TRY(root_.rename(fresh, dist));
        } else {
            TRY(root_.unlink(dist));
            TRY(root_.unlink(old));
            if (!removed) TRY(root_.link(at, old));
            printf("Installing new version of config file %s ...\n", c.path.c_str());
            TRY(install());
        }
    }
    c.md5 = fresh_md5;
    TRY(note(p));
    return note_changed();
}

}  // namespace tenon::pkg
