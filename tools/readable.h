// Symbol names as a stack trace shows them.
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <string>

// The qualified name alone: no return type, no parameters, template arguments shortened to <>.
inline std::string readable(const char* mangled) {
    int status = 0;
    char* text = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
    if (status != 0 || text == nullptr) return mangled;
    std::string full(text);
    std::free(text);
    std::string out;
    int angle = 0, paren = 0;
    for (size_t i = 0; i < full.size(); ++i) {
        const char c = full[i];
        const bool is_operator = out.size() >= 8 && out.ends_with("operator");
        if (paren == 0 && c == '<' && !is_operator) {
            if (angle++ == 0) out += '<';
        } else if (paren == 0 && c == '>' && angle > 0 && full[i - 1] != '-') {
            if (--angle == 0) out += '>';
        } else if (angle == 0 && c == '(') {
            const bool anonymous = full.compare(i, 21, "(anonymous namespace)") == 0;
            if (anonymous && paren == 0) {
                out += "(anon)";
                i += 20;
            } else {
                ++paren;
            }
        } else if (angle == 0 && c == ')') {
            --paren;
        } else if (angle == 0 && paren == 0) {
            if (c == ' ') {
                out.clear();  // what came before was a return type
            } else if (c == '[') {
                break;  // [clone ...] or [abi:...]
            } else {
                out += c;
            }
        }
    }
    return out.empty() ? full : out;
}
