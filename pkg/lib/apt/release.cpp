#include "pkg/lib/apt/release.h"

#include <time.h>

#include "pkg/lib/deb822.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apt {

namespace {

constexpr uint64_t kMaxIndexBytes = uint64_t{4} << 30;

std::vector<std::string> words_of(const std::string& s) {
    std::vector<std::string> out;
    for (std::string_view w : split_words(s)) out.emplace_back(w);
    return out;
}

bool harmless_path(std::string_view path) {
    if (path.empty() || path.starts_with('/')) return false;
    for (std::string_view part : split(path, '/'))
        if (part.empty() || part == "..") return false;
    for (char c : path)
        if (static_cast<unsigned char>(c) <= ' ' || c == 127) return false;
    return true;
}

Status read_digests(const std::string& field, HashAlgorithm algorithm, Release& r) {
    for (std::string_view line : split_lines(field)) {
        auto words = split_words(line);
        if (words.empty()) continue;
        unsigned long long size = 0;
        std::string raw;
        if (words.size() != 3 || !from_hex(words[0], raw) ||
            raw.size() != hash_size_bytes(algorithm) || !parse_u64(words[1], size) ||
            size > kMaxIndexBytes)
            return fail("a bad line of digests: '%s'", std::string(trim(line)).c_str());
        while (words[2].starts_with("./")) words[2].remove_prefix(2);
        if (!harmless_path(words[2]))
            return fail("it names the file '%s'", std::string(words[2]).c_str());
        auto [at, is_new] = r.files.try_emplace(std::string(words[2]));
        if (!is_new && at->second.size_bytes != size)
            return fail("it gives %s two sizes", at->first.c_str());
        at->second = {size, algorithm, to_hex(raw)};
    }
    return {};
}

}  // namespace

std::optional<int64_t> parse_date(std::string_view text) {
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto words = split_words(text);
    if (words.size() == 6 && words[0].ends_with(',')) words.erase(words.begin());
    if (words.size() != 5) return std::nullopt;
    struct tm tm = {};
    unsigned long long day = 0, year = 0;
    if (!parse_u64(words[0], day) || !parse_u64(words[2], year) || day < 1 || day > 31 ||
        year < 1970 || year > 9999)
        return std::nullopt;
    tm.tm_mon = -1;
    for (int i = 0; i < 12; i++)
        if (words[1] == kMonths[i]) tm.tm_mon = i;
    auto clock = split(words[3], ':');
    unsigned long long part[3] = {};
    if (tm.tm_mon < 0 || clock.size() != 3) return std::nullopt;
    for (int i = 0; i < 3; i++)
        if (clock[i].empty() || !parse_u64(clock[i], part[i]) || part[i] > 60) return std::nullopt;
    // RFC 5322 in words: the repository format allows nothing but UTC.
    if (words[4] != "UTC" && words[4] != "GMT" && words[4] != "+0000" && words[4] != "Z")
        return std::nullopt;
    tm.tm_mday = static_cast<int>(day);
    tm.tm_year = static_cast<int>(year) - 1900;
    tm.tm_hour = static_cast<int>(part[0]);
    tm.tm_min = static_cast<int>(part[1]);
    tm.tm_sec = static_cast<int>(part[2]);
    return timegm(&tm);
}

Result<Release> Release::parse(std::string_view text) {
    TRY_SET(Stanza s, parse_control(text));
    Release r;
    r.origin = s.get("Origin");
    r.label = s.get("Label");
    r.suite = s.get("Suite");
    r.codename = s.get("Codename");
    r.version = s.get("Version");
    r.architectures = words_of(s.get("Architectures"));
    r.components = words_of(s.get("Components"));
    r.no_support_for_all = s.get("No-Support-for-Architecture-all");
    r.acquire_by_hash = iequals(s.get("Acquire-By-Hash"), "yes");
    r.not_automatic = iequals(s.get("NotAutomatic"), "yes");
    r.but_automatic_upgrades = iequals(s.get("ButAutomaticUpgrades"), "yes");
    if (const std::string* date = s.find("Date")) {
        auto seconds = parse_date(*date);
        if (!seconds) return fail("bad Date '%s'", date->c_str());
        r.date = *seconds;
    }
    if (const std::string* until = s.find("Valid-Until")) {
        r.valid_until = parse_date(*until);
        if (!r.valid_until) return fail("bad Valid-Until '%s'", until->c_str());
    }
    TRY(read_digests(s.get("SHA256"), HashAlgorithm::sha256, r));
    TRY(read_digests(s.get("SHA512"), HashAlgorithm::sha512, r));
    return r;
}

}  // namespace tenon::pkg::apt
