// dpkg-divert and dpkg-statoverride.  Spec: dpkg-divert(1), dpkg-statoverride(1).
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>

#include "pkg/cmd/dpkg_tools.h"
#include "pkg/lib/database.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

const std::string kDiversions = std::string(kAdminDir) + "/diversions";
const std::string kOverrides = std::string(kAdminDir) + "/statoverride";

std::string describe(const Diversion& d) {
    if (d.package == ":") return "local diversion of " + d.from + " to " + d.to;
    return "diversion of " + d.from + " to " + d.to + " by " + d.package;
}

Status save_diversions(Root& root, const std::vector<Diversion>& list) {
    std::string text;
    for (const auto& d : list) text += d.from + "\n" + d.to + "\n" + d.package + "\n";
    return root.write_file(kDiversions, text);
}

struct DivertOptions {
    std::string action = "--add", package, to, root = "/";
    bool local = false, rename = false, quiet = false;
    std::vector<std::string> words;
};

Result<DivertOptions> parse_divert(const std::vector<std::string>& args) {
    DivertOptions o;
    std::string ignored;
    for (size_t i = 0; i < args.size(); i++) {
        const std::string& a = args[i];
        if (option_value(args, i, "--package", o.package) ||
            option_value(args, i, "--divert", o.to) || option_value(args, i, "--root", o.root) ||
            option_value(args, i, "--admindir", ignored))
            continue;
        if (a == "--add" || a == "--remove" || a == "--list" || a == "--truename" ||
            a == "--listpackage")
            o.action = a;
        else if (a == "--local")
            o.local = true;
        else if (a == "--rename")
            o.rename = true;
        else if (a == "--quiet")
            o.quiet = true;
        else if (a == "--no-rename" || a == "--test")
            continue;
        else if (a.starts_with('-'))
            return fail("unknown option %s", a.c_str());
        else
            o.words.push_back(a);
    }
    // A script that names nobody speaks for its own package.
    if (o.package.empty() && !o.local)
        if (const char* p = getenv("DPKG_MAINTSCRIPT_PACKAGE")) o.package = p;
    if (o.package.empty()) o.package = ":";
    return o;
}

Result<int> add_diversion(Root& root, std::vector<Diversion> list, const DivertOptions& o) {
    const std::string& from = o.words[0];
    Diversion d{from, o.to.empty() ? from + ".distrib" : o.to, o.package};
    for (const auto& old : list) {
        if (old.from == d.from && old.to == d.to && old.package == d.package) {
            if (!o.quiet) printf("Leaving '%s'\n", describe(d).c_str());
            return 0;
        }
        if (old.from == d.from || old.to == d.from || old.from == d.to || old.to == d.to)
            return fail("'%s' clashes with '%s'", describe(d).c_str(), describe(old).c_str());
    }
    if (!o.quiet) printf("Adding '%s'\n", describe(d).c_str());
    if (o.rename) {
        TRY_SET(auto st, root.lstat(d.from));
        TRY_SET(auto blocked, root.lstat(d.to));
        if (st && blocked) return fail("%s is in the way of %s", d.to.c_str(), d.from.c_str());
        if (st && S_ISDIR(st->st_mode)) return fail("%s is a directory", d.from.c_str());
        if (st) TRY(root.rename(d.from, d.to));
    }
    list.push_back(std::move(d));
    TRY(save_diversions(root, list));
    return 0;
}

Result<int> remove_diversion(Root& root, std::vector<Diversion> list, const DivertOptions& o) {
    const std::string& from = o.words[0];
    for (size_t i = 0; i < list.size(); i++) {
        const Diversion d = list[i];
        if (d.from != from) continue;
        if ((!o.to.empty() && d.to != o.to) || (d.package != o.package && o.package != ":"))
            return fail("'%s' is not the one that is to be removed", describe(d).c_str());
        if (!o.quiet) printf("Removing '%s'\n", describe(d).c_str());
        list.erase(list.begin() + static_cast<long>(i));
        if (o.rename) {
            TRY_SET(bool there, root.exists(d.to));
            TRY_SET(bool blocked, root.exists(d.from));
            if (there && blocked) return fail("%s is in the way of %s", from.c_str(), d.to.c_str());
            if (there) TRY(root.rename(d.to, d.from));
        }
        TRY(save_diversions(root, list));
        return 0;
    }
    if (!o.quiet) printf("No diversion of %s, none removed.\n", from.c_str());
    return 0;
}

}  // namespace

Result<int> tool_divert(const std::vector<std::string>& args) {
    TRY_SET(DivertOptions o, parse_divert(args));
    TRY_SET(Root root, Root::open(o.root));
    Overrides overrides;
    TRY(overrides.load(root));
    if (o.action == "--list") {
        bool any = false;
        for (const auto& d : overrides.diversions()) {
            bool hit = o.words.empty();
            for (const auto& w : o.words)
                hit |= fnmatch(w.c_str(), d.from.c_str(), 0) == 0 ||
                       fnmatch(w.c_str(), d.to.c_str(), 0) == 0 ||
                       fnmatch(w.c_str(), d.package.c_str(), 0) == 0;
            if (hit) puts(describe(d).c_str());
            any |= hit;
        }
        return any || o.words.empty() ? 0 : 1;
    }
    if (o.words.size() != 1 || o.words[0][0] != '/') return fail("needs one absolute path");
    const Diversion* d = overrides.diversion_from(o.words[0]);
    if (o.action == "--truename") {
        puts(d ? d->to.c_str() : o.words[0].c_str());
        return 0;
    }
    if (o.action == "--listpackage") {
        if (!d) return 1;
        puts(d->package == ":" ? "LOCAL" : d->package.c_str());
        return 0;
    }
    if (o.action == "--remove") return remove_diversion(root, overrides.diversions(), o);
    return add_diversion(root, overrides.diversions(), o);
}

Result<int> tool_statoverride(const std::vector<std::string>& args) {
    std::string action, root_dir = "/", ignored;
    std::vector<std::string> words;
    bool update = false, force = false, quiet = false;
    for (size_t i = 0; i < args.size(); i++) {
        const std::string& a = args[i];
        if (option_value(args, i, "--root", root_dir) ||
            option_value(args, i, "--admindir", ignored))
            continue;
        if (a == "--add" || a == "--remove" || a == "--list")
            action = a;
        else if (a == "--update")
            update = true;
        else if (a == "--quiet")
            quiet = true;
        else if (a.starts_with("--force"))
            force = true;
        else if (a.starts_with("--"))
            return fail("unknown option %s", a.c_str());
        else
            words.push_back(a);
    }
    TRY_SET(Root root, Root::open(root_dir));
    TRY_SET(auto text, root.read_if_there(kOverrides));
    std::vector<std::string> lines;
    for (std::string_view line : split_lines(text.value_or(""))) lines.emplace_back(line);
    auto path_of = [](const std::string& line) {
        auto w = split_words(line);
        return w.size() < 4 ? std::string() : std::string(w[3].begin(), line.data() + line.size());
    };
    if (action == "--list") {
        bool any = false;
        for (const auto& line : lines)
            if (words.empty() || fnmatch(words[0].c_str(), path_of(line).c_str(), 0) == 0) {
                puts(line.c_str());
                any = true;
            }
        return any ? 0 : 1;
    }
    bool add = action == "--add";
    if (words.size() != (add ? 4u : 1u))
        return fail("'%s' with a wrong number of words", action.c_str());
    const std::string path = words.back();
    auto at = std::find_if(lines.begin(), lines.end(),
                           [&](const std::string& l) { return path_of(l) == path; });
    if (add && at != lines.end() && !force)
        return fail("an override for '%s' exists already", path.c_str());
    if (!add && at == lines.end()) {
        if (!quiet) fprintf(stderr, "no override for %s\n", path.c_str());
        return force ? 0 : 2;
    }
    if (at != lines.end()) lines.erase(at);
    if (add) lines.push_back(words[0] + " " + words[1] + " " + words[2] + " " + path);
    TRY(root.write_file(kOverrides, lines.empty() ? "" : join(lines, "\n") + "\n"));
    if (!add || !update) return 0;
    Overrides overrides;
    TRY(overrides.load(root));
    const StatOverride* o = overrides.stat_override(path);
    if (!o) return fail("'%s' or '%s' is no account here", words[0].c_str(), words[1].c_str());
    TRY_SET(bool there, root.exists(path));
    if (!there) return 0;
    TRY(root.chown_nofollow(path, o->uid, o->gid));
    TRY(root.chmod(path, o->mode));
    return 0;
}

}  // namespace tenon::pkg
