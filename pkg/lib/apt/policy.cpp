#include "pkg/lib/apt/policy.h"

#include <errno.h>
#include <fnmatch.h>

#include <algorithm>

#include "pkg/lib/deb822.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apt {

namespace {

constexpr int kInstalledPriority = 100, kDowngrade = 1000;

bool matches(const std::string& pattern, std::string_view text) {
    return fnmatch(pattern.c_str(), std::string(text).c_str(), 0) == 0;
}

std::string unquoted(std::string_view s) {
    s = trim(s);
    if (s.size() >= 2 && s.front() == '"' && s.back() == '"') s = s.substr(1, s.size() - 2);
    return std::string(s);
}

// "a=stable,o=Debian".
Status read_conditions(std::string_view text, Pin& pin) {
    for (std::string_view part : split(text, ',')) {
        part = trim(part);
        size_t eq = part.find('=');
        if (eq == std::string_view::npos)
            return fail("Pin: '%s' is no condition", std::string(part).c_str());
        pin.conditions.emplace_back(trim(part.substr(0, eq)), unquoted(part.substr(eq + 1)));
    }
    return {};
}

// The host of a URI; empty for a local one.
std::string host_of(const std::string& uri) {
    size_t at = uri.find("://");
    if (at == std::string::npos) return {};
    return uri.substr(at + 3, uri.find('/', at + 3) - at - 3);
}

bool release_fits(const Pin& pin, const Origin& o, const Record& r) {
    for (const auto& [key, value] : pin.conditions) {
        bool fits = false;
        if (key == "a" || key == "archive" || key == "suite")
            fits = matches(value, o.release.suite) || matches(value, o.release.codename);
        else if (key == "n" || key == "codename")
            fits = matches(value, o.release.codename);
        else if (key == "o" || key == "origin")
            fits = matches(value, o.release.origin);
        else if (key == "l" || key == "label")
            fits = matches(value, o.release.label);
        else if (key == "v" || key == "version")
            fits = matches(value, o.release.version);
        else if (key == "b" || key == "architecture")
            fits = matches(value, r.arch);
        else if (key == "c" || key == "component")
            fits = std::any_of(o.source.components.begin(), o.source.components.end(),
                               [&](const std::string& c) { return matches(value, c); });
        if (!fits) return false;
    }
    return true;
}

bool pin_fits(const Pin& pin, const Origin& o, const Record& r) {
    switch (pin.kind) {
        case Pin::Kind::release:
            return release_fits(pin, o, r);
        case Pin::Kind::origin:
            return matches(pin.value, host_of(o.source.uri));
        case Pin::Kind::version:
            return matches(pin.value, r.version);
    }
    return false;
}

int priority_of(const Available& available, const std::vector<Pin>& pins, const Record& r) {
    const Origin& o = available.origins[r.origin];
    // Those that name a package come before those for all; of each kind the first that fits.
    for (bool specific : {true, false})
        for (const Pin& pin : pins)
            for (const std::string& p : pin.packages)
                if ((p != "*") == specific && matches(p, r.name) && pin_fits(pin, o, r))
                    return pin.priority;
    return o.priority;
}

}  // namespace

Result<std::vector<Pin>> parse_preferences(std::string_view text) {
    std::vector<Pin> out;
    TRY_SET(auto stanzas, parse_stanzas(text));
    for (const Stanza& s : stanzas) {
        Pin pin;
        const std::string packages = s.get("Package");
        for (std::string_view w : split_words(packages)) pin.packages.emplace_back(w);
        std::string what = s.get("Pin");
        if (pin.packages.empty() && what.empty()) continue;  // Explanation alone
        size_t blank = what.find_first_of(" \t");
        std::string kind = what.substr(0, blank);
        std::string rest = blank == std::string::npos ? "" : std::string(trim(what.substr(blank)));
        if (kind == "release") {
            TRY(read_conditions(rest, pin));
        } else if (kind == "version" || kind == "origin") {
            pin.kind = kind == "version" ? Pin::Kind::version : Pin::Kind::origin;
            pin.value = unquoted(rest);
        } else {
            return fail("Pin: '%s' is neither release, version nor origin", kind.c_str());
        }
        std::string priority = s.get("Pin-Priority");
        bool negative = priority.starts_with('-');
        unsigned long long value = 0;
        if (!parse_u64(std::string_view(priority).substr(negative), value) || value > 32767)
            return fail("Pin-Priority: '%s' is no priority", priority.c_str());
        pin.priority = negative ? -static_cast<int>(value) : static_cast<int>(value);
        if (pin.packages.empty()) return fail("a pin names no package");
        out.push_back(std::move(pin));
    }
    return out;
}

Result<std::vector<Pin>> read_preferences(Root& root) {
    std::vector<std::string> paths = {"/etc/apt/preferences"};
    auto names = root.list("/etc/apt/preferences.d");
    if (!names && names.error().code != ENOENT) return std::unexpected(names.error());
    if (names)
        for (const auto& n : *names)
            // Spec: apt_preferences(5): no extension, or "pref".
            if (!n.starts_with('.') && (!n.contains('.') || n.ends_with(".pref")))
                paths.push_back("/etc/apt/preferences.d/" + n);
    std::vector<Pin> out;
    for (const auto& path : paths) {
        TRY_SET(auto text, root.read_if_there(path));
        if (!text) continue;
        auto pins = parse_preferences(*text);
        if (!pins) return std::unexpected(std::move(pins.error()).in(path));
        for (auto& p : *pins) out.push_back(std::move(p));
    }
    return out;
}

std::vector<uint32_t> candidates(const Available& available, const std::vector<Pin>& pins,
                                 Database& db) {
    struct Best {
        uint32_t number;
        int priority;
        Version version;
    };
    const auto& records = available.catalog.records();
    std::vector<uint32_t> out;
    std::vector<Best> best;  // of one name, one an architecture
    for (size_t i = 0; i < records.size();) {
        size_t end = i + 1;
        while (end < records.size() && records[end].name == records[i].name) end++;
        std::vector<Package*> there = db.instances(records[i].name);
        best.clear();
        for (size_t k = i; k < end; k++) {
            const Record& r = records[k];
            int priority = priority_of(available, pins, r);
            if (priority < 0) continue;
            auto parsed = Version::parse(r.version);
            if (!parsed) continue;
            const Package* installed = nullptr;
            for (const Package* p : there)
                if (p->is_unpacked() && (p->arch == r.arch || p->arch == "all" || r.arch == "all"))
                    installed = p;
            if (installed) {
                int order = compare(*parsed, installed->version);
                if (order < 0 && priority <= kDowngrade) continue;
                if (order > 0 && priority < kInstalledPriority) continue;
            }
            auto same = std::find_if(best.begin(), best.end(), [&](const Best& b) {
                std::string_view a = records[b.number].arch;
                return a == r.arch || a == "all" || r.arch == "all";
            });
            Best now{static_cast<uint32_t>(k), priority, std::move(*parsed)};
            if (same == best.end())
                best.push_back(std::move(now));
            else if (now.priority > same->priority ||
                     (now.priority == same->priority && compare(now.version, same->version) > 0))
                *same = std::move(now);
        }
        for (const Best& b : best) out.push_back(b.number);
        i = end;
    }
    return out;
}

}  // namespace tenon::pkg::apt
