#include "pkg/tests/apk_case.h"

#include <algorithm>

#include "pkg/lib/hash.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::solver {

namespace {

// An index, or the installed database with its lines about files.
std::vector<apk::Package> read_index(const std::string& text, std::vector<std::string>& tags) {
    std::vector<apk::Package> out;
    apk::Package p;
    std::string tag;
    auto finish = [&] {
        if (!p.name.empty()) {
            out.push_back(p);
            tags.push_back(tag);
        }
        p = {};
        tag.clear();
    };
    for (std::string_view line : split_lines(text)) {
        if (line.empty()) {
            finish();
        } else if (line.starts_with("s:")) {
            tag = line.substr(2);
        } else if (auto used = apk::set_index_field(p, line[0], line.substr(2)); !used) {
            p.not_installable = used.error().text;
        }
    }
    finish();
    return out;
}

}  // namespace

std::vector<apk::Package> brief_packages(const std::string& text) {
    std::vector<apk::Package> out;
    for (std::string_view line : split_lines(text)) {
        auto words = split_words(line);
        if (words.size() < 2) continue;
        apk::Package& p = out.emplace_back();
        p.name = words[0];
        p.version = words[1];
        p.arch = "noarch";
        // Equal lines are equal packages.
        p.checksum.kind = apk::Checksum::Kind::sha1;
        p.checksum.bytes = hash_of(HashAlgorithm::sha1, line);
        for (size_t i = 2; i < words.size(); i++) {
            std::string value(words[i].substr(2));
            std::replace(value.begin(), value.end(), ',', ' ');
            if (!apk::set_index_field(p, words[i][0], value)) p.not_installable = "is malformed";
        }
    }
    return out;
}

void ApkCase::set_arguments(const std::string& line) {
    auto words = split_words(line);
    auto next = [&](size_t& i) { return ++i < words.size() ? std::string(words[i]) : ""; };
    bool verb = false;
    for (size_t i = 0; i < words.size(); i++) {
        std::string_view w = words[i];
        bool del = request.verb == ApkRequest::Verb::del;
        if (w == "-u" || w == "--upgrade") {
            request.upgrade = true;
        } else if (w == "-l" || w == "--latest") {
            request.latest = true;
        } else if (w == "-a" || w == "--available") {
            request.available = true;
        } else if (w == "-t" || w == "--virtual") {
            request.virtual_package = next(i);
        } else if (w == "-d" || w == "--depends") {
            request.depends = true;
        } else if (w == "--rdepends" || (w == "-r" && del)) {
            request.rdepends = true;
        } else if (w == "--reinstall" || w == "-r") {
            request.reinstall = true;
        } else if (w == "--ignore") {
            request.ignore = true;
        } else if (w == "--prune") {
            request.prune = true;
        } else if (w == "--no-self-upgrade") {
            request.self_upgrade = false;
        } else if (w == "--self-upgrade-only" || w == "--preupgrade-only") {
            request.self_upgrade_only = true;
        } else if (w == "--preupgrade-depends") {
            request.preupgrade_depends.push_back(next(i));
        } else if (w == "--force-broken-world") {
            request.force_broken_world = true;
        } else if (w == "--no-network") {
            for (auto& r : system.repositories) r.reachable = false;
        } else if (w.starts_with("-")) {
            continue;
        } else if (!verb) {
            verb = true;
            request.verb = w == "del"       ? ApkRequest::Verb::del
                           : w == "upgrade" ? ApkRequest::Verb::upgrade
                           : w == "fix"     ? ApkRequest::Verb::fix
                                            : ApkRequest::Verb::add;
        } else {
            request.arguments.emplace_back(w);
        }
    }
}

ApkCase ApkCase::parse(const std::string& text, const Files& file) {
    ApkCase out;
    out.system.archs = {"x86_64"};
    std::string arguments;
    std::vector<std::string> tags;
    bool expect = false;
    for (std::string_view line : split_lines(text)) {
        if (expect) {
            if (line.starts_with("ERROR")) out.refused = true;
            size_t at = line.find(") ");
            if (line.starts_with("(") && at != std::string_view::npos)
                out.changes.emplace_back(line.substr(at + 2));
            continue;
        }
        auto words = split_words(line);
        if (words.empty()) continue;
        std::string rest(trim(line.substr(words[0].size())));
        if (words[0] == "@ARGS") {
            arguments = rest;
        } else if (words[0] == "@REPO") {
            out.packages.push_back(read_index(file(std::string(words.back())), tags));
            out.system.repositories.push_back(
                {.packages = &out.packages.back(),
                 .tag = words[1].starts_with("@") ? std::string(words[1].substr(1)) : ""});
        } else if (words[0] == "@INSTALLED") {
            tags.clear();
            out.packages.push_back(read_index(file(rest), tags));
            for (size_t i = 0; i < tags.size(); i++)
                out.system.installed.push_back(
                    {.package = &out.packages.back()[i], .tag = tags[i]});
        } else if (words[0] == "@WORLD") {
            auto list = apk::parse_dependencies(rest, apk::Dependency::Tags::allowed);
            if (list) out.system.world = *list;
        } else if (words[0] == "@EXPECT") {
            expect = true;
        }
    }
    out.set_arguments(arguments);
    return out;
}

std::string ApkCase::run() const {
    auto answer = solve_apk(system, request);
    if (!answer) return refused ? "" : "an error: " + answer.error().text;
    std::string did;
    std::vector<std::string> all;
    for (const auto& stage : answer->stages)
        for (const auto& change : stage.changes) all.push_back(change.str());
    if (!answer->possible) {
        did = "refused:\n  " + join(answer->problems, "\n  ");
        return refused ? "" : did;
    }
    if (!refused && all == changes) return "";
    std::vector<std::string> a = all, b = changes;
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    std::string note = !refused && a == b ? "in another order: " : "";
    return note + "did:\n  " + join(all, "\n  ");
}

}  // namespace tenon::pkg::solver
