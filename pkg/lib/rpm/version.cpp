#include "pkg/lib/rpm/version.h"

#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

bool separates(char c) {
    return !is_digit(c) && !is_alpha(c) && c != '~' && c != '^';
}

// Takes the leading run of characters that `belongs` accepts off `s`.
template <class Predicate>
std::string_view take_run(std::string_view& s, Predicate belongs) {
    size_t n = 0;
    while (n < s.size() && belongs(s[n])) n++;
    std::string_view run = s.substr(0, n);
    s.remove_prefix(n);
    return run;
}

int sign(int n) {
    return (n > 0) - (n < 0);
}

int compare_numbers(std::string_view a, std::string_view b) {
    take_run(a, [](char c) { return c == '0'; });
    take_run(b, [](char c) { return c == '0'; });
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    return sign(a.compare(b));
}

int compare_epochs(const Evr& a, const Evr& b) {
    return compare_numbers(a.epoch, b.epoch);
}

}  // namespace

int compare_segments(std::string_view a, std::string_view b) {
    if (a == b) return 0;
    for (;;) {
        take_run(a, separates);
        take_run(b, separates);
        char x = a.empty() ? '\0' : a.front();
        char y = b.empty() ? '\0' : b.front();
        if (x == '~' || y == '~') {
            if (x != y) return x == '~' ? -1 : 1;
        } else if (x == '^' || y == '^') {
            // A caret is more than the end, and less than anything else that follows.
            if (x != y) return x == '^' ? (b.empty() ? 1 : -1) : (a.empty() ? -1 : 1);
        } else {
            if (a.empty() || b.empty()) return static_cast<int>(!a.empty()) - !b.empty();
            if (is_digit(x) != is_digit(y)) return is_digit(x) ? 1 : -1;
            int order = is_digit(x) ? compare_numbers(take_run(a, is_digit), take_run(b, is_digit))
                                    : sign(take_run(a, is_alpha).compare(take_run(b, is_alpha)));
            if (order) return order;
            continue;
        }
        a.remove_prefix(1);
        b.remove_prefix(1);
    }
}

Evr Evr::parse(std::string_view text) {
    Evr out;
    std::string_view rest = text;
    std::string_view digits = take_run(rest, is_digit);
    if (rest.starts_with(':')) {
        out.epoch = digits.empty() ? "0" : digits;
        text = rest.substr(1);
    }
    size_t dash = text.rfind('-');
    out.version = text.substr(0, dash);
    if (dash != std::string_view::npos) out.release = text.substr(dash + 1);
    return out;
}

std::string Evr::str() const {
    std::string out = epoch.empty() ? version : epoch + ":" + version;
    if (!release.empty()) out += "-" + release;
    return out;
}

int compare(const Evr& a, const Evr& b) {
    if (int order = compare_epochs(a, b)) return order;
    if (int order = compare_segments(a.version, b.version)) return order;
    if (a.release.empty() || b.release.empty())
        return static_cast<int>(!a.release.empty()) - !b.release.empty();
    return compare_segments(a.release, b.release);
}

bool overlap(const Evr& a, SenseFlags a_sense, const Evr& b, SenseFlags b_sense) {
    int order = compare_epochs(a, b);
    if (order == 0) order = compare_segments(a.version, b.version);
    if (order == 0) {
        if (!a.release.empty() && !b.release.empty()) {
            order = compare_segments(a.release, b.release);
        } else if ((!a.release.empty() && (b_sense & kEqual)) ||
                   (!b.release.empty() && (a_sense & kEqual))) {
            return true;
        }
    }
    if (order < 0) return (a_sense & kGreater) || (b_sense & kLess);
    if (order > 0) return (a_sense & kLess) || (b_sense & kGreater);
    return a_sense & b_sense & kComparison;
}

const char* comparison_text(SenseFlags sense) {
    switch (sense & kComparison) {
        case kLess:
            return "<";
        case kLess | kEqual:
            return "<=";
        case kEqual:
            return "=";
        case kGreater | kEqual:
            return ">=";
        case kGreater:
            return ">";
        case kLess | kGreater:
            return "<>";
        default:
            return "";
    }
}

}  // namespace tenon::pkg::rpm
