#include "pkg/cmd/dpkg_tools.h"

#include <stdio.h>
#include <stdlib.h>

#include "pkg/cmd/verbs.h"
#include "pkg/lib/text.h"
#include "pkg/lib/triggers.h"

namespace tenon::pkg {

bool option_value(const std::vector<std::string>& args, size_t& i, std::string_view name,
                  std::string& out) {
    std::string_view a = args[i];
    if (a == name && i + 1 < args.size()) {
        out = args[++i];
        return true;
    }
    if (a.size() > name.size() && a.starts_with(name) && a[name.size()] == '=') {
        out = a.substr(name.size() + 1);
        return true;
    }
    return false;
}

Tool find_tool(std::string_view argv0) {
    if (size_t slash = argv0.rfind('/'); slash != std::string_view::npos)
        argv0.remove_prefix(slash + 1);
    static constexpr struct {
        std::string_view name;
        Tool tool;
    } kTools[] = {
        {"dpkg", tool_dpkg},
        {"dpkg-query", tool_query},
        {"dpkg-trigger", tool_trigger},
        {"dpkg-divert", tool_divert},
        {"dpkg-statoverride", tool_statoverride},
        {"dpkg-maintscript-helper", tool_maintscript_helper},
    };
    for (const auto& t : kTools)
        if (t.name == argv0) return t.tool;
    return nullptr;
}

// Spec: dpkg(1) --compare-versions.
static Result<int> compare_versions(const std::vector<std::string>& words) {
    if (words.size() != 3) return fail("--compare-versions takes VERSION OPERATOR VERSION");
    struct {
        std::string_view name;
        bool less, equal, greater;
        // How an absent version counts: before every other, or after ("-nl").
        bool absent_is_last;
    } static constexpr kOperators[] = {
        {"lt", true, false, false, false},   {"le", true, true, false, false},
        {"eq", false, true, false, false},   {"ne", true, false, true, false},
        {"ge", false, true, true, false},    {"gt", false, false, true, false},
        {"lt-nl", true, false, false, true}, {"le-nl", true, true, false, true},
        {"ge-nl", false, true, true, true},  {"gt-nl", false, false, true, true},
        {"<", true, true, false, false},     {"<=", true, true, false, false},
        {"<<", true, false, false, false},   {"=", false, true, false, false},
        {">", false, true, true, false},     {">=", false, true, true, false},
        {">>", false, false, true, false},
    };
    for (const auto& op : kOperators) {
        if (op.name != words[1]) continue;
        auto absent = [](std::string_view v) { return trim(v).empty() || v == "<unknown>"; };
        bool no_a = absent(words[0]), no_b = absent(words[2]);
        int order;
        if (no_a || no_b) {
            order = no_a && no_b ? 0 : no_a != op.absent_is_last ? -1 : 1;
        } else {
            TRY_SET(Version a, Version::parse(words[0]));
            TRY_SET(Version b, Version::parse(words[2]));
            order = compare(a, b);
        }
        return (order < 0 ? op.less : order > 0 ? op.greater : op.equal) ? 0 : 1;
    }
    return fail("unknown operator '%s'", words[1].c_str());
}

static Result<int> with_verb(const char* verb, Options options, const Words& words) {
    if (Status s = find_verb(verb)->run(options, words); !s) return std::unexpected(s.error());
    return 0;
}

Result<int> tool_dpkg(const std::vector<std::string>& args) {
    Options options;
    Words words;
    std::string action;
    bool all = false;
    for (size_t i = 0; i < args.size(); i++) {
        const std::string& a = args[i];
        if (!action.empty() && action == "--compare-versions") {
            if (a != "--") words.push_back(a);
        } else if (option_value(args, i, "--root", options.root)) {
            continue;
        } else if (a == "-a" || a == "--pending") {
            all = true;
        } else if (a == "--force-confold") {
            options.engine.conffiles = ConffilePolicy::keep_old;
        } else if (a == "--force-confnew") {
            options.engine.conffiles = ConffilePolicy::take_new;
        } else if (a == "--force-depends") {
            options.engine.ignore_depends = true;
        } else if (a.starts_with("--force-") || a.starts_with("--no-") || a == "--quiet") {
            continue;
        } else if (a.starts_with('-') && action.empty()) {
            action = a;
        } else {
            words.push_back(a);
        }
    }
    if (action == "--compare-versions") return compare_versions(words);
    if (action == "--print-architecture" || action == "--print-foreign-architectures") {
        TRY_SET(Root root, Root::open(options.root));
        TRY_SET(auto db, Database::open(root, Access::read));
        if (action == "--print-architecture") puts(db->native_arch().c_str());
        return 0;
    }
    if (action == "--version")
        return puts(
                   "Debian 'dpkg' package management program version "
                   "1.21.22 (amd64), as far as pkg stands in for it."),
               0;
    if (action.starts_with("--assert-")) return 0;
    if (action.starts_with("--validate-")) {
        if (words.size() != 1) return fail("%s takes one word", action.c_str());
        if (action == "--validate-pkgname") return valid_package_name(words[0]) ? 0 : 1;
        if (action == "--validate-archname") return valid_architecture(words[0]) ? 0 : 1;
        if (action == "--validate-trigname") return valid_trigger_name(words[0]) ? 0 : 1;
        if (action == "--validate-version") return Version::parse(words[0]) ? 0 : 1;
    }
    if (action == "-i" || action == "--install") return with_verb("install", options, words);
    if (action == "-r" || action == "--remove") return with_verb("remove", options, words);
    if (action == "-P" || action == "--purge") {
        options.purge = Purge::yes;
        return with_verb("remove", options, words);
    }
    if (action == "--configure") return with_verb("configure", options, all ? Words() : words);
    if (action == "-V" || action == "--verify") return with_verb("verify", options, words);
    static constexpr std::string_view kQueries[] = {
        "-s", "--status", "-l", "--list", "-L", "--listfiles", "-S", "--search", "-W", "--show",
    };
    for (std::string_view q : kQueries)
        if (action == q) return tool_query(args);
    return fail("'%s' is not among the actions that pkg knows of dpkg", action.c_str());
}

// Spec: dpkg-trigger(1).
Result<int> tool_trigger(const std::vector<std::string>& args) {
    std::string by, name, admindir;
    bool await = true, act = true;
    for (size_t i = 0; i < args.size(); i++) {
        if (option_value(args, i, "--by-package", by) ||
            option_value(args, i, "--admindir", admindir))
            continue;
        if (args[i] == "--check-supported") return 0;
        if (args[i] == "--no-await")
            await = false;
        else if (args[i] == "--await")
            await = true;
        else if (args[i] == "--no-act")
            act = false;
        else if (args[i].starts_with('-'))
            return fail("unknown option %s", args[i].c_str());
        else if (name.empty())
            name = args[i];
        else
            return fail("takes one trigger name");
    }
    if (!valid_trigger_name(name)) return fail("invalid trigger name '%s'", name.c_str());
    if (by.empty()) {
        const char* package = getenv("DPKG_MAINTSCRIPT_PACKAGE");
        const char* arch = getenv("DPKG_MAINTSCRIPT_ARCH");
        if (package)
            by = package + (arch ? std::string(":") + arch : "");
        else if (await)
            return fail("must be called from a maintainer script (or with --by-package)");
    }
    if (!act) return 0;
    TRY_SET(Root root, Root::open("/"));
    TRY(queue_trigger(root, name, await ? by : "-"));
    return 0;
}

}  // namespace tenon::pkg
