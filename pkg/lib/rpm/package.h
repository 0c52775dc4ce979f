// What an RPM package says of itself: the main header as values, checked for consistency.
// Spec: rpm's docs/manual/tags.md, triggers.md, file_triggers.md; rpm-scriptlets(7).
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/lib/hash.h"
#include "pkg/lib/result.h"
#include "pkg/lib/rpm/header.h"
#include "pkg/lib/rpm/relation.h"
#include "pkg/lib/rpm/version.h"

namespace tenon::pkg::rpm {

// Flags of a file.
inline constexpr uint32_t kFileConfig = 1u << 0, kFileDoc = 1u << 1, kFileMissingOk = 1u << 3;
inline constexpr uint32_t kFileNoReplace = 1u << 4, kFileGhost = 1u << 6, kFileLicense = 1u << 7;
inline constexpr uint32_t kFileReadme = 1u << 8, kFileArtifact = 1u << 12;

struct File {
    std::string path;  // absolute and clean; of a source package: "/name"
    mode_t mode = 0;   // with the type's bits
    std::string user, group;
    uint64_t size_bytes = 0;
    uint32_t mtime = 0;
    std::string digest;        // hex, by Package::file_digest; empty for what has no contents
    std::string link;          // a symbolic link's target
    std::string capabilities;  // cap_to_text(3)
    std::string lang;
    uint32_t flags = 0, verify_flags = 0, color = 0;
    uint16_t rdev = 0;
    uint32_t device = 0, inode = 0;  // tell hard links apart; of no other meaning
    int link_set = -1;               // index in Package::link_sets
};

enum class ScriptKind {
    pre_trans,
    pre_in,
    post_in,
    pre_un,
    post_un,
    post_trans,
    pre_un_trans,
    post_un_trans,
    verify,
};
const char* to_string(ScriptKind kind);  // "pre", "post", ... as in a spec file

inline constexpr uint32_t kScriptExpandMacros = 1u << 0, kScriptQueryFormat = 1u << 1;
inline constexpr uint32_t kScriptCritical = 1u << 2;

struct Script {
    std::string body;                      // may be empty: only the interpreter runs
    std::vector<std::string> interpreter;  // with its arguments; "<lua>" is built in
    uint32_t flags = 0;
};

struct Scriptlet {
    ScriptKind kind;
    Script script;
};

enum class TriggerScope { package, file, transaction_file };

struct TriggerCondition {
    Relation on;  // a package, or the prefix of paths; the comparison is in the flags
    enum class When { pre_in, in, un, post_un } when = When::in;
};

struct Trigger {
    TriggerScope scope = TriggerScope::package;
    Script script;
    uint32_t priority = 0;  // of file triggers: higher ones run first
    std::vector<TriggerCondition> conditions;
};

struct ChangelogEntry {
    uint32_t time = 0;  // seconds since 1970
    std::string author, text;
};

struct Package {
    static Result<Package> from_header(const Header& header);

    std::string name;
    Evr evr;
    std::string arch, os;
    unsigned format = 4;  // 3, 4 or 6
    bool is_source = false;
    std::string summary, description, license, group, url, vendor, packager, distribution;
    std::string build_host, source_rpm;
    uint64_t build_time = 0, installed_bytes = 0;

    std::vector<Relation> provides, requirements, conflicts, obsoletes;
    std::vector<Relation> recommends, suggests, supplements, enhances, order_hints;

    std::vector<File> files;
    // Indexes of files that are one inode, ascending, two or more each.
    std::vector<std::vector<uint32_t>> link_sets;
    std::optional<HashAlgorithm> file_digest =
        HashAlgorithm::md5;  // nullopt: an algorithm not known here

    std::vector<Scriptlet> scriptlets;
    std::vector<Trigger> triggers;
    std::vector<ChangelogEntry> changelog;

    std::string payload_format = "cpio", payload_compressor;

    const Script* scriptlet(ScriptKind kind) const;
    // name-[epoch:]version-release.arch
    std::string nevra() const;
};

// What every source of packages owes the model, be it a header or a repository's metadata.
// Name, version, release and architecture are fit to be parts of file names and of lines.
Status check_identity(const Package& package);
// A rich dependency in `list` can be parsed; no name is empty.
Status check_relation(const Relation& relation, std::vector<Relation> Package::*list);
enum class PackageKind { binary, source };
// Absolute and clean; a source package's plain names get a slash in front.
Result<std::string> clean_file_path(std::string_view raw, PackageKind kind);
inline constexpr size_t kMaxFiles = 500'000, kMaxRelations = 500'000;  // of one package

}  // namespace tenon::pkg::rpm
