// Verbs that only look.
#include <stdio.h>

#include <algorithm>
#include <map>

#include "pkg/cmd/apk_session.h"
#include "pkg/cmd/inventory.h"
#include "pkg/cmd/rpm_session.h"
#include "pkg/cmd/session.h"
#include "pkg/cmd/verbs.h"
#include "pkg/lib/digest.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

Result<const Package*> installed(Database& db, const std::string& spec) {
    const Package* p = db.find_spec(spec);
    if (!p || p->state == State::not_installed) return fail("%s is not installed", spec.c_str());
    return p;
}

// A name that dpkg's database knows is meant so.
const apk::Installed* meant_as_apk(Database& db, const ApkView& view, const std::string& word) {
    const Package* p = db.find_spec(word);
    return p && p->state != State::not_installed ? nullptr : view.find(word);
}

// The families in this order: dpkg's, Alpine's, rpm's.
const rpm::Installed* meant_as_rpm(Database& db, const ApkView& apk, const RpmView& view,
                                   const std::string& word) {
    const Package* p = db.find_spec(word);
    if ((p && p->state != State::not_installed) || apk.find(word)) return nullptr;
    return view.find(word);
}

}  // namespace

void report_fault(Report* report, const char* family, const std::string& package,
                  std::string_view what, char kind, const std::string& path) {
    if (!report) return;
    report->add("faults", JsonObject{{"family", family},
                                     {"package", package},
                                     {"path", path},
                                     {"missing", what.starts_with("missing")},
                                     {"checks", what.starts_with("missing") ? Json() : Json(what)},
                                     {"configuration", kind == 'c'}});
}

// In dpkg's words: what is missing; M: not a plain file, although its digest is known; 5: other
// contents; a dot: checked and right; c: a configuration file.
Result<size_t> verify_package(Root& root, Database& db, const Package& p, Faults which,
                              Report* report) {
    TRY_SET(auto text, root.read_if_there(db.info_path(p, "md5sums")));
    TRY_SET(auto sums, parse_md5sums(text.value_or("")));
    std::map<std::string, std::string> known;
    for (const auto& c : p.conffiles) known[c.path] = c.md5;
    const auto conffiles = known;
    for (const auto& [path, md5] : sums) known[path] = md5;
    TRY_SET(auto paths, db.read_list(p));
    size_t faults = 0;
    for (const auto& path : paths) {
        const bool conffile = conffiles.contains(path);
        const auto digest = known.find(path);
        if (which == Faults::of_programs && (conffile || digest == known.end())) continue;
        const char kind = conffile ? 'c' : ' ';
        const std::string real = db.overrides().divert(path, p.name);
        TRY_SET(auto st, root.lstat(real));
        if (!st) {
            printf("missing   %c %s\n", kind, real.c_str());
            report_fault(report, "deb", p.display_name(), "missing", kind, real);
            faults++;
            continue;
        }
        if (digest == known.end()) continue;
        char contents = '?';
        if (auto at = follow_conffile(root, real))
            if (auto now = md5_of_file(root, *at)) contents = *now == digest->second ? '.' : '5';
        // An administrator's link to the same contents is nothing to repair.
        if (contents == '.' && (S_ISREG(st->st_mode) || which == Faults::of_programs)) continue;
        const std::string what = format("?%c%c??????", S_ISREG(st->st_mode) ? '?' : 'M', contents);
        printf("%s %c %s\n", what.c_str(), kind, real.c_str());
        report_fault(report, "deb", p.display_name(), what, kind, real);
        faults++;
    }
    return faults;
}

namespace {

Status info_of_file(const Options& o, const std::string& path) {
    TRY_SET(DebFile deb, DebFile::open(path));
    TRY_SET(Plan plan, make_plan(deb));
    printf("%s", deb.control().str().c_str());
    InfoFields(deb.control().fields()).report(o, "deb");
    std::string scripts;
    for (const char* s : {"preinst", "postinst", "prerm", "postrm"})
        if (deb.file(s)) scripts += std::string(scripts.empty() ? "" : ", ") + s;
    printf("\n%s: %zu files, %llu bytes unpacked; scripts: %s; all of it checked\n", path.c_str(),
           plan.files.size(), static_cast<unsigned long long>(plan.total_bytes),
           scripts.empty() ? "none" : scripts.c_str());
    return {};
}

}  // namespace

void list_file(const Options& o, const std::string& path) {
    puts(path.c_str());
    if (o.report) o.report->add("files", JsonObject{{"path", path}});
}

void InfoFields::add(const char* name, const std::string& value) {
    if (!value.empty()) all_.emplace_back(name, value);
}

// Metadata comes from outside: nothing in it may steer the terminal.
void InfoFields::print() const {
    for (const auto& [name, value] : all_)
        printf("%s: %s\n", name.c_str(), printable(value).c_str());
}

void InfoFields::report(const Options& o, const char* family) const {
    if (!o.report) return;
    JsonObject out;
    for (const auto& [name, value] : all_) out.emplace_back(name, value);
    o.report->set("family", family);
    o.report->set("fields", std::move(out));
}

Status run_list(const Options& o, const Words& words) {
    if (!words.empty()) return fail("list: takes no name; 'pkg info NAME' shows one package");
    TRY_SET(auto all, inventory(o));
    size_t width = 0;
    for (const Stocked& s : all) width = std::max(width, s.word.size());
    if (o.report) o.report->add_none("packages");
    for (const Stocked& s : all) {
        const std::string state =
            s.state == to_string(State::installed) ? "" : " [" + std::string(s.state) + "]";
        printf("%-*s %s%s\n", static_cast<int>(width), s.word.c_str(), s.version.c_str(),
               state.c_str());
        if (o.report)
            o.report->add("packages", JsonObject{{"family", s.family},
                                                 {"package", s.name},
                                                 {"architecture", s.arch},
                                                 {"version", s.version},
                                                 {"state", s.state}});
    }
    return {};
}

Status run_files(const Options& o, const Words& words) {
    if (words.size() != 1) return fail("files: one package name, FILE.rpm or FILE.apk is needed");
    if (o.report) o.report->add_none("files");
    if (names_apk_file(words[0])) return files_of_apk(o, words[0]);
    if (names_rpm_file(words[0])) return files_of_rpm(o, words[0]);
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    TRY_SET(ApkView view, look_at_apk(o));
    if (const auto* a = meant_as_apk(*db, view, words[0])) {
        for (const auto& dir : a->dirs)
            for (const auto& file : dir.files)
                list_file(o, view.home->prefix + apk::Installed::path_of(dir, file));
        return {};
    }
    TRY_SET(RpmView rpms, look_at_rpm(o));
    if (const auto* r = meant_as_rpm(*db, view, rpms, words[0])) {
        for (const auto& f : r->package.files) list_file(o, rpms.home->prefix + f.path);
        return {};
    }
    TRY_SET(const Package* p, installed(*db, words[0]));
    TRY_SET(auto paths, db->read_list(*p));
    for (const auto& path : paths) list_file(o, path);
    return {};
}

Status run_info(const Options& o, const Words& words) {
    if (words.size() != 1) return fail("info: one package name or file is needed");
    if (names_apk_file(words[0])) return info_of_apk(o, words[0]);
    if (names_rpm_file(words[0])) return info_of_rpm(o, words[0]);
    if (words[0].ends_with(".deb") || words[0].contains('/')) return info_of_file(o, words[0]);
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    TRY_SET(ApkView view, look_at_apk(o));
    if (const auto* a = meant_as_apk(*db, view, words[0]))
        return info_of_installed_apk(o, *a), Status();
    TRY_SET(RpmView rpms, look_at_rpm(o));
    if (const auto* r = meant_as_rpm(*db, view, rpms, words[0]))
        return info_of_installed_rpm(o, *r), Status();
    const Package* p = db->find_spec(words[0]);
    if (p && p->state != State::not_installed) {
        const std::string text = p->to_status();
        fputs(text.c_str(), stdout);
        TRY_SET(Stanza stanza, parse_control(text));
        InfoFields(stanza.fields()).report(o, "deb");
        return {};
    }
    // Of one that could be installed, what its repository says.
    if (words[0].starts_with(kApkPrefix) || (view.home && view.home->prefix.empty())) {
        TRY_SET(bool found, info_of_offered_apk(o, words[0]));
        if (!found) return fail("there is no package %s", words[0].c_str());
        return {};
    }
    if (words[0].starts_with(kRpmWord) || (rpms.home && rpms.home->prefix.empty())) {
        TRY_SET(bool found, info_of_offered_rpm(o, words[0]));
        if (!found) return fail("there is no package %s", words[0].c_str());
        return {};
    }
    TRY_SET(Session s, Session::open(o, Access::read));
    TRY_SET(auto number, s.find(words[0]));
    if (!number) return fail("%s is not installed", words[0].c_str());
    for (char c : s.record(*number).text)
        putchar(static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' ? '?' : c);
    if (auto stanza = parse_control(s.record(*number).text))
        InfoFields(stanza->fields()).report(o, "deb");
    return {};
}

Status run_verify(const Options& o, const Words& words) {
    TRY_SET(Root root, Root::open(o.root));
    TRY_SET(auto db, Database::open(root, Access::read));
    size_t faults = 0;
    if (o.report) o.report->add_none("faults");
    for (const Package* p : db->packages()) {
        bool asked = words.empty();
        for (const auto& w : words) asked |= db->find_spec(w) == p;
        if (!asked || p->state <= State::half_installed) continue;
        TRY_SET(size_t n, verify_package(root, *db, *p, Faults::all, o.report));
        faults += n;
    }
    TRY_SET(ApkView view, look_at_apk(o));
    for (const auto* p : view.db ? view.db->packages() : std::vector<const apk::Installed*>()) {
        bool asked = words.empty();
        for (const auto& w : words) asked |= meant_as_apk(*db, view, w) == p;
        if (!asked) continue;
        TRY_SET(size_t n, verify_apk(o, view, *p));
        faults += n;
    }
    TRY_SET(RpmView rpms, look_at_rpm(o));
    for (const auto& p : rpms.packages) {
        bool asked = words.empty();
        for (const auto& w : words) asked |= meant_as_rpm(*db, view, rpms, w) == &p;
        if (!asked) continue;
        TRY_SET(size_t n, verify_installed_rpm(o, rpms, p));
        faults += n;
    }
    for (const auto& w : words)
        if (!meant_as_apk(*db, view, w) && !meant_as_rpm(*db, view, rpms, w))
            TRY(installed(*db, w));
    if (faults) return fail("%zu files are not as their packages shipped them", faults);
    return {};
}

}  // namespace tenon::pkg
