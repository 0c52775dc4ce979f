#include "pkg/lib/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "pkg/lib/result.h"

namespace tenon::pkg {

static std::string vformat(const char* fmt, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(nullptr, 0, fmt, args);
    std::string out(n > 0 ? static_cast<size_t>(n) : 0, '\0');
    if (n > 0) vsnprintf(out.data(), out.size() + 1, fmt, again);
    va_end(again);
    return out;
}

std::string format(const char* fmt, ...) {
    va_list args;
    va_start(args, fmt);
    std::string out = vformat(fmt, args);
    va_end(args);
    return out;
}

std::unexpected<Error> fail(const char* fmt, ...) {
    va_list args;
    va_start(args, fmt);
    Error e{vformat(fmt, args), 0};
    va_end(args);
    return std::unexpected(std::move(e));
}

std::unexpected<Error> fail_errno(const char* fmt, ...) {
    int saved = errno;
    va_list args;
    va_start(args, fmt);
    Error e{vformat(fmt, args) + ": " + strerror(saved), saved};
    va_end(args);
    return std::unexpected(std::move(e));
}

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view trim(std::string_view s) {
    while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
    while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
    return s;
}

std::vector<std::string_view> split(std::string_view s, char separator) {
    std::vector<std::string_view> out;
    for (;;) {
        size_t at = s.find(separator);
        out.push_back(s.substr(0, at));
        if (at == std::string_view::npos) return out;
        s.remove_prefix(at + 1);
    }
}

std::vector<std::string_view> split_words(std::string_view s) {
    std::vector<std::string_view> out;
    size_t i = 0;
    while (i < s.size()) {
        while (i < s.size() && is_space(s[i])) i++;
        size_t start = i;
        while (i < s.size() && !is_space(s[i])) i++;
        if (i > start) out.push_back(s.substr(start, i - start));
    }
    return out;
}

std::vector<std::string_view> split_lines(std::string_view s) {
    std::vector<std::string_view> out;
    while (!s.empty()) {
        size_t at = s.find('\n');
        out.push_back(s.substr(0, at));
        if (at == std::string_view::npos) break;
        s.remove_prefix(at + 1);
    }
    return out;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool iequals(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); i++)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

bool icontains(std::string_view text, std::string_view word) {
    return std::search(text.begin(), text.end(), word.begin(), word.end(),
                       [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string out;
    for (const auto& p : parts) {
        if (!out.empty()) out += separator;
        out += p;
    }
    return out;
}

bool parse_u64(std::string_view s, unsigned long long& out, int base) {
    if (s.empty()) return false;
    unsigned long long value = 0;
    for (char c : s) {
        int digit = is_digit(c) ? c - '0' : is_alpha(c) ? lower(c) - 'a' + 10 : 99;
        if (digit >= base) return false;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    out = value;
    return true;
}

bool valid_package_name(std::string_view s) {
    if (s.empty() || s.size() > 255 || !(is_digit(s[0]) || is_alpha(s[0]))) return false;
    for (char c : s)
        if (!is_digit(c) && !is_alpha(c) && c != '+' && c != '-' && c != '.') return false;
    return true;
}

bool valid_architecture(std::string_view s) {
    if (s.empty() || s.size() > 64 || !(is_digit(s[0]) || is_alpha(s[0]))) return false;
    for (char c : s)
        if (!is_digit(c) && !is_alpha(c) && c != '-') return false;
    return true;
}

std::string printable(std::string_view text) {
    std::string out;
    for (char c : text) out += static_cast<unsigned char>(c) < ' ' || c == 127 ? '?' : c;
    return out;
}

}  // namespace tenon::pkg
