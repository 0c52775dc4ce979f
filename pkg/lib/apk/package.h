// An Alpine package as its own metadata, an index or the installed database describe it: one model
// for formats v2 and v3.  Spec: apk-package(5).
#pragma once

#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/apk/version.h"
#include "pkg/lib/result.h"

namespace tenon::pkg::apk {

struct Dependency {
    std::string name;  // also "so:libz.so.1", "cmd:sh", "pc:zlib", "/bin/sh"
    unsigned match = kMatchAny;
    std::string version;    // empty with kMatchAny; a checksum ("Q1...") with kMatchChecksum
    bool conflict = false;  // "!name"
    std::string tag;        // "@edge": the repository it is pinned to; in world only

    enum class Tags { refused, allowed };
    static Result<Dependency> parse(std::string_view text, Tags tags = Tags::refused);
    std::string str() const;
    bool operator==(const Dependency&) const = default;
};

// Separated by white space.
Result<std::vector<Dependency>> parse_dependencies(
    std::string_view text, Dependency::Tags tags = Dependency::Tags::refused);
std::string to_text(const std::vector<Dependency>& list);

// What identifies a build of a package: the SHA1 of a v2 control member, the SHA256 of a v3 ADB
// block, or the first 20 bytes of that.
struct Checksum {
    enum class Kind { none, sha1, sha256, sha256_160 } kind = Kind::none;
    std::string bytes;

    // "Q1" and base64 of a SHA1, "Q2" of a SHA256; "X1" and hexadecimal digits is read, too.
    static Result<Checksum> parse(std::string_view text);
    std::string str() const;  // "Q1...", "Q2..."
    bool operator==(const Checksum&) const = default;
};

// What every form of a checksum has: apk's database keeps so much of each.
inline constexpr size_t kIdentityBytes = 20;
// Are these of the same build? One of a database or an index may be the beginning of the other.
bool same_identity(const Checksum& a, const Checksum& b);

struct Package {
    std::string name, version, arch;
    std::string description, url, license, origin, maintainer, packager, commit;
    std::vector<Dependency> depends;  // conflicts are among them
    std::vector<Dependency> provides, replaces, install_if, recommends;
    std::vector<std::string> triggers;  // globs of directories; "+" in front: only what changed
    std::vector<std::string> tags;
    unsigned provider_priority = 0, replaces_priority = 0, layer = 0;
    uint64_t installed_size_bytes = 0, file_size_bytes = 0;
    int64_t build_time = 0;  // seconds since 1970
    Checksum checksum;
    std::string data_hash;  // v2: SHA256 of the data member, raw bytes; else empty
    // An index may hold what this program does not understand: then why it cannot be installed.
    std::string not_installable;

    std::vector<Dependency> conflicts() const;
    std::string display_name() const { return name + "-" + version; }
    // Name and version are there and well-formed.
    Status check() const;
};

// A letter to put in front of names is an ASCII letter or digit; then [A-Za-z0-9._+-].
bool valid_name(std::string_view name);

// The text of .PKGINFO: "key = value" lines.  Spec: apk-v2(5).
Result<Package> parse_pkginfo(std::string_view text);

enum class FieldUse { taken, unknown };
// One "X:value" line of an index or of the installed database. `unknown` for letters that do not
// belong to the model; errors for values that are malformed.
Result<FieldUse> set_index_field(Package& package, char field, std::string_view value);
// The lines that set_index_field reads, in apk's order, each ended by a newline.
std::string index_stanza(const Package& package);
// Stanzas with an empty line between them.
Result<std::vector<Package>> parse_index(std::string_view text);

}  // namespace tenon::pkg::apk
