// history, undo, repair: what was done, and how it is taken back or made good.
#include "pkg/lib/history.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/session.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

std::string when(int64_t time_s) {
    time_t t = static_cast<time_t>(time_s);
    struct tm tm;
    char text[32] = "?";
    if (gmtime_r(&t, &tm)) strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
    return text;
}

// "2 installed, 1 upgraded"; up or down is told by comparison.
std::string summary(const HistoryEntry& e) {
    size_t installed = 0, removed = 0, changed = 0;
    for (const auto& c : e.changes)
        (c.before.empty() ? installed : c.after.empty() ? removed : changed)++;
    std::vector<std::string> parts;
    if (installed) parts.push_back(format("%zu installed", installed));
    if (changed) parts.push_back(format("%zu with another version", changed));
    if (removed) parts.push_back(format("%zu removed", removed));
    return join(parts, ", ");
}

std::string spec(const HistoryChange& c) {
    return c.arch == "all" ? c.name : c.name + ":" + c.arch;
}

JsonObject as_json(const HistoryEntry& e) {
    JsonList changes;
    for (const auto& c : e.changes)
        changes.emplace_back(JsonObject{{"package", c.name},
                                        {"architecture", c.arch},
                                        {"before", Json::or_null(c.before)},
                                        {"after", Json::or_null(c.after)}});
    return {{"number", e.number},
            {"time_s", e.time_s},
            {"command", e.command},
            {"changes", std::move(changes)}};
}

Result<int64_t> number_of(const std::string& word) {
    unsigned long long n = 0;
    if (!parse_u64(word, n) || n == 0 || n > INT64_MAX)
        return fail("'%s' is no number of the history", word.c_str());
    return static_cast<int64_t>(n);
}

// The old versions that were downloaded once: a repository may have them no more.
Words cached(Root& root, const HistoryEntry& entry) {
    Words out;
    for (const auto& c : entry.changes) {
        const std::string path =
            std::string(kArchives) + "/" + apt::cache_name(c.name, c.before, c.arch);
        auto there = root.exists(path);
        if (!c.before.empty() && there && *there)
            out.push_back((root.is_system() ? "" : root.dir()) + path);
    }
    return out;
}

}  // namespace

Status run_history(const Options& o, const Words& words) {
    if (words.size() > 1) return fail("history: one number at the most");
    TRY_SET(Root root, Root::open(o.root));
    if (words.empty()) {
        TRY_SET(auto entries, history::read(root));
        if (o.report) o.report->add_none("transactions");
        for (const auto& e : entries) {
            if (o.report) o.report->add("transactions", as_json(e));
            printf("%4lld  %s  %s (%s)\n", static_cast<long long>(e.number), when(e.time_s).c_str(),
                   e.command.c_str(), summary(e).c_str());
        }
        return {};
    }
    TRY_SET(int64_t number, number_of(words[0]));
    TRY_SET(auto entries, history::read(root, number));
    if (entries.empty()) return fail("there is no transaction %s", words[0].c_str());
    if (o.report) o.report->set("transaction", as_json(entries[0]));
    printf("%s UTC: %s\n", when(entries[0].time_s).c_str(), entries[0].command.c_str());
    for (const auto& c : entries[0].changes)
        printf("  %s %s -> %s\n", spec(c).c_str(), c.before.empty() ? "(none)" : c.before.c_str(),
               c.after.empty() ? "(none)" : c.after.c_str());
    return {};
}

Status run_undo(const Options& o, const Words& words) {
    if (words.size() != 1) return fail("undo: the number of a transaction is needed");
    if (geteuid() != 0 && !o.dry_run) return fail("this needs root's rights");
    TRY_SET(int64_t number, number_of(words[0]));
    std::vector<HistoryEntry> entries;
    Words files;
    {
        TRY_SET(Root root, Root::open(o.root));
        TRY_SET(entries, history::read(root, number));
        if (entries.empty()) return fail("there is no transaction %s", words[0].c_str());
        files = cached(root, entries[0]);
    }
    TRY_SET(Session s, Session::open(o, o.dry_run ? Access::read : Access::write, files));
    solver::Request request{.recommends = false};
    std::vector<Package*> remove;
    std::vector<Mark> marks;
    for (const auto& c : entries[0].changes) {
        Package* p = s.db->find(c.name, c.arch);
        if (p && !p->is_unpacked()) p = nullptr;
        // What has changed since is somebody's later decision.
        if ((p ? p->version.str() : "") != c.after) {
            printf("%s is not as transaction %s left it and stays\n", spec(c).c_str(),
                   words[0].c_str());
            continue;
        }
        if (c.before.empty()) {
            remove.push_back(p);
            continue;
        }
        TRY_SET(auto found, s.find(spec(c) + "=" + c.before));
        if (!found) continue;
        request.install.push_back(*found);
        marks.push_back({c.name, c.arch, c.was_automatic});
    }
    solver::Answer answer{.possible = true, .install = {}, .remove = {}, .problems = {}};
    if (!request.install.empty()) {
        TRY_SET(answer, solve(s, request));
        if (!answer.possible) return fail("nothing is undone:%s", problems_text(answer).c_str());
    }
    for (Package* p : remove)
        if (std::find(answer.remove.begin(), answer.remove.end(), p) == answer.remove.end())
            answer.remove.push_back(p);
    if (answer.install.empty() && answer.remove.empty()) return puts("Nothing to undo"), Status();
    return carry_out(o, s, answer, {}, std::move(marks));
}

namespace {

// Is it to be installed again? Each fault is printed.
Result<bool> is_damaged(Root& root, Database& db, const Package& p, Report* report) {
    if (p.reinst_required || p.state == State::half_installed) return true;
    TRY_SET(bool listed, root.exists(db.info_path(p, "list")));
    if (!listed) {
        printf("%s has no list of its files\n", p.display_name().c_str());
        return true;
    }
    TRY_SET(size_t faults, verify_package(root, db, p, Faults::of_programs, report));
    return faults > 0;
}

}  // namespace

Status run_repair(const Options& o, const Words& words) {
    if (geteuid() != 0 && !o.dry_run) return fail("this needs root's rights");
    HistoryEntry damaged;
    Words for_again;
    {
        TRY_SET(Root root, Root::open(o.root));
        TRY_SET(auto db, o.dry_run ? Database::open(root, Access::read) : open_changing(root, o));
        if (!words.empty()) TRY(packages_named(*db, words));
        TRY_SET(apt::Marks marks, apt::Marks::load(root, db->native_arch()));
        for (Package* p : db->packages()) {
            bool asked = words.empty();
            for (const auto& w : words) asked |= db->find_spec(w) == p;
            if (!asked || p->state <= State::config_files) continue;
            TRY_SET(bool bad, is_damaged(root, *db, *p, o.report));
            const std::string version = p->version.str();
            if (bad)
                damaged.changes.push_back(
                    {p->name, p->arch, version, version, marks.is_automatic(*p)});
        }
        if (damaged.changes.empty() && o.dry_run) return puts("Nothing to install again"), Status();
        if (!damaged.changes.empty()) for_again = cached(root, damaged);
    }
    if (damaged.changes.empty())
        return with_engine(o, [](Engine& e, Database&) { return e.configure({}); });
    TRY_SET(Session s, Session::open(o, o.dry_run ? Access::read : Access::write, for_again));
    solver::Answer answer{.possible = true, .install = {}, .remove = {}, .problems = {}};
    std::vector<Mark> marks;
    for (const auto& d : damaged.changes) {
        auto found = s.find(spec(d) + "=" + d.before);
        if (!found || !*found) {
            fprintf(stderr, "pkg: %s %s is damaged and cannot be had: %s\n", spec(d).c_str(),
                    d.before.c_str(),
                    found ? "it is in no repository" : found.error().text.c_str());
            continue;
        }
        answer.install.push_back(**found);
        marks.push_back({d.name, d.arch, d.was_automatic});
    }
    if (answer.install.empty()) return fail("nothing could be repaired");
    TRY(carry_out(o, s, answer, {}, std::move(marks)));
    if (answer.install.size() != damaged.changes.size()) return fail("not all could be repaired");
    return {};
}

}  // namespace tenon::pkg
