#include "pkg/lib/relation.h"

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

const char* relation_text(Relation r) {
    switch (r) {
        case Relation::none:
            return "";
        case Relation::lt:
            return "<<";
        case Relation::le:
            return "<=";
        case Relation::eq:
            return "=";
        case Relation::ge:
            return ">=";
        case Relation::gt:
            return ">>";
    }
    return "";
}

Result<Alternative> parse_alternative(std::string_view text) {
    std::string_view s = trim(text);
    std::string shown(s);
    size_t i = 0;
    while (i < s.size() && !is_space(s[i]) && s[i] != '(' && s[i] != ':') i++;
    Alternative a;
    a.name = s.substr(0, i);
    if (!valid_package_name(a.name)) return fail("'%s' does not name a package", shown.c_str());
    if (i < s.size() && s[i] == ':') {
        size_t start = ++i;
        while (i < s.size() && !is_space(s[i]) && s[i] != '(') i++;
        a.arch = s.substr(start, i - start);
        if (!valid_architecture(a.arch)) return fail("'%s': bad architecture", shown.c_str());
    }
    s = trim(s.substr(i));
    if (s.empty()) return a;
    if (s.front() != '(' || s.back() != ')')
        return fail("'%s': expected a version in parentheses", shown.c_str());
    s = trim(s.substr(1, s.size() - 2));
    struct {
        std::string_view text;
        Relation relation;
    } constexpr kOperators[] = {
        {">=", Relation::ge},
        {"<=", Relation::le},
        {">>", Relation::gt},
        {"<<", Relation::lt},
        // The two obsolete forms mean "or equal", as in dpkg.
        {"=", Relation::eq},
        {">", Relation::ge},
        {"<", Relation::le},
    };
    a.relation = Relation::eq;
    for (const auto& op : kOperators)
        if (s.starts_with(op.text)) {
            a.relation = op.relation;
            s.remove_prefix(op.text.size());
            break;
        }
    auto v = Version::parse(s);
    if (!v) return std::unexpected(std::move(v.error()).in("'" + shown + "'"));
    a.version = std::move(*v);
    return a;
}

}  // namespace

std::string Alternative::str() const {
    std::string out = name;
    if (!arch.empty()) out += ":" + arch;
    if (relation != Relation::none)
        out += format(" (%s %s)", relation_text(relation), version.str().c_str());
    return out;
}

Result<Dependencies> parse_dependencies(std::string_view field) {
    Dependencies out;
    if (trim(field).empty()) return out;
    auto elements = split(field, ',');
    for (size_t i = 0; i < elements.size(); i++) {
        // A trailing comma is common in the wild and means nothing.
        if (trim(elements[i]).empty() && i + 1 == elements.size()) break;
        Dependency d;
        for (std::string_view alternative : split(elements[i], '|')) {
            TRY_SET(Alternative a, parse_alternative(alternative));
            d.push_back(std::move(a));
        }
        out.push_back(std::move(d));
    }
    return out;
}

std::string to_string(const Dependency& dep) {
    std::string out;
    for (const auto& a : dep) {
        if (!out.empty()) out += " | ";
        out += a.str();
    }
    return out;
}

std::string to_string(const Dependencies& deps) {
    std::string out;
    for (const auto& d : deps) {
        if (!out.empty()) out += ", ";
        out += to_string(d);
    }
    return out;
}

}  // namespace tenon::pkg
