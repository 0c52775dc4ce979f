#include "pkg/lib/deb822.h"

#include "pkg/lib/text.h"

namespace tenon::pkg {

const std::string* Stanza::find(std::string_view name) const {
    for (const auto& [key, value] : fields_)
        if (iequals(key, name)) return &value;
    return nullptr;
}

std::string Stanza::get(std::string_view name) const {
    const std::string* v = find(name);
    return v ? *v : std::string();
}

void Stanza::set(std::string_view name, std::string value) {
    for (auto& [key, old] : fields_)
        if (iequals(key, name)) {
            old = std::move(value);
            return;
        }
    fields_.emplace_back(std::string(name), std::move(value));
}

void Stanza::erase(std::string_view name) {
    std::erase_if(fields_, [&](const auto& f) { return iequals(f.first, name); });
}

std::string Stanza::str() const {
    std::string out;
    for (const auto& [key, value] : fields_) {
        out += key + ":";
        // A value that starts on the next line ("Conffiles:") has no blank after the colon.
        if (!value.empty() && value[0] != '\n') out += " ";
        out += value + "\n";
    }
    return out;
}

static bool valid_field_name(std::string_view s) {
    if (s.empty() || s[0] == '-' || s[0] == '#') return false;
    for (char c : s)
        if (c <= ' ' || c >= 127 || c == ':') return false;
    return true;
}

Result<std::vector<Stanza>> parse_stanzas(std::string_view text) {
    std::vector<Stanza> out;
    Stanza current;
    std::string name, value;
    bool in_field = false;
    auto finish_field = [&]() -> Status {
        if (!in_field) return {};
        if (current.has(name)) return fail("field %s appears twice in one stanza", name.c_str());
        while (!value.empty() && is_space(value.back())) value.pop_back();
        current.set(name, std::move(value));
        in_field = false;
        return {};
    };
    size_t line_number = 0;
    for (std::string_view line : split_lines(text)) {
        line_number++;
        auto at_line = [&](Error e) { return std::move(e).in(format("line %zu", line_number)); };
        if (line.contains('\0')) return fail("line %zu: a NUL byte", line_number);
        if (trim(line).empty()) {
            if (auto r = finish_field(); !r) return std::unexpected(at_line(r.error()));
            if (!current.empty()) out.push_back(std::move(current));
            current = Stanza();
        } else if (line[0] == ' ' || line[0] == '\t') {
            if (!in_field)
                return fail("line %zu: a continuation line before any field", line_number);
            // Blanks at the end of a line stay unless the whole value ends there: dpkg keeps them.
            value += "\n";
            value += line;
        } else if (line[0] == '#') {
            continue;
        } else {
            if (auto r = finish_field(); !r) return std::unexpected(at_line(r.error()));
            size_t colon = line.find(':');
            if (colon == std::string_view::npos)
                return fail("line %zu: no colon after the field name", line_number);
            std::string_view key = line.substr(0, colon);
            while (!key.empty() && is_space(key.back())) key.remove_suffix(1);
            if (!valid_field_name(key))
                return fail("line %zu: '%s' is no field name", line_number,
                            std::string(key).c_str());
            name = key;
            line.remove_prefix(colon + 1);
            while (!line.empty() && is_space(line[0])) line.remove_prefix(1);
            value = line;
            in_field = true;
        }
    }
    if (auto r = finish_field(); !r) return std::unexpected(r.error());
    if (!current.empty()) out.push_back(std::move(current));
    return out;
}

Result<Stanza> parse_control(std::string_view text) {
    TRY_SET(auto all, parse_stanzas(text));
    if (all.empty()) return fail("no fields in it");
    if (all.size() > 1) return fail("more than one stanza in it");
    return std::move(all.front());
}

}  // namespace tenon::pkg
