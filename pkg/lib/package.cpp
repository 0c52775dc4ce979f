#include "pkg/lib/package.h"

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

constexpr const char* kWants[] = {"unknown", "install", "hold", "deinstall", "purge"};
constexpr const char* kStates[] = {
    "not-installed",   "config-files",     "half-installed",   "unpacked",
    "half-configured", "triggers-awaited", "triggers-pending", "installed",
};
constexpr const char* kMultiArch[] = {"no", "same", "foreign", "allowed"};
constexpr const char* kFields[kFieldCount] = {
    "Depends",   "Pre-Depends", "Recommends", "Suggests", "Breaks",
    "Conflicts", "Replaces",    "Provides",   "Enhances",
};

// dpkg's order of fields in the status file. What is not named here follows in the order in which
// it was read.
constexpr const char* kOrder[] = {
    "Package",      "Essential",        "Protected",        "Status",      "Priority",
    "Section",      "Installed-Size",   "Origin",           "Maintainer",  "Bugs",
    "Architecture", "Multi-Arch",       "Source",           "Version",     "Config-Version",
    "Replaces",     "Provides",         "Depends",          "Pre-Depends", "Recommends",
    "Suggests",     "Breaks",           "Conflicts",        "Enhances",    "Conffiles",
    "Description",  "Triggers-Pending", "Triggers-Awaited",
};

template <class T, size_t N>
bool from_word(std::string_view word, const char* const (&names)[N], T& out) {
    for (size_t i = 0; i < N; i++)
        if (iequals(word, names[i])) {
            out = static_cast<T>(i);
            return true;
        }
    return false;
}

Result<bool> yes_or_no(const Stanza& s, const char* field) {
    const std::string* v = s.find(field);
    if (!v || v->empty() || iequals(*v, "no")) return false;
    if (iequals(*v, "yes")) return true;
    return fail("field %s: '%s' is neither yes nor no", field, v->c_str());
}

Result<std::vector<Conffile>> parse_conffiles(const std::string& text) {
    std::vector<Conffile> out;
    for (std::string_view line : split_lines(text)) {
        line = trim(line);
        if (line.empty()) continue;
        Conffile c;
        // Flags stand at the end; the path itself may have blanks in it.
        for (bool more = true; more;) {
            more = false;
            if (line.ends_with(" obsolete")) c.obsolete = more = true, line.remove_suffix(9);
            if (line.ends_with(" remove-on-upgrade"))
                c.remove_on_upgrade = more = true, line.remove_suffix(18);
        }
        size_t blank = line.rfind(' ');
        if (blank == std::string_view::npos || line[0] != '/')
            return fail("field Conffiles: bad line '%s'", std::string(line).c_str());
        c.path = trim(line.substr(0, blank));
        c.md5 = line.substr(blank + 1);
        out.push_back(std::move(c));
    }
    return out;
}

}  // namespace

const char* to_string(Want w) {
    return kWants[static_cast<size_t>(w)];
}
const char* to_string(State s) {
    return kStates[static_cast<size_t>(s)];
}
const char* field_name(Field f) {
    return kFields[static_cast<size_t>(f)];
}

Result<Package> Package::common(const Stanza& s) {
    Package p;
    p.name = s.get("Package");
    if (p.name.empty()) return fail("no Package field");
    if (!valid_package_name(p.name)) return fail("bad package name '%s'", p.name.c_str());
    auto where = [&](Error e) { return std::unexpected(std::move(e).in("package " + p.name)); };
    p.arch = s.get("Architecture");
    if (!p.arch.empty() && !valid_architecture(p.arch))
        return where(Error{"bad architecture '" + p.arch + "'"});
    if (const std::string* v = s.find("Version"); v && !v->empty()) {
        auto parsed = Version::parse(*v);
        if (!parsed) return where(parsed.error());
        p.version = std::move(*parsed);
    }
    if (const std::string* v = s.find("Multi-Arch"); v && !v->empty())
        if (!from_word(*v, kMultiArch, p.multi_arch))
            return where(Error{"field Multi-Arch: '" + *v + "'"});
    auto essential = yes_or_no(s, "Essential");
    if (!essential) return where(essential.error());
    p.essential = *essential;
    auto is_protected = yes_or_no(s, "Protected");
    if (!is_protected) return where(is_protected.error());
    p.is_protected = *is_protected;
    static constexpr const char* kOwn[] = {
        "Package",   "Architecture",     "Version",          "Multi-Arch",
        "Essential", "Protected",        "Status",           "Config-Version",
        "Conffiles", "Triggers-Pending", "Triggers-Awaited",
    };
    for (const auto& [key, value] : s.fields()) {
        bool own = false;
        for (const char* k : kOwn) own |= iequals(k, key);
        if (!own && !value.empty()) p.fields.set(key, value);
    }
    return p;
}

Result<Package> Package::from_control(const Stanza& control) {
    TRY_SET(Package p, common(control));
    auto where = [&](Error e) { return std::unexpected(std::move(e).in("package " + p.name)); };
    if (p.version.empty()) return where(Error{"no Version field"});
    if (p.arch.empty()) return where(Error{"no Architecture field"});
    if (p.arch == "all" && p.multi_arch == MultiArch::same)
        return where(Error{"Architecture: all cannot be Multi-Arch: same"});
    for (const char* f : {"Status", "Conffiles", "Config-Version", "Triggers-Pending"})
        if (control.has(f))
            return where(Error{std::string("a package's control file must not set ") + f});
    for (const char* name : kFields) {
        const std::string* text = p.fields.find(name);
        if (!text) continue;
        auto deps = parse_dependencies(*text);
        if (!deps) return where(std::move(deps.error()).in(std::string("field ") + name));
        p.fields.set(name, to_string(*deps));
    }
    return p;
}

Result<Package> Package::from_status(const Stanza& s) {
    TRY_SET(Package p, common(s));
    auto where = [&](Error e) { return std::unexpected(std::move(e).in("package " + p.name)); };
    if (const std::string* v = s.find("Status")) {
        auto words = split_words(*v);
        if (words.size() != 3 || !from_word(words[0], kWants, p.want) ||
            !from_word(words[2], kStates, p.state) ||
            !(words[1] == "ok" || words[1] == "reinstreq"))
            return where(Error{"bad Status '" + *v + "'"});
        p.reinst_required = words[1] == "reinstreq";
    }
    if (const std::string* v = s.find("Config-Version"); v && !v->empty()) {
        auto parsed = Version::parse(*v);
        if (!parsed) return where(parsed.error());
        p.config_version = std::move(*parsed);
    } else if (p.state == State::installed || p.state == State::triggers_pending) {
        // The field is only written while it says something.
        p.config_version = p.version;
    }
    if (const std::string* v = s.find("Conffiles")) {
        auto parsed = parse_conffiles(*v);
        if (!parsed) return where(parsed.error());
        p.conffiles = std::move(*parsed);
    }
    // Named: views into a temporary would not outlive the loop's head.
    const std::string pending = s.get("Triggers-Pending"), awaited = s.get("Triggers-Awaited");
    for (std::string_view w : split_words(pending)) p.triggers_pending.emplace_back(w);
    for (std::string_view w : split_words(awaited)) p.triggers_awaited.emplace_back(w);
    return p;
}

std::string Package::to_status() const {
    Stanza out;
    auto put = [&](const char* key, std::string value) {
        if (!value.empty()) out.set(key, std::move(value));
    };
    for (const char* key : kOrder) {
        std::string_view k = key;
        if (k == "Package")
            put(key, name);
        else if (k == "Essential")
            put(key, essential ? "yes" : "");
        else if (k == "Protected")
            put(key, is_protected ? "yes" : "");
        else if (k == "Status")
            put(key, format("%s %s %s", to_string(want), reinst_required ? "reinstreq" : "ok",
                            to_string(state)));
        else if (k == "Architecture")
            put(key, arch);
        else if (k == "Multi-Arch")
            put(key,
                multi_arch == MultiArch::no ? "" : kMultiArch[static_cast<size_t>(multi_arch)]);
        else if (k == "Version")
            put(key, version.empty() ? "" : version.str());
        else if (k == "Config-Version") {
            bool told = state != State::installed && state != State::not_installed &&
                        state != State::triggers_pending;
            put(key, told && !config_version.empty() ? config_version.str() : "");
        } else if (k == "Conffiles") {
            std::string text;
            for (const auto& c : conffiles)
                text += "\n " + c.path + " " + c.md5 + (c.obsolete ? " obsolete" : "") +
                        (c.remove_on_upgrade ? " remove-on-upgrade" : "");
            put(key, std::move(text));
        } else if (k == "Triggers-Pending")
            put(key, join(triggers_pending, " "));
        else if (k == "Triggers-Awaited")
            put(key, join(triggers_awaited, " "));
        else
            put(key, fields.get(key));
    }
    for (const auto& [key, value] : fields.fields())
        if (!out.has(key)) out.set(key, value);
    return out.str();
}

void Package::take_control_from(const Package& other) {
    version = other.version;
    arch = other.arch;
    multi_arch = other.multi_arch;
    essential = other.essential;
    is_protected = other.is_protected;
    fields = other.fields;
    parsed_ = {};
}

void Package::reduce_to_config_files() {
    essential = is_protected = false;
    for (const char* f : kFields) fields.erase(f);
    triggers_pending.clear();
    triggers_awaited.clear();
    parsed_ = {};
}

const Dependencies& Package::relations(Field f) const {
    auto& slot = parsed_[static_cast<size_t>(f)];
    if (!slot) {
        // Text from a control file was checked when it came in; a status file that somebody broke
        // by hand yields no relation rather than a wrong one.
        auto parsed = parse_dependencies(fields.get(field_name(f)));
        slot = parsed ? std::move(*parsed) : Dependencies();
    }
    return *slot;
}

std::string Package::display_name() const {
    return multi_arch == MultiArch::same ? name + ":" + arch : name;
}

Conffile* Package::conffile(std::string_view path) {
    for (auto& c : conffiles)
        if (c.path == path) return &c;
    return nullptr;
}

}  // namespace tenon::pkg
