// Small string helpers. No locale: package metadata is bytes with ASCII syntax.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenon::pkg {

bool is_space(char c);
bool is_digit(char c);
bool is_alpha(char c);
std::string_view trim(std::string_view s);
std::vector<std::string_view> split(std::string_view s, char separator);
std::vector<std::string_view> split_words(std::string_view s);
// Lines without their newline; a last line without newline counts.
std::vector<std::string_view> split_lines(std::string_view s);
bool iequals(std::string_view a, std::string_view b);
// Is `word` somewhere in `text`, whatever the case of its letters?
bool icontains(std::string_view text, std::string_view word);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
// True when the whole of `s` is a decimal number that fits.
bool parse_u64(std::string_view s, unsigned long long& out, int base = 10);

// Debian Policy 5.6.7 with Multi-Arch in mind: [a-z0-9][a-z0-9+.-]+. dpkg is as lenient on a
// one-letter name and upper case as we are; a slash or a leading dot never passes.
bool valid_package_name(std::string_view s);
bool valid_architecture(std::string_view s);

// What comes from outside must not steer the terminal: control characters become '?'.
std::string printable(std::string_view text);

}  // namespace tenon::pkg
