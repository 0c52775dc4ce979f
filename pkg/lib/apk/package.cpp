#include "pkg/lib/apk/package.h"

#include <algorithm>

#include "pkg/lib/hash.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::apk {

namespace {

constexpr std::string_view kComparers = "<>=~";

bool name_char(char c) {
    return is_alpha(c) || is_digit(c) || std::string_view("._+-").contains(c);
}
bool dependency_char(char c) {
    return name_char(c) || std::string_view(",:/[]").contains(c);
}

std::string shown(std::string_view s) {
    return std::string(s.substr(0, 200));
}

Status take_number(std::string_view field, std::string_view value, uint64_t max, uint64_t& out) {
    unsigned long long n = 0;
    if (!parse_u64(value, n) || n > max)
        return fail("'%s' has the bad number '%s'", shown(field).c_str(), shown(value).c_str());
    out = n;
    return {};
}

Status take_priority(std::string_view field, std::string_view value, unsigned& out) {
    uint64_t n = 0;
    TRY(take_number(field, value, UINT32_MAX, n));
    out = static_cast<unsigned>(n);
    return {};
}

Status take_dependencies(std::string_view value, std::vector<Dependency>& out) {
    TRY_SET(auto more, parse_dependencies(value));
    out.insert(out.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
    return {};
}

}  // namespace

bool valid_name(std::string_view name) {
    if (name.empty() || name.size() > 128 || !(is_alpha(name[0]) || is_digit(name[0])))
        return false;
    return std::all_of(name.begin(), name.end(), name_char);
}

Result<Dependency> Dependency::parse(std::string_view text, Tags tags) {
    auto bad = [&] { return fail("bad dependency '%s'", shown(text).c_str()); };
    Dependency d;
    std::string_view rest = text;
    if (rest.starts_with('!')) {
        d.conflict = true;
        rest.remove_prefix(1);
    }
    size_t op = rest.find_first_of(kComparers);
    std::string_view name = rest.substr(0, op);
    if (op != std::string_view::npos) {
        size_t version = std::min(rest.find_first_not_of(kComparers, op), rest.size());
        d.match = parse_match(rest.substr(op, version - op));
        d.version = rest.substr(version);
        if (d.match == kMatchChecksum) {
            if (!Checksum::parse(d.version)) return bad();
        } else if (!*match_text(d.match) || !valid_version(d.version)) {
            return bad();
        }
    }
    if (size_t at = name.find('@'); at != std::string_view::npos) {
        if (tags == Tags::refused || at + 1 == name.size()) return bad();
        d.tag = name.substr(at + 1);
        name = name.substr(0, at);
        if (!std::all_of(d.tag.begin(), d.tag.end(), name_char)) return bad();
    }
    if (name.empty() || name.size() > 1024 ||
        !std::all_of(name.begin(), name.end(), dependency_char))
        return bad();
    d.name = name;
    return d;
}

std::string Dependency::str() const {
    std::string out = conflict ? "!" + name : name;
    if (!tag.empty()) out += "@" + tag;
    if (!version.empty()) out += match_text(match) + version;
    return out;
}

Result<std::vector<Dependency>> parse_dependencies(std::string_view text, Dependency::Tags tags) {
    std::vector<Dependency> out;
    for (std::string_view word : split_words(text)) {
        TRY_SET(auto d, Dependency::parse(word, tags));
        out.push_back(std::move(d));
    }
    return out;
}

std::string to_text(const std::vector<Dependency>& list) {
    std::string out;
    for (const auto& d : list) {
        if (!out.empty()) out += ' ';
        out += d.str();
    }
    return out;
}

Result<Checksum> Checksum::parse(std::string_view text) {
    Checksum c;
    std::string_view prefix = text.substr(0, 2);
    bool read = false;
    if (prefix == "Q1" || prefix == "Q2") {
        // The last digit before a "=" has two bits to spare, which apk does not look at.
        std::string digits(text.substr(2));
        constexpr std::string_view kDigits =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        if (digits.size() >= 2 && digits.ends_with('=') && digits[digits.size() - 2] != '=')
            if (size_t at = kDigits.find(digits[digits.size() - 2]); at != kDigits.npos)
                digits[digits.size() - 2] = kDigits[at & ~size_t{3}];
        read = from_base64(digits, c.bytes);
    } else if (prefix == "X1" || prefix == "X2") {
        read = from_hex(text.substr(2), c.bytes);
    }
    c.kind = prefix.ends_with('1') ? Kind::sha1 : Kind::sha256;
    auto algorithm = c.kind == Kind::sha1 ? HashAlgorithm::sha1 : HashAlgorithm::sha256;
    if (!read || c.bytes.size() != hash_size_bytes(algorithm))
        return fail("'%s' is not a checksum", shown(text).c_str());
    return c;
}

std::string Checksum::str() const {
    if (kind == Kind::none) return "";
    return (kind == Kind::sha256 ? "Q2" : "Q1") + to_base64(bytes);
}

bool same_identity(const Checksum& a, const Checksum& b) {
    if (a.kind == Checksum::Kind::none || b.kind == Checksum::Kind::none) return false;
    const size_t n = std::min(a.bytes.size(), b.bytes.size());
    return n >= kIdentityBytes && a.bytes.compare(0, n, b.bytes, 0, n) == 0;
}

std::vector<Dependency> Package::conflicts() const {
    std::vector<Dependency> out;
    for (const auto& d : depends)
        if (d.conflict) out.push_back(d);
    return out;
}

Status Package::check() const {
    if (name.empty()) return fail("the package has no name");
    if (!valid_name(name)) return fail("'%s' is not a package name", shown(name).c_str());
    if (!valid_version(version)) return fail("'%s' is not a version", shown(version).c_str());
    for (char c : arch)
        if (!name_char(c)) return fail("'%s' is not an architecture", shown(arch).c_str());
    return {};
}

Result<Package> parse_pkginfo(std::string_view text) {
    Package p;
    for (std::string_view line : split_lines(text)) {
        if (line.empty() || line[0] == '#') continue;
        size_t at = line.find(" = ");
        if (at == std::string_view::npos) continue;
        std::string_view key = line.substr(0, at), value = line.substr(at + 3);
        if (value.contains('\0')) return fail(".PKGINFO: '%s' has a NUL", shown(key).c_str());
        Status done;
        if (key == "pkgname")
            p.name = value;
        else if (key == "pkgver")
            p.version = value;
        else if (key == "pkgdesc")
            p.description = value;
        else if (key == "url")
            p.url = value;
        else if (key == "license")
            p.license = value;
        else if (key == "arch")
            p.arch = value;
        else if (key == "origin")
            p.origin = value;
        else if (key == "maintainer")
            p.maintainer = value;
        else if (key == "packager")
            p.packager = value;
        else if (key == "commit")
            p.commit = value;
        else if (key == "depend")
            done = take_dependencies(value, p.depends);
        else if (key == "provides")
            done = take_dependencies(value, p.provides);
        else if (key == "replaces")
            done = take_dependencies(value, p.replaces);
        else if (key == "install_if")
            done = take_dependencies(value, p.install_if);
        else if (key == "triggers")
            for (auto word : split_words(value)) p.triggers.emplace_back(word);
        else if (key == "provider_priority")
            done = take_priority(key, value, p.provider_priority);
        else if (key == "replaces_priority")
            done = take_priority(key, value, p.replaces_priority);
        else if (key == "size")
            done = take_number(key, value, INT64_MAX, p.installed_size_bytes);
        else if (key == "builddate") {
            uint64_t t = 0;
            done = take_number(key, value, INT64_MAX, t);
            p.build_time = static_cast<int64_t>(t);
        } else if (key == "datahash") {
            if (!p.data_hash.empty()) done = fail("has two data hashes");
            if (!from_hex(value, p.data_hash) ||
                p.data_hash.size() != hash_size_bytes(HashAlgorithm::sha256))
                done = fail("'%s' is not a SHA256", shown(value).c_str());
        }
        if (!done) return std::unexpected(std::move(done.error()).in(".PKGINFO"));
    }
    if (Status s = p.check(); !s) return std::unexpected(std::move(s.error()).in(".PKGINFO"));
    return p;
}

Result<FieldUse> set_index_field(Package& p, char field, std::string_view value) {
    std::string_view shown_field(&field, 1);
    uint64_t number = 0;
    switch (field) {
        case 'P':
            p.name = value;
            break;
        case 'V':
            p.version = value;
            break;
        case 'T':
            p.description = value;
            break;
        case 'U':
            p.url = value;
            break;
        case 'L':
            p.license = value;
            break;
        case 'A':
            p.arch = value;
            break;
        case 'o':
            p.origin = value;
            break;
        case 'm':
            p.maintainer = value;
            break;
        case 'c':
            p.commit = value;
            break;
        case 'C': {
            TRY_SET(p.checksum, Checksum::parse(value));
            break;
        }
        case 'D':
            TRY(take_dependencies(value, p.depends));
            break;
        case 'p':
            TRY(take_dependencies(value, p.provides));
            break;
        case 'r':
            TRY(take_dependencies(value, p.replaces));
            break;
        case 'i':
            TRY(take_dependencies(value, p.install_if));
            break;
        case 'k':
            TRY(take_priority(shown_field, value, p.provider_priority));
            break;
        case 'q':
            TRY(take_priority(shown_field, value, p.replaces_priority));
            break;
        case 'S':
            TRY(take_number(shown_field, value, INT64_MAX, p.file_size_bytes));
            break;
        case 'I':
            TRY(take_number(shown_field, value, INT64_MAX, p.installed_size_bytes));
            break;
        case 't':
            TRY(take_number(shown_field, value, INT64_MAX, number));
            p.build_time = static_cast<int64_t>(number);
            break;
        case 'g':
            for (auto word : split_words(value)) p.tags.emplace_back(word);
            break;
        default:
            return FieldUse::unknown;
    }
    return FieldUse::taken;
}

std::string index_stanza(const Package& p) {
    std::string out;
    auto line = [&](char field, const std::string& value) {
        if (!value.empty()) out.append(1, field).append(":").append(value).append("\n");
    };
    auto number = [&](uint64_t n) { return n ? std::to_string(n) : std::string(); };
    line('C', p.checksum.str());
    line('P', p.name);
    line('V', p.version);
    line('A', p.arch);
    line('S', std::to_string(p.file_size_bytes));
    line('I', std::to_string(p.installed_size_bytes));
    out += "T:" + p.description + "\nU:" + p.url + "\nL:" + p.license + "\n";
    line('o', p.origin);
    line('m', p.maintainer);
    line('t', number(static_cast<uint64_t>(p.build_time)));
    line('c', p.commit);
    line('k', number(p.provider_priority));
    line('D', to_text(p.depends));
    line('p', to_text(p.provides));
    line('i', to_text(p.install_if));
    line('g', join(p.tags, " "));
    return out;
}

Result<std::vector<Package>> parse_index(std::string_view text) {
    std::vector<Package> out;
    Package p;
    bool any = false;
    size_t number = 0;
    auto finish = [&]() -> Status {
        if (!any) return {};
        TRY(p.check());
        out.push_back(std::move(p));
        p = Package{};
        any = false;
        return {};
    };
    auto at_line = [&](Error e) {
        return std::unexpected(std::move(e).in(format("line %zu", number)));
    };
    for (std::string_view line : split_lines(text)) {
        number++;
        if (line.empty()) {
            if (Status s = finish(); !s) return at_line(s.error());
            continue;
        }
        if (line.size() < 2 || line[1] != ':' || line.contains('\0'))
            return at_line(Error{"'" + shown(line) + "' is not a field"});
        any = true;
        auto used = set_index_field(p, line[0], line.substr(2));
        // A lower-case letter that nobody knows may be left out of account, an upper-case one not.
        if (!used && !std::string_view("Dpri").contains(line[0])) return at_line(used.error());
        if (!used)
            p.not_installable = used.error().text;
        else if (*used == FieldUse::unknown && line[0] >= 'A' && line[0] <= 'Z')
            p.not_installable = "has the unknown field '" + shown(line.substr(0, 1)) + "'";
    }
    if (Status s = finish(); !s) return at_line(s.error());
    return out;
}

}  // namespace tenon::pkg::apk
