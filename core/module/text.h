// The small languages of the module system: versions and ranges, alias patterns, parameter strings.
// Pure code, also built on the host.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/lib/types.h>

#include <span>
#include <string_view>

namespace tenon::module {

// Compares dotted versions number by number ("1.10" > "1.9", "1.2" < "1.2.1"; letters compare as
// text): below, at or above 0.
int compare_versions(std::string_view a, std::string_view b);

// "NAME>=1.2,<2": the name, and the conditions behind it (may be empty).
struct Need {
    std::string_view name, range;
    static Need parse(std::string_view text);
    bool accepts(std::string_view version) const;
};

// "tenon::net::ip: tcp udp_*": a namespace of exports, and the modules that may import from it
// (patterns; none: any that asks for it).
struct ExportSpace {
    std::string_view name, importers;
    static ExportSpace parse(std::string_view text);
    bool admits(std::string_view module) const;
};
// Whether importing `imported` gives `space`: itself, or what it is nested in.
bool covers(std::string_view imported, std::string_view space);

// Module names use '_' where files and aliases may say '-'.
bool same_name(std::string_view a, std::string_view b);
// The module name in a path: "kernel/misc/foo-bar.ko" -> "foo-bar".
std::string_view name_of_path(std::string_view path);

// Shell patterns, as modules.alias has them: * ? [abc] [a-z] [!a], '-' and '_' equal.
bool alias_matches(std::string_view pattern, std::string_view text);

// Cuts the next `name[=value]` off a parameter string; values may be in double quotes. False at the
// end. Error::inval on an unclosed quote.
struct ParameterText {
    std::string_view name, value;
    bool has_value = false;
};
Result<bool> next_parameter(std::string_view& rest, ParameterText& out);

// Words between blanks, lines between newlines: cut off the front of `rest`.
std::string_view next_word(std::string_view& rest);
std::string_view next_line(std::string_view& rest);

// A decimal or 0x number with an optional minus sign. Error::inval, Error::range.
struct Number {
    bool negative = false;
    u64 magnitude = 0;
};
Result<Number> parse_number(std::string_view text);

// The hash of a symbol's name in export and import tables: FNV-1a, 64 bits.
constexpr u64 symbol_hash(std::string_view name) {
    u64 h = 0xcbf29ce484222325;
    for (char c : name) h = (h ^ static_cast<u8>(c)) * 0x100000001b3;
    return h;
}

}  // namespace tenon::module
