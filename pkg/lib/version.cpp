#include "pkg/lib/version.h"

#include "pkg/lib/text.h"

namespace tenon::pkg {

Result<Version> Version::parse(std::string_view text) {
    std::string_view s = trim(text);
    std::string shown(s);
    if (s.empty()) return fail("version is empty");
    for (char c : s)
        if (is_space(c)) return fail("version '%s' has a space in it", shown.c_str());

    Version v;
    if (size_t colon = s.find(':'); colon != std::string_view::npos) {
        unsigned long long epoch = 0;
        if (colon == 0) return fail("version '%s': the epoch is empty", shown.c_str());
        if (!parse_u64(s.substr(0, colon), epoch) || epoch > 0x7fffffff)
            return fail("version '%s': the epoch is not a number", shown.c_str());
        v.epoch = static_cast<unsigned>(epoch);
        s.remove_prefix(colon + 1);
        if (s.empty()) return fail("version '%s': nothing after the colon", shown.c_str());
    }
    if (size_t dash = s.rfind('-'); dash != std::string_view::npos) {
        v.revision = s.substr(dash + 1);
        s = s.substr(0, dash);
        if (v.revision.empty()) return fail("version '%s': the revision is empty", shown.c_str());
    }
    if (s.empty()) return fail("version '%s': the upstream part is empty", shown.c_str());
    v.upstream = s;
    // Lenient as dpkg's database reader on the first character; strict on what could end up in a
    // path or break a field: only the characters that deb-version(7) names pass.
    for (char c : v.upstream)
        if (!is_digit(c) && !is_alpha(c) && !std::string_view(".-+~:").contains(c))
            return fail("version '%s': invalid character in the upstream part", shown.c_str());
    for (char c : v.revision)
        if (!is_digit(c) && !is_alpha(c) && !std::string_view(".+~").contains(c))
            return fail("version '%s': invalid character in the revision", shown.c_str());
    return v;
}

std::string Version::str() const {
    std::string out;
    if (epoch) out = format("%u:", epoch);
    out += upstream;
    if (!revision.empty()) out += "-" + revision;
    return out;
}

static int order(char c) {
    if (is_digit(c) || c == 0) return 0;
    if (is_alpha(c)) return c;
    if (c == '~') return -1;
    return static_cast<unsigned char>(c) + 256;
}

int compare_part(std::string_view a, std::string_view b) {
    size_t i = 0, j = 0;
    auto at = [](std::string_view s, size_t k) { return k < s.size() ? s[k] : '\0'; };
    while (i < a.size() || j < b.size()) {
        while ((i < a.size() && !is_digit(a[i])) || (j < b.size() && !is_digit(b[j]))) {
            int ca = order(at(a, i)), cb = order(at(b, j));
            if (ca != cb) return ca - cb;
            i++;
            j++;
        }
        while (at(a, i) == '0') i++;
        while (at(b, j) == '0') j++;
        int first_difference = 0;
        while (is_digit(at(a, i)) && is_digit(at(b, j))) {
            if (!first_difference) first_difference = a[i] - b[j];
            i++;
            j++;
        }
        if (is_digit(at(a, i))) return 1;
        if (is_digit(at(b, j))) return -1;
        if (first_difference) return first_difference;
    }
    return 0;
}

int compare(const Version& a, const Version& b) {
    if (a.epoch != b.epoch) return a.epoch > b.epoch ? 1 : -1;
    if (int c = compare_part(a.upstream, b.upstream)) return c;
    return compare_part(a.revision, b.revision);
}

bool satisfies(const Version& have, Relation relation, const Version& want) {
    if (relation == Relation::none) return true;
    int c = compare(have, want);
    switch (relation) {
        case Relation::none:
            return true;
        case Relation::lt:
            return c < 0;
        case Relation::le:
            return c <= 0;
        case Relation::eq:
            return c == 0;
        case Relation::ge:
            return c >= 0;
        case Relation::gt:
            return c > 0;
    }
    return false;
}

}  // namespace tenon::pkg
