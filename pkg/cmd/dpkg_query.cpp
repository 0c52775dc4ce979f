// dpkg-query, as scripts use it.  Spec: dpkg-query(1).
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "pkg/cmd/dpkg_tools.h"
#include "pkg/lib/database.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

char want_letter(Want w) {
    return "uihrp"[static_cast<size_t>(w)];
}
char state_letter(State s) {
    return "ncHUFWti"[static_cast<size_t>(s)];
}

std::string summary(const Package& p) {
    std::string d = p.field("Description");
    return d.substr(0, d.find('\n'));
}

// "name" or, of "name (version)", the two parts; a package without Source is its own.
std::string source_part(const Package& p, bool version) {
    std::string s = p.field("Source");
    size_t open = s.find('(');
    if (version) {
        if (open == std::string::npos) return p.version.str();
        return std::string(trim(s.substr(open + 1, s.find(')') - open - 1)));
    }
    return s.empty() ? p.name : std::string(trim(s.substr(0, open)));
}

std::string value_of(const Package& p, const std::string& field) {
    if (field == "Package") return p.name;
    if (field == "binary:Package") return p.display_name();
    if (field == "Version") return p.version.empty() ? "" : p.version.str();
    if (field == "Architecture") return p.arch;
    if (field == "binary:Summary") return summary(p);
    if (field == "source:Package") return source_part(p, false);
    if (field == "source:Version") return source_part(p, true);
    if (field == "db:Status-Want") return to_string(p.want);
    if (field == "db:Status-Status") return to_string(p.state);
    if (field == "db:Status-Eflag") return p.reinst_required ? "reinstreq" : "ok";
    if (field == "db:Status-Abbrev")
        return std::string{want_letter(p.want), state_letter(p.state),
                           p.reinst_required ? 'R' : ' '};
    // The rest comes from the stanza as it is written.
    auto stanza = parse_control(p.to_status());
    if (!stanza) return {};
    std::string value = stanza->get(field);
    // "Conffiles:" starts on the line after its name.
    return value.starts_with('\n') ? value.substr(1) : value;
}

// "${Field;width}", \n, \t, \\ and plain text.
std::string expand(const Package& p, const std::string& form) {
    std::string out;
    for (size_t i = 0; i < form.size(); i++) {
        if (form[i] == '\\' && i + 1 < form.size()) {
            char c = form[++i];
            out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        } else if (form[i] == '$' && i + 1 < form.size() && form[i + 1] == '{') {
            size_t end = form.find('}', i);
            if (end == std::string::npos) break;
            std::string field = form.substr(i + 2, end - i - 2);
            int width = 0;
            if (size_t semicolon = field.find(';'); semicolon != std::string::npos) {
                width = atoi(field.c_str() + semicolon + 1);
                field.resize(semicolon);
            }
            // Negative width: left-aligned.
            // What is wider than that is cut.
            int most = width < 0 ? -width : width;
            out += format("%*.*s", width, most ? most : -1, value_of(p, field).c_str());
            i = end;
        } else {
            out += form[i];
        }
    }
    return out;
}

bool matches(const Package& p, const std::string& pattern) {
    size_t colon = pattern.find(':');
    if (colon != std::string::npos && pattern.substr(colon + 1) != p.arch &&
        pattern.substr(colon + 1) != "any")
        return false;
    return fnmatch(pattern.substr(0, colon).c_str(), p.name.c_str(), 0) == 0;
}

// Those that match any of the patterns, all that are there without patterns. Missing ones are
// reported and counted.
std::vector<const Package*> select(Database& db, const std::vector<std::string>& patterns,
                                   bool& missing) {
    std::vector<const Package*> out;
    std::vector<bool> used(patterns.size(), false);
    for (const Package* p : db.packages()) {
        bool hit = patterns.empty() && p->state != State::not_installed;
        for (size_t i = 0; i < patterns.size(); i++)
            if (matches(*p, patterns[i])) hit = used[i] = true;
        if (hit) out.push_back(p);
    }
    for (size_t i = 0; i < patterns.size(); i++)
        if (!used[i]) {
            fflush(stdout);
            fprintf(stderr, "dpkg-query: no packages found matching %s\n", patterns[i].c_str());
            missing = true;
        }
    return out;
}

void print_table(const std::vector<const Package*>& packages) {
    int name = 4, version = 7, arch = 12;
    for (const Package* p : packages) {
        name = std::max(name, static_cast<int>(p->display_name().size()));
        version = std::max(version, static_cast<int>(p->version.str().size()));
    }
    puts(
        "Desired=Unknown/Install/Remove/Purge/Hold\n"
        "| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend\n"
        "|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)");
    printf("||/ %-*s %-*s %-*s Description\n", name, "Name", version, "Version", arch,
           "Architecture");
    auto line = [](int n) { return std::string(static_cast<size_t>(n), '='); };
    printf("+++-%s-%s-%s-%s\n", line(name).c_str(), line(version).c_str(), line(arch).c_str(),
           line(32).c_str());
    for (const Package* p : packages)
        printf("%s %-*s %-*s %-*s %s\n", value_of(*p, "db:Status-Abbrev").c_str(), name,
               p->display_name().c_str(), version,
               p->version.empty() ? "<none>" : p->version.str().c_str(), arch,
               p->arch.empty() ? "<none>" : p->arch.c_str(), summary(*p).c_str());
}

Result<int> search_paths(Database& db, const std::vector<std::string>& patterns) {
    int status = 0;
    for (const auto& pattern : patterns) {
        std::string glob = pattern[0] == '/' || pattern.find_first_of("*?[\\") != std::string::npos
                               ? pattern
                               : "*" + pattern + "*";
        std::map<std::string, std::string> found;
        for (const Package* p : db.packages()) {
            TRY_SET(auto paths, db.read_list(*p));
            for (const auto& path : paths)
                if (fnmatch(glob.c_str(), path.c_str(), 0) == 0) {
                    std::string& who = found[path];
                    who += (who.empty() ? "" : ", ") + p->display_name();
                }
        }
        for (const auto& [path, who] : found) printf("%s: %s\n", who.c_str(), path.c_str());
        if (found.empty()) {
            fprintf(stderr, "dpkg-query: no path found matching pattern %s\n", pattern.c_str());
            status = 1;
        }
    }
    return status;
}

}  // namespace

Result<int> tool_query(const std::vector<std::string>& args) {
    std::string root_dir = "/", form = "${binary:Package}\\t${Version}\\n", action, ignored;
    std::vector<std::string> words;
    for (size_t i = 0; i < args.size(); i++) {
        const std::string& a = args[i];
        if (option_value(args, i, "--root", root_dir) ||
            option_value(args, i, "--showformat", form) ||
            option_value(args, i, "--admindir", ignored) || option_value(args, i, "-f", form))
            continue;
        if (a.starts_with("-f") && a.size() > 2)
            form = a.substr(a[2] == '=' ? 3 : 2);
        else if (a == "--no-pager" || a == "--")
            continue;
        else if (a.starts_with('-') && action.empty())
            action = a;
        else if (a.starts_with('-'))
            return fail("unknown option %s", a.c_str());
        else
            words.push_back(a);
    }
    TRY_SET(Root root, Root::open(root_dir));
    TRY_SET(auto db, Database::open(root, Access::read));
    bool missing = false;
    if (action == "-W" || action == "--show") {
        for (const Package* p : select(*db, words, missing))
            fputs(expand(*p, form).c_str(), stdout);
        return missing ? 1 : 0;
    }
    if (action == "-l" || action == "--list") {
        auto found = select(*db, words, missing);
        if (!found.empty()) print_table(found);
        return missing ? 1 : 0;
    }
    if (action == "-S" || action == "--search") return search_paths(*db, words);
    if (words.empty()) return fail("'%s' needs a package name", action.c_str());
    int status = 0;
    for (size_t i = 0; i < words.size(); i++) {
        const Package* p = db->find_spec(words[i]);
        bool there = p && p->state != State::not_installed;
        if (!there) {
            fflush(stdout);
            fprintf(stderr, "dpkg-query: package '%s' is not installed\n", words[i].c_str());
            status = 1;
            continue;
        }
        if (action == "-s" || action == "--status") {
            if (i > 0) puts("");
            fputs(p->to_status().c_str(), stdout);
        } else if (action == "-L" || action == "--listfiles") {
            TRY_SET(auto paths, db->read_list(*p));
            for (const auto& path : paths) puts(path.c_str());
        } else if (action == "--control-list" || action == "--control-path" ||
                   action == "--control-show") {
            TRY_SET(auto kinds, db->info_kinds(*p));
            std::string wanted = words.size() > 1 ? words[1] : "";
            for (const auto& kind : kinds) {
                if (kind == "list" || kind == "conffiles") continue;
                if (!wanted.empty() && kind != wanted) continue;
                if (action == "--control-list")
                    puts(kind.c_str());
                else if (action == "--control-path")
                    puts(db->info_path(*p, kind).c_str());
                else if (auto text = root.read_if_there(db->info_path(*p, kind)); text && *text)
                    fputs((*text)->c_str(), stdout);
            }
            return status;
        } else {
            return fail("'%s' is not among the actions that pkg knows of dpkg-query",
                        action.c_str());
        }
    }
    return status;
}

}  // namespace tenon::pkg
