#include "pkg/cmd/session.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/plan.h"
#include "pkg/lib/apt/policy.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

bool names_deb_file(const std::string& word) {
    return word.ends_with(".deb") || word.contains('/');
}

Result<Session> Session::open(const Options& o, Access access, const Words& files) {
    Session s;
    TRY_SET(Root opened, Root::open(o.root));
    s.root = std::make_unique<Root>(std::move(opened));
    if (access == Access::write) {
        TRY_SET(s.db, open_changing(*s.root, o));
    } else {
        TRY_SET(s.db, Database::open(*s.root, access));
    }
    TRY_SET(s.sources, apt::read_sources(*s.root, s.db->native_arch()));
    TRY_SET(s.available, apt::load_lists(*s.root, s.sources, s.db->archs()));
    for (const auto& directory : o.from) TRY(apt::add_directory(*s.available, directory));
    if (!files.empty()) TRY(apt::add_files(*s.available, files));
    s.available->catalog.finish();
    TRY_SET(auto pins, apt::read_preferences(*s.root));
    s.candidates = apt::candidates(*s.available, pins, *s.db);
    return s;
}

Package* Session::replaced_by(const apt::Record& r) {
    for (Package* p : db->instances(r.name))
        if (p->is_unpacked() && (p->arch == r.arch || p->arch == "all" || r.arch == "all"))
            return p;
    return nullptr;
}

namespace {

struct Word {
    std::string name, arch, version;
};

Word taken_apart(const std::string& text) {
    Word w;
    size_t eq = text.find('=');
    w.name = text.substr(0, eq);
    if (eq != std::string::npos) w.version = text.substr(eq + 1);
    size_t colon = w.name.find(':');
    if (colon != std::string::npos) {
        w.arch = w.name.substr(colon + 1);
        w.name.resize(colon);
    }
    return w;
}

// Candidates that provide `name`.
std::vector<uint32_t> providers(const Session& s, const std::string& name) {
    std::vector<uint32_t> out;
    for (uint32_t n : s.candidates) {
        std::string_view field = s.record(n).get("Provides");
        if (!field.contains(name)) continue;
        auto provides = parse_dependencies(field);
        if (!provides) continue;
        for (const Dependency& d : *provides)
            if (d[0].name == name) {
                out.push_back(n);
                break;
            }
    }
    return out;
}

std::string never_updated(const Session& s) {
    if (s.sources.empty()) return "; there is no source in /etc/apt/sources.list.d";
    if (!s.available->never_updated.empty())
        return "; the lists of " + s.available->never_updated[0] + " are not here yet: pkg update";
    return "";
}

std::string megabytes(uint64_t bytes) {
    return format("%.1f MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace

Result<std::optional<uint32_t>> Session::find(const std::string& word) {
    Word w = taken_apart(word);
    auto [first, last] = available->catalog.range(w.name);
    auto arch_fits = [&](const apt::Record& r) {
        if (!w.arch.empty()) return r.arch == w.arch || r.arch == "all";
        return r.arch == "all" || r.arch == db->native_arch();
    };
    if (!w.version.empty()) {
        std::string known;
        for (size_t i = first; i < last; i++) {
            const apt::Record& r = record(static_cast<uint32_t>(i));
            if (!arch_fits(r)) continue;
            if (r.version == w.version) return static_cast<uint32_t>(i);
            known += (known.empty() ? "" : ", ") + std::string(r.version);
        }
        return fail("there is no version %s of %s%s", w.version.c_str(), w.name.c_str(),
                    known.empty() ? never_updated(*this).c_str() : ("; there is " + known).c_str());
    }
    for (uint32_t n : candidates)
        if (n >= first && n < last && arch_fits(record(n))) {
            const Package* p = replaced_by(record(n));
            if (p && p->version.str() == record(n).version) return std::nullopt;
            return n;
        }
    Package* installed = w.arch.empty() ? db->find(w.name) : db->find(w.name, w.arch);
    if (installed && installed->is_unpacked()) return std::nullopt;
    std::vector<uint32_t> who = providers(*this, w.name);
    if (who.size() == 1) return who[0];
    if (who.size() > 1) {
        std::string names;
        for (uint32_t n : who) {
            names += "\n  " + record(n).spec();
            if (replaced_by(record(n))) return std::nullopt;
        }
        return fail("%s is provided by several packages; name one of them:%s", w.name.c_str(),
                    names.c_str());
    }
    if (first != last) return fail("%s is kept out by a pin or its architecture", w.name.c_str());
    return fail("there is no package %s%s", w.name.c_str(), never_updated(*this).c_str());
}

Result<solver::Answer> solve(Session& s, solver::Request request) {
    TRY_SET(solver::Answer answer, solver::solve(*s.db, *s.available, s.candidates, request));
    if (answer.possible) return answer;
    request.may_remove = true;
    TRY_SET(solver::Answer harsher, solver::solve(*s.db, *s.available, s.candidates, request));
    if (harsher.possible) return harsher;
    return answer;
}

std::string problems_text(const solver::Answer& answer) {
    std::string out;
    for (const std::string& problem : answer.problems)
        for (std::string_view line : split_lines(problem)) out += "\n  " + std::string(line);
    return out;
}

void print_plan(const Options& o, Session& s, const solver::Answer& answer) {
    using Action = PlannedChange::Action;
    PlanText plan;
    for (uint32_t n : answer.install) {
        const apt::Record& r = s.record(n);
        PlannedChange c{.action = Action::install,
                        .package = std::string(r.name),
                        .architecture = std::string(r.arch),
                        .before = "",
                        .after = std::string(r.version),
                        .shown = ""};
        if (Package* p = s.replaced_by(r)) {
            c.before = p->version.str();
            auto version = Version::parse(r.version);
            c.action = c.before == c.after                            ? Action::reinstall
                       : version && compare(*version, p->version) < 0 ? Action::downgrade
                                                                      : Action::upgrade;
        }
        if (c.action == Action::install || c.action == Action::reinstall) c.shown = r.spec();
        plan.add(std::move(c));
    }
    for (const Package* p : answer.remove)
        plan.add({.action = Action::remove,
                  .package = p->name,
                  .architecture = p->arch,
                  .before = p->version.str(),
                  .after = "",
                  .shown = p->display_name()});
    plan.print(o);
}

static Status confirm_removals(const Options& o, const solver::Answer& answer) {
    if (answer.remove.empty() || o.yes) return {};
    if (o.report || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return fail("this removes packages; say --yes if it should");
    printf("Go on and remove them? [y/N] ");
    fflush(stdout);
    int c = getchar();
    if (c != 'y' && c != 'Y') return fail("nothing was changed");
    return {};
}

Status carry_out(const Options& o, Session& s, const solver::Answer& answer,
                 const std::vector<uint32_t>& chosen, std::vector<Mark> marks) {
    print_plan(o, s, answer);
    std::vector<Download> downloads;
    for (uint32_t n : answer.install)
        downloads.push_back(apt::download_of(*s.available, s.record(n)));
    Fetcher fetcher(*s.root);
    if (o.dry_run) return {};
    TRY(confirm_removals(o, answer));
    if (uint64_t bytes = fetcher.bytes_to_fetch(downloads))
        printf("Fetching %s ...\n", megabytes(bytes).c_str());
    fflush(stdout);
    TRY(fetcher.get(downloads));
    if (o.download_only) return {};
    for (uint32_t n : answer.install) {
        const apt::Record& r = s.record(n);
        if (std::find(chosen.begin(), chosen.end(), n) != chosen.end())
            marks.push_back({std::string(r.name), std::string(r.arch), false});
        else if (!s.replaced_by(r) && std::none_of(marks.begin(), marks.end(), [&](const Mark& m) {
                     return m.name == r.name && m.arch == r.arch;
                 }))
            marks.push_back({std::string(r.name), std::string(r.arch), true});
    }
    EngineOptions options = o.engine;
    options.archives.clear();  // the solver has seen to what is needed
    Engine engine(*s.root, *s.db, options);
    TRY(engine.start());
    umask(022);
    std::vector<std::string> paths;
    for (const auto& d : downloads) paths.push_back(d.path);
    engine.set_marks(std::move(marks));
    Status done = engine.install(paths, answer.remove, o.purge);
    Status finished = engine.finish();
    return done ? finished : done;
}

}  // namespace tenon::pkg
