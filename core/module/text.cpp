#include "core/module/text.h"

namespace tenon::module {

namespace {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
constexpr char folded(char c) {
    return c == '-' ? '_' : c;
}

// Leading zeros off, then longer is larger.
int compare_digits(std::string_view a, std::string_view b) {
    while (!a.empty() && a.front() == '0') a.remove_prefix(1);
    while (!b.empty() && b.front() == '0') b.remove_prefix(1);
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    return a.compare(b);
}

std::string_view take_run(std::string_view& s, bool digits) {
    usize n = 0;
    while (n < s.size() && s[n] != '.' && is_digit(s[n]) == digits) ++n;
    std::string_view run = s.substr(0, n);
    s.remove_prefix(n);
    return run;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
    while (!a.empty() || !b.empty()) {
        if (int c = take_run(a, false).compare(take_run(b, false)); c != 0) return c < 0 ? -1 : 1;
        if (int c = compare_digits(take_run(a, true), take_run(b, true)); c != 0)
            return c < 0 ? -1 : 1;
        const bool more_a = !a.empty() && a.front() == '.', more_b = !b.empty() && b.front() == '.';
        if (more_a != more_b) return more_a ? 1 : -1;
        if (more_a) {
            a.remove_prefix(1);
            b.remove_prefix(1);
        } else if (a.empty() != b.empty()) {
            return a.empty() ? -1 : 1;
        }
    }
    return 0;
}

Need Need::parse(std::string_view text) {
    const usize end = text.find_first_of("<>= ");
    Need need{text.substr(0, end), {}};
    if (end != std::string_view::npos) need.range = text.substr(end);
    return need;
}

bool Need::accepts(std::string_view version) const {
    std::string_view rest = range;
    while (!rest.empty()) {
        const usize comma = rest.find(',');
        std::string_view condition = rest.substr(0, comma);
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        while (!condition.empty() && is_blank(condition.front())) condition.remove_prefix(1);
        while (!condition.empty() && is_blank(condition.back())) condition.remove_suffix(1);
        const usize operator_length = condition.find_first_not_of("<>=") == std::string_view::npos
                                          ? condition.size()
                                          : condition.find_first_not_of("<>=");
        const std::string_view op = condition.substr(0, operator_length);
        std::string_view bound = condition.substr(operator_length);
        while (!bound.empty() && is_blank(bound.front())) bound.remove_prefix(1);
        const int c = compare_versions(version, bound);
        const bool holds = op == ">="                ? c >= 0
                           : op == ">"               ? c > 0
                           : op == "<"               ? c < 0
                           : op == "<="              ? c <= 0
                           : op == "=" || op == "==" ? c == 0
                                                     : false;
        if (!holds) return false;
    }
    return true;
}

ExportSpace ExportSpace::parse(std::string_view text) {
    usize end = 0;
    // The colon that is alone.
    while (end < text.size() && (text[end] != ':' || text.substr(end).starts_with("::")))
        end += text[end] == ':' ? 2 : 1;
    if (end > text.size()) end = text.size();
    ExportSpace space{text.substr(0, end), {}};
    if (end < text.size()) space.importers = text.substr(end + 1);
    while (!space.importers.empty() && is_blank(space.importers.front()))
        space.importers.remove_prefix(1);
    return space;
}

bool ExportSpace::admits(std::string_view module) const {
    std::string_view rest = importers;
    std::string_view pattern = next_word(rest);
    if (pattern.empty()) return true;
    for (; !pattern.empty(); pattern = next_word(rest))
        if (alias_matches(pattern, module)) return true;
    return false;
}

bool covers(std::string_view imported, std::string_view space) {
    if (!space.starts_with(imported)) return false;
    const std::string_view rest = space.substr(imported.size());
    return rest.empty() || rest.starts_with("::");
}

bool same_name(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (usize i = 0; i < a.size(); ++i)
        if (folded(a[i]) != folded(b[i])) return false;
    return true;
}

std::string_view name_of_path(std::string_view path) {
    if (const usize slash = path.rfind('/'); slash != std::string_view::npos)
        path.remove_prefix(slash + 1);
    // Names may have dots of their own (net.core); compressed files have more behind ".ko".
    return path.substr(0, path.rfind(".ko"));
}

namespace {

// Matches `c` against the class behind '['; `pattern` is left behind the ']'. An unclosed class
// matches nothing.
bool match_class(std::string_view& pattern, char c) {
    bool negated = false, found = false;
    if (!pattern.empty() && (pattern.front() == '!' || pattern.front() == '^')) {
        negated = true;
        pattern.remove_prefix(1);
    }
    for (bool first = true; !pattern.empty() && (first || pattern.front() != ']'); first = false) {
        const char low = pattern.front();
        pattern.remove_prefix(1);
        char high = low;
        if (pattern.size() >= 2 && pattern[0] == '-' && pattern[1] != ']') {
            high = pattern[1];
            pattern.remove_prefix(2);
        }
        if (c >= low && c <= high) found = true;
    }
    if (pattern.empty()) return false;
    pattern.remove_prefix(1);
    return found != negated;
}

}  // namespace

bool alias_matches(std::string_view pattern, std::string_view text) {
    // The last star seen, to go back to: linear in pattern times text, no recursion.
    std::string_view star_pattern, star_text;
    bool have_star = false;
    for (;;) {
        if (!pattern.empty() && pattern.front() == '*') {
            pattern.remove_prefix(1);
            star_pattern = pattern;
            star_text = text;
            have_star = true;
            continue;
        }
        if (text.empty() && pattern.empty()) return true;
        bool step = false;
        if (!text.empty() && !pattern.empty()) {
            std::string_view rest = pattern.substr(1);
            if (pattern.front() == '?')
                step = true;
            else if (pattern.front() == '[')
                step = match_class(rest, text.front());
            else
                step = folded(pattern.front()) == folded(text.front());
            if (step) {
                pattern = rest;
                text.remove_prefix(1);
                continue;
            }
        }
        if (!have_star || star_text.empty()) return false;
        star_text.remove_prefix(1);
        pattern = star_pattern;
        text = star_text;
    }
}

Result<bool> next_parameter(std::string_view& rest, ParameterText& out) {
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    if (rest.empty()) return false;
    usize n = 0;
    while (n < rest.size() && !is_blank(rest[n]) && rest[n] != '=') ++n;
    out = {rest.substr(0, n), {}, false};
    rest.remove_prefix(n);
    if (rest.empty() || rest.front() != '=') return true;
    rest.remove_prefix(1);
    out.has_value = true;
    if (!rest.empty() && rest.front() == '"') {
        const usize close = rest.find('"', 1);
        if (close == std::string_view::npos) return Err(Error::inval);
        out.value = rest.substr(1, close - 1);
        rest.remove_prefix(close + 1);
        return true;
    }
    n = 0;
    while (n < rest.size() && !is_blank(rest[n])) ++n;
    out.value = rest.substr(0, n);
    rest.remove_prefix(n);
    return true;
}

std::string_view next_word(std::string_view& rest) {
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    usize n = 0;
    while (n < rest.size() && !is_blank(rest[n])) ++n;
    std::string_view word = rest.substr(0, n);
    rest.remove_prefix(n);
    return word;
}

std::string_view next_line(std::string_view& rest) {
    const usize end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

Result<Number> parse_number(std::string_view text) {
    Number n;
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    if (!text.empty() && text.front() == '-') {
        n.negative = true;
        text.remove_prefix(1);
    }
    u64 base = 10;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text[0] == '0') {
        base = 8;
        text.remove_prefix(1);
    }
    if (text.empty()) return Err(Error::inval);
    for (char c : text) {
        u64 digit = is_digit(c)            ? static_cast<u64>(c - '0')
                    : c >= 'a' && c <= 'f' ? static_cast<u64>(c - 'a' + 10)
                    : c >= 'A' && c <= 'F' ? static_cast<u64>(c - 'A' + 10)
                                           : 99;
        if (digit >= base) return Err(Error::inval);
        if (__builtin_mul_overflow(n.magnitude, base, &n.magnitude) ||
            __builtin_add_overflow(n.magnitude, digit, &n.magnitude))
            return Err(Error::range);
    }
    return n;
}

}  // namespace tenon::module
