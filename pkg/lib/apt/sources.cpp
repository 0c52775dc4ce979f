#include "pkg/lib/apt/sources.h"

#include <errno.h>

#include <algorithm>

#include "pkg/lib/deb822.h"
#include "pkg/lib/hash.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apt {

namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view s) {
    Words out;
    for (std::string_view w : split_words(s)) out.emplace_back(w);
    return out;
}

std::optional<bool> truth(std::string_view s) {
    for (const char* w : {"yes", "true", "with", "on", "enable", "1"})
        if (iequals(s, w)) return true;
    for (const char* w : {"no", "false", "without", "off", "disable", "0"})
        if (iequals(s, w)) return false;
    return std::nullopt;
}

std::string lower(std::string_view s) {
    std::string out(s);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return out;
}

// What both forms say, before it is expanded.
struct Description {
    Words types, uris, suites, components;
    Words architectures;
    std::string signed_by;
    std::optional<bool> trusted;
    bool by_hash = true, check_valid_until = true;
};

// An option by its deb822 name in lower case.
Status set_option(Description& d, const std::string& name, std::string_view value) {
    std::string shown(trim(value));
    auto yes_or_no = [&]() -> Result<bool> {
        auto t = truth(shown);
        if (!t) return fail("%s: '%s' is neither yes nor no", name.c_str(), shown.c_str());
        return *t;
    };
    if (name == "architectures") {
        d.architectures = words_of(shown);
    } else if (name == "architectures-add") {
        for (auto& w : words_of(shown)) d.architectures.push_back(w);
    } else if (name == "architectures-remove") {
        for (auto& w : words_of(shown)) std::erase(d.architectures, w);
    } else if (name == "signed-by") {
        d.signed_by = shown;
    } else if (name == "trusted") {
        TRY_SET(d.trusted, yes_or_no());
    } else if (name == "check-valid-until") {
        TRY_SET(d.check_valid_until, yes_or_no());
    } else if (name == "by-hash") {
        if (iequals(shown, "force"))
            d.by_hash = true;
        else {
            TRY_SET(d.by_hash, yes_or_no());
        }
    }
    // Languages, targets, pdiffs and the like are about files that are not fetched here.
    return {};
}

Status expand(const Description& d, const std::string& arch, const std::string& where,
              std::vector<Source>& out) {
    if (std::find(d.types.begin(), d.types.end(), "deb") == d.types.end()) return {};
    if (d.uris.empty() || d.suites.empty())
        return fail("%s: a source needs a URI and a suite", where.c_str());
    for (std::string uri : d.uris) {
        size_t colon = uri.find(':');
        if (colon == std::string::npos || colon == 0)
            return fail("%s: '%s' is no URI", where.c_str(), uri.c_str());
        if (!uri.ends_with('/')) uri += '/';
        for (std::string suite : d.suites) {
            for (size_t at; (at = suite.find("$(ARCH)")) != std::string::npos;)
                suite.replace(at, 7, arch);
            if (suite.starts_with('/') || ("/" + suite + "/").contains("/../"))
                return fail("%s: '%s' is no suite", where.c_str(), suite.c_str());
            Source s{.uri = uri,
                     .suite = suite,
                     .components = d.components,
                     .architectures = d.architectures,
                     .signed_by = d.signed_by,
                     .trusted = d.trusted,
                     .by_hash = d.by_hash,
                     .check_valid_until = d.check_valid_until,
                     .where = where};
            if (s.is_flat() != s.components.empty())
                return fail("%s: %s", where.c_str(),
                            s.is_flat() ? "a suite that ends in a slash has no components"
                                        : "a component is missing (or the suite's last slash)");
            for (const std::string& c : s.components)
                if (c.starts_with('/') || ("/" + c + "/").contains("/../"))
                    return fail("%s: '%s' is no component", where.c_str(), c.c_str());
            out.push_back(std::move(s));
        }
    }
    return {};
}

// "[a=b c=d,e]": moves `line` behind it.
Status read_options(std::string_view& line, Description& d) {
    if (!line.starts_with('[')) return {};
    size_t end = line.find(']');
    if (end == std::string_view::npos) return fail("the options have no end");
    for (std::string_view word : split_words(line.substr(1, end - 1))) {
        size_t eq = word.find('=');
        if (eq == std::string_view::npos || eq == 0)
            return fail("'%s' is no option", std::string(word).c_str());
        std::string name = lower(word.substr(0, eq)), value(word.substr(eq + 1));
        std::replace(value.begin(), value.end(), ',', ' ');
        std::string suffix;
        if (name.ends_with('+')) suffix = "-add", name.pop_back();
        if (name.ends_with('-')) suffix = "-remove", name.pop_back();
        if (name == "arch") name = "architectures";
        TRY(set_option(d, name + suffix, value));
    }
    line = trim(line.substr(end + 1));
    return {};
}

}  // namespace

std::string Source::release_uri() const {
    if (!is_flat()) return uri + "dists/" + suite + "/";
    std::string_view s = suite;
    while (s.starts_with("./")) s.remove_prefix(2);
    if (s == "/") s = "";
    return uri + std::string(s);
}

std::string Source::list_name() const {
    std::string out, from = release_uri();
    size_t at = from.find("://");
    if (at != std::string::npos)
        from = from.substr(at + 3);
    else
        from = from.substr(from.find(':') + 1);
    for (char c : from) {
        if (c == '/')
            out += '_';
        else if (is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '+')
            out += c;
        else
            out += format("%%%02x", static_cast<unsigned char>(c));
    }
    // A file name has at most 255 bytes, and others are hung on to it.
    if (out.size() > 120)
        out = out.substr(0, 80) + to_hex(hash_of(HashAlgorithm::sha256, from)).substr(0, 32) + "_";
    return out;
}

Result<std::vector<Source>> parse_one_line_sources(std::string_view text, const std::string& name,
                                                   const std::string& arch) {
    std::vector<Source> out;
    size_t number = 0;
    for (std::string_view line : split_lines(text)) {
        number++;
        std::string where = format("%s:%zu", name.c_str(), number);
        line = trim(line.substr(0, line.find('#')));
        if (line.empty()) continue;
        Description d;
        size_t blank = line.find_first_of(" \t");
        std::string type(line.substr(0, blank));
        if (type != "deb" && type != "deb-src")
            return fail("%s: '%s' is neither deb nor deb-src", where.c_str(), type.c_str());
        d.types = {type};
        line = blank == std::string_view::npos ? "" : trim(line.substr(blank));
        if (Status s = read_options(line, d); !s)
            return std::unexpected(std::move(s.error()).in(where));
        Words words = words_of(line);
        if (words.size() < 2) return fail("%s: a source needs a URI and a suite", where.c_str());
        d.uris = {words[0]};
        d.suites = {words[1]};
        d.components.assign(words.begin() + 2, words.end());
        TRY(expand(d, arch, where, out));
    }
    return out;
}

Result<std::vector<Source>> parse_deb822_sources(std::string_view text, const std::string& name,
                                                 const std::string& arch) {
    std::vector<Source> out;
    auto stanzas = parse_stanzas(text);
    if (!stanzas) return std::unexpected(std::move(stanzas.error()).in(name));
    size_t number = 0;
    for (const Stanza& s : *stanzas) {
        std::string where = format("%s, stanza %zu", name.c_str(), ++number);
        if (const std::string* enabled = s.find("Enabled"); enabled && truth(*enabled) == false)
            continue;
        Description d;
        d.types = words_of(s.get("Types"));
        d.uris = words_of(s.get("URIs"));
        d.suites = words_of(s.get("Suites"));
        d.components = words_of(s.get("Components"));
        for (const auto& [key, value] : s.fields())
            if (Status set = set_option(d, lower(key), value); !set)
                return std::unexpected(std::move(set.error()).in(where));
        TRY(expand(d, arch, where, out));
    }
    return out;
}

Result<std::vector<Source>> read_sources(Root& root, const std::string& arch) {
    std::vector<Source> all;
    auto add = [&](const std::string& path, auto parse) -> Status {
        TRY_SET(auto text, root.read_if_there(path));
        if (!text) return {};
        TRY_SET(auto some, parse(*text, path, arch));
        for (auto& s : some) {
            bool known = std::any_of(all.begin(), all.end(), [&](const Source& o) {
                return o.uri == s.uri && o.suite == s.suite && o.components == s.components &&
                       o.architectures == s.architectures;
            });
            if (!known) all.push_back(std::move(s));
        }
        return {};
    };
    TRY(add("/etc/apt/sources.list", parse_one_line_sources));
    auto names = root.list("/etc/apt/sources.list.d");
    if (!names) {
        if (names.error().code == ENOENT) return all;
        return std::unexpected(names.error());
    }
    for (const auto& n : *names) {
        std::string path = "/etc/apt/sources.list.d/" + n;
        if (n.starts_with('.')) continue;
        if (n.ends_with(".list")) TRY(add(path, parse_one_line_sources));
        if (n.ends_with(".sources")) TRY(add(path, parse_deb822_sources));
    }
    return all;
}

}  // namespace tenon::pkg::apt
