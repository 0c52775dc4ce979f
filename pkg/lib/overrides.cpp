#include "pkg/lib/overrides.h"

#include "pkg/lib/database.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

Status Overrides::load(Root& root) {
    diversions_.clear();
    stats_.clear();
    std::string dir = kAdminDir;
    TRY_SET(auto text, root.read_if_there(dir + "/diversions"));
    if (text) {
        auto lines = split_lines(*text);
        if (lines.size() % 3) return fail("%s/diversions: incomplete", kAdminDir);
        for (size_t i = 0; i < lines.size(); i += 3)
            diversions_.push_back(
                {std::string(lines[i]), std::string(lines[i + 1]), std::string(lines[i + 2])});
    }
    TRY_SET(auto stats, root.read_if_there(dir + "/statoverride"));
    if (!stats) return {};
    Accounts accounts;
    TRY(accounts.load(root));
    for (std::string_view line : split_lines(*stats)) {
        auto words = split_words(line);
        if (words.empty()) continue;
        if (words.size() < 4)
            return fail("%s/statoverride: bad line '%s'", kAdminDir, std::string(line).c_str());
        unsigned long long mode = 0, number = 0;
        StatOverride s = {};
        if (!parse_u64(words[2], mode, 8))
            return fail("%s/statoverride: bad mode in '%s'", kAdminDir, std::string(line).c_str());
        s.mode = static_cast<mode_t>(mode) & 07777;
        // "#NUMBER" or a name; an account that is not there yet makes the override wait.
        if (words[0].starts_with('#') && parse_u64(words[0].substr(1), number))
            s.uid = static_cast<uid_t>(number);
        else if (auto u = accounts.user(std::string(words[0])))
            s.uid = *u;
        else
            continue;
        if (words[1].starts_with('#') && parse_u64(words[1].substr(1), number))
            s.gid = static_cast<gid_t>(number);
        else if (auto g = accounts.group(std::string(words[1])))
            s.gid = *g;
        else
            continue;
        stats_[std::string(line.substr(
            line.find(words[3], static_cast<size_t>(words[2].end() - line.begin()))))] = s;
    }
    return {};
}

const Diversion* Overrides::diversion_from(std::string_view path) const {
    for (const auto& d : diversions_)
        if (d.from == path) return &d;
    return nullptr;
}

const Diversion* Overrides::diversion_to(std::string_view path) const {
    for (const auto& d : diversions_)
        if (d.to == path) return &d;
    return nullptr;
}

std::string Overrides::divert(std::string_view path, std::string_view package) const {
    const Diversion* d = diversion_from(path);
    return d && d->package != package ? d->to : std::string(path);
}

const StatOverride* Overrides::stat_override(std::string_view path) const {
    auto it = stats_.find(path);
    return it == stats_.end() ? nullptr : &it->second;
}

static void load_accounts(const std::optional<std::string>& text,
                          std::map<std::string, unsigned>& out) {
    if (!text) return;
    for (std::string_view line : split_lines(*text)) {
        auto f = split(line, ':');
        unsigned long long id = 0;
        if (f.size() >= 3 && parse_u64(f[2], id) && id < 0xffffffff)
            out.emplace(std::string(f[0]), static_cast<unsigned>(id));
    }
}

Status Accounts::load(Root& root) {
    users_.clear();
    groups_.clear();
    TRY_SET(auto users, root.read_if_there("/etc/passwd"));
    TRY_SET(auto groups, root.read_if_there("/etc/group"));
    load_accounts(users, users_);
    load_accounts(groups, groups_);
    return {};
}

std::optional<uid_t> Accounts::user(const std::string& name) const {
    auto it = users_.find(name);
    if (it == users_.end()) return std::nullopt;
    return it->second;
}

std::optional<gid_t> Accounts::group(const std::string& name) const {
    auto it = groups_.find(name);
    if (it == groups_.end()) return std::nullopt;
    return it->second;
}

}  // namespace tenon::pkg
