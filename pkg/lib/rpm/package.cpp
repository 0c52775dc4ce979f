#include "pkg/lib/rpm/package.h"

#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "pkg/lib/archive.h"
#include "pkg/lib/openpgp/packet.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

using When = TriggerCondition::When;

struct RelationTags {
    const char* what;
    std::vector<Relation> Package::*field;
    Tag name, flags, version;
};
constexpr RelationTags kRelations[] = {
    {"Provides", &Package::provides, tag::kProvideName, tag::kProvideFlags, tag::kProvideVersion},
    {"Requires", &Package::requirements, tag::kRequireName, tag::kRequireFlags,
     tag::kRequireVersion},
    {"Conflicts", &Package::conflicts, tag::kConflictName, tag::kConflictFlags,
     tag::kConflictVersion},
    {"Obsoletes", &Package::obsoletes, tag::kObsoleteName, tag::kObsoleteFlags,
     tag::kObsoleteVersion},
    {"Recommends", &Package::recommends, tag::kRecommendName, tag::kRecommendFlags,
     tag::kRecommendVersion},
    {"Suggests", &Package::suggests, tag::kSuggestName, tag::kSuggestFlags, tag::kSuggestVersion},
    {"Supplements", &Package::supplements, tag::kSupplementName, tag::kSupplementFlags,
     tag::kSupplementVersion},
    {"Enhances", &Package::enhances, tag::kEnhanceName, tag::kEnhanceFlags, tag::kEnhanceVersion},
    {"OrderWithRequires", &Package::order_hints, tag::kOrderName, tag::kOrderFlags,
     tag::kOrderVersion},
};

struct ScriptTags {
    ScriptKind kind;
    Tag body, interpreter, flags;
};
constexpr ScriptTags kScripts[] = {
    {ScriptKind::pre_trans, tag::kPreTrans, tag::kPreTransProg, tag::kPreTransFlags},
    {ScriptKind::pre_in, tag::kPreIn, tag::kPreInProg, tag::kPreInFlags},
    {ScriptKind::post_in, tag::kPostIn, tag::kPostInProg, tag::kPostInFlags},
    {ScriptKind::pre_un, tag::kPreUn, tag::kPreUnProg, tag::kPreUnFlags},
    {ScriptKind::post_un, tag::kPostUn, tag::kPostUnProg, tag::kPostUnFlags},
    {ScriptKind::post_trans, tag::kPostTrans, tag::kPostTransProg, tag::kPostTransFlags},
    {ScriptKind::pre_un_trans, tag::kPreUnTrans, tag::kPreUnTransProg, tag::kPreUnTransFlags},
    {ScriptKind::post_un_trans, tag::kPostUnTrans, tag::kPostUnTransProg, tag::kPostUnTransFlags},
    {ScriptKind::verify, tag::kVerifyScript, tag::kVerifyScriptProg, tag::kVerifyScriptFlags},
};

struct TriggerTags {
    TriggerScope scope;
    Tag scripts, interpreters, script_flags, names, versions, flags, indexes, priorities;
};
constexpr TriggerTags kTriggers[] = {
    {TriggerScope::package, tag::kTriggerScripts, tag::kTriggerScriptProg, tag::kTriggerScriptFlags,
     tag::kTriggerName, tag::kTriggerVersion, tag::kTriggerFlags, tag::kTriggerIndex, 0},
    {TriggerScope::file, tag::kFileTriggerScripts, tag::kFileTriggerScriptProg,
     tag::kFileTriggerScriptFlags, tag::kFileTriggerName, tag::kFileTriggerVersion,
     tag::kFileTriggerFlags, tag::kFileTriggerIndex, tag::kFileTriggerPriorities},
    {TriggerScope::transaction_file, tag::kTransFileTriggerScripts,
     tag::kTransFileTriggerScriptProg, tag::kTransFileTriggerScriptFlags,
     tag::kTransFileTriggerName, tag::kTransFileTriggerVersion, tag::kTransFileTriggerFlags,
     tag::kTransFileTriggerIndex, tag::kTransFileTriggerPriorities},
};

// A header of 256 MiB may name far more than this, and than kMaxFiles; no package does, and each
// entry takes more memory here than there.
constexpr size_t kMaxPathBytes = 256 * 1024 * 1024;

// Names, versions and architectures become parts of file names and of the database's lines.
Status check_name(std::string_view s, const char* what) {
    if (s.empty()) return fail("the package has no %s", what);
    if (s.size() > 255) return fail("the package's %s is over 255 bytes", what);
    for (unsigned char c : s)
        if (c <= ' ' || c == '/' || c == 127)
            return fail("the package's %s has a character that it must not have", what);
    return {};
}

// Reads a header into a Package, step by step.
class Builder {
  public:
    explicit Builder(const Header& header) : h_(header) {}

    Result<Package> build() {
        TRY(identity());
        for (const RelationTags& t : kRelations) TRY(relations(t));
        TRY(files());
        TRY(link_sets());
        TRY(scriptlets());
        for (const TriggerTags& t : kTriggers) TRY(triggers(t));
        TRY(changelog());
        return std::move(p_);
    }

  private:
    std::string text(Tag t) const { return std::string(h_.string(t)); }

    Status identity() {
        p_.name = text(tag::kName);
        p_.evr = {h_.has(tag::kEpoch) ? std::to_string(h_.number(tag::kEpoch)) : "",
                  text(tag::kVersion), text(tag::kRelease)};
        p_.arch = text(tag::kArch);
        TRY(check_identity(p_));
        p_.os = text(tag::kOs);
        bool old_names = h_.has(tag::kOldFileNames) && !h_.has(tag::kBaseNames);
        p_.format = static_cast<unsigned>(h_.number(tag::kFormat, old_names ? 3 : 4));
        p_.is_source = h_.has(tag::kSourcePackage) || !h_.has(tag::kSourceRpm);
        p_.summary = text(tag::kSummary);
        p_.description = text(tag::kDescription);
        p_.license = text(tag::kLicense);
        p_.group = text(tag::kGroup);
        p_.url = text(tag::kUrl);
        p_.vendor = text(tag::kVendor);
        p_.packager = text(tag::kPackager);
        p_.distribution = text(tag::kDistribution);
        p_.build_host = text(tag::kBuildHost);
        p_.source_rpm = text(tag::kSourceRpm);
        p_.build_time = h_.number(tag::kBuildTime);
        p_.installed_bytes = h_.number(tag::kLongSize, h_.number(tag::kSize));
        if (h_.has(tag::kPayloadFormat)) p_.payload_format = text(tag::kPayloadFormat);
        p_.payload_compressor = text(tag::kPayloadCompressor);
        if (h_.has(tag::kFileDigestAlgo))
            p_.file_digest =
                openpgp::hash_of_id(static_cast<unsigned>(h_.number(tag::kFileDigestAlgo)));
        return {};
    }

    Status relations(const RelationTags& t) {
        auto names = h_.strings(t.name);
        auto versions = h_.strings(t.version);
        auto flags = h_.numbers(t.flags);
        // The oldest packages give Provides and Obsoletes names only.
        if ((!versions.empty() && versions.size() != names.size()) ||
            (!flags.empty() && flags.size() != names.size()))
            return fail("the tables of %s differ in length", t.what);
        if (names.size() > kMaxRelations) return fail("%s has %zu entries", t.what, names.size());
        auto& out = p_.*t.field;
        out.reserve(names.size());
        for (size_t i = 0; i < names.size(); i++) {
            Relation r{std::string(names[i]), flags.empty() ? 0 : static_cast<uint32_t>(flags[i]),
                       versions.empty() ? "" : std::string(versions[i])};
            if (Status s = check_relation(r, t.field); !s)
                return std::unexpected(std::move(s.error()).in(t.what));
            out.push_back(std::move(r));
        }
        return {};
    }

    Status file_paths() {
        size_t path_bytes = 0;
        auto add = [&](std::string_view raw) -> Status {
            if (p_.files.size() >= kMaxFiles) return fail("it has over %zu files", kMaxFiles);
            path_bytes += raw.size();
            if (path_bytes > kMaxPathBytes) return fail("the names of its files are too long");
            File f;
            TRY_SET(f.path,
                    clean_file_path(raw, p_.is_source ? PackageKind::source : PackageKind::binary));
            p_.files.push_back(std::move(f));
            return {};
        };
        auto bases = h_.strings(tag::kBaseNames);
        if (bases.empty()) {
            for (std::string_view old : h_.strings(tag::kOldFileNames)) TRY(add(old));
            return {};
        }
        auto dirs = h_.strings(tag::kDirNames);
        auto indexes = h_.numbers(tag::kDirIndexes);
        if (indexes.size() != bases.size()) return fail("the tables of files differ in length");
        for (size_t i = 0; i < bases.size(); i++) {
            if (indexes[i] >= dirs.size()) return fail("a file has no directory");
            if (bases[i].contains('/')) return fail("a file name has a slash");
            TRY(add(std::string(dirs[indexes[i]]) + std::string(bases[i])));
        }
        std::unordered_set<std::string_view> seen;
        for (const File& f : p_.files)
            if (!seen.insert(f.path).second) return fail("'%s' is listed twice", f.path.c_str());
        return {};
    }

    // One value a file, or no table at all.
    Status numbers(Tag t, const char* what, auto&& set) {
        auto values = h_.numbers(t);
        if (values.empty()) return {};
        if (values.size() != p_.files.size())
            return fail("there are %zu files and %zu %s", p_.files.size(), values.size(), what);
        for (size_t i = 0; i < values.size(); i++) set(p_.files[i], values[i]);
        return {};
    }

    Status texts(Tag t, const char* what, std::string File::*field) {
        auto values = h_.strings(t);
        if (values.empty()) return {};
        if (values.size() != p_.files.size())
            return fail("there are %zu files and %zu %s", p_.files.size(), values.size(), what);
        for (size_t i = 0; i < values.size(); i++) p_.files[i].*field = values[i];
        return {};
    }

    Status files() {
        TRY(file_paths());
        if (p_.files.empty()) return {};
        if (!h_.has(tag::kFileModes)) return fail("the files have no modes");
        bool long_sizes = h_.has(tag::kLongFileSizes);
        TRY(numbers(long_sizes ? tag::kLongFileSizes : tag::kFileSizes, "sizes",
                    [](File& f, uint64_t v) { f.size_bytes = v; }));
        TRY(numbers(tag::kFileModes, "modes",
                    [](File& f, uint64_t v) { f.mode = static_cast<mode_t>(v & 0xffff); }));
        TRY(numbers(tag::kFileRdevs, "device numbers",
                    [](File& f, uint64_t v) { f.rdev = static_cast<uint16_t>(v); }));
        TRY(numbers(tag::kFileMtimes, "times",
                    [](File& f, uint64_t v) { f.mtime = static_cast<uint32_t>(v); }));
        TRY(numbers(tag::kFileFlags, "flags",
                    [](File& f, uint64_t v) { f.flags = static_cast<uint32_t>(v); }));
        TRY(numbers(tag::kFileVerifyFlags, "verify flags",
                    [](File& f, uint64_t v) { f.verify_flags = static_cast<uint32_t>(v); }));
        TRY(numbers(tag::kFileDevices, "devices",
                    [](File& f, uint64_t v) { f.device = static_cast<uint32_t>(v); }));
        TRY(numbers(tag::kFileInodes, "inodes",
                    [](File& f, uint64_t v) { f.inode = static_cast<uint32_t>(v); }));
        TRY(numbers(tag::kFileColors, "colours",
                    [](File& f, uint64_t v) { f.color = static_cast<uint32_t>(v); }));
        TRY(texts(tag::kFileUserName, "owners", &File::user));
        TRY(texts(tag::kFileGroupName, "groups", &File::group));
        TRY(texts(tag::kFileLinkTos, "link targets", &File::link));
        TRY(texts(tag::kFileDigests, "digests", &File::digest));
        TRY(texts(tag::kFileCaps, "capabilities", &File::capabilities));
        TRY(texts(tag::kFileLangs, "languages", &File::lang));
        for (File& f : p_.files) {
            if (!(f.flags & kFileGhost)) {
                if (S_ISLNK(f.mode) && (f.link.empty() || f.link.size() >= PATH_MAX))
                    return fail("the symbolic link '%s' points nowhere", f.path.c_str());
                if (!S_ISREG(f.mode) && !S_ISDIR(f.mode) && !S_ISLNK(f.mode) && !S_ISCHR(f.mode) &&
                    !S_ISBLK(f.mode) && !S_ISFIFO(f.mode))
                    return fail("'%s' is neither file, directory, link nor device", f.path.c_str());
            }
            std::transform(f.digest.begin(), f.digest.end(), f.digest.begin(),
                           [](char c) { return c >= 'A' && c <= 'F' ? char(c + 32) : c; });
        }
        return {};
    }

    Status link_sets() {
        if (!h_.has(tag::kFileInodes) || !h_.has(tag::kFileDevices)) return {};
        std::map<std::pair<uint32_t, uint32_t>, std::vector<uint32_t>> by_inode;
        for (uint32_t i = 0; i < p_.files.size(); i++) {
            const File& f = p_.files[i];
            if (S_ISREG(f.mode) && !(f.flags & kFileGhost) && f.inode)
                by_inode[{f.device, f.inode}].push_back(i);
        }
        for (auto& [inode, members] : by_inode) {
            if (members.size() < 2) continue;
            const File& first = p_.files[members[0]];
            for (uint32_t i : members) {
                File& f = p_.files[i];
                if (f.size_bytes != first.size_bytes || f.digest != first.digest)
                    return fail("the hard links '%s' and '%s' differ", first.path.c_str(),
                                f.path.c_str());
                f.link_set = static_cast<int>(p_.link_sets.size());
            }
            p_.link_sets.push_back(std::move(members));
        }
        return {};
    }

    Status scriptlets() {
        for (const ScriptTags& t : kScripts) {
            if (!h_.has(t.body) && !h_.has(t.interpreter)) continue;
            Scriptlet s{t.kind, {text(t.body), {}, static_cast<uint32_t>(h_.number(t.flags))}};
            for (std::string_view word : h_.strings(t.interpreter))
                s.script.interpreter.emplace_back(word);
            if (s.script.interpreter.empty()) s.script.interpreter = {"/bin/sh"};
            p_.scriptlets.push_back(std::move(s));
        }
        return {};
    }

    static When when_of(uint64_t flags) {
        if (flags & 1u << 25) return When::pre_in;
        if (flags & 1u << 17) return When::un;
        if (flags & 1u << 18) return When::post_un;
        return When::in;
    }

    Status triggers(const TriggerTags& t) {
        auto scripts = h_.strings(t.scripts);
        auto interpreters = h_.strings(t.interpreters);
        auto script_flags = h_.numbers(t.script_flags);
        auto names = h_.strings(t.names);
        auto versions = h_.strings(t.versions);
        auto flags = h_.numbers(t.flags);
        auto indexes = h_.numbers(t.indexes);
        auto priorities = t.priorities ? h_.numbers(t.priorities) : std::vector<uint64_t>();
        auto fits = [&](size_t n) { return n == 0 || n == scripts.size(); };
        if (!fits(interpreters.size()) || !fits(script_flags.size()) || !fits(priorities.size()) ||
            names.size() != versions.size() || names.size() != flags.size() ||
            names.size() != indexes.size())
            return fail("the tables of triggers differ in length");
        size_t first = p_.triggers.size();
        for (size_t i = 0; i < scripts.size(); i++) {
            Trigger trigger;
            trigger.scope = t.scope;
            trigger.script.body = scripts[i];
            // The program of a trigger is one string, arguments and all.
            for (std::string_view w :
                 split_words(interpreters.empty() ? "/bin/sh" : interpreters[i]))
                trigger.script.interpreter.emplace_back(w);
            if (trigger.script.interpreter.empty()) trigger.script.interpreter = {"/bin/sh"};
            if (!script_flags.empty())
                trigger.script.flags = static_cast<uint32_t>(script_flags[i]);
            if (!priorities.empty()) trigger.priority = static_cast<uint32_t>(priorities[i]);
            p_.triggers.push_back(std::move(trigger));
        }
        for (size_t i = 0; i < names.size(); i++) {
            if (indexes[i] >= scripts.size()) return fail("a trigger has no script");
            p_.triggers[first + indexes[i]].conditions.push_back(
                {{std::string(names[i]), static_cast<uint32_t>(flags[i]), std::string(versions[i])},
                 when_of(flags[i])});
        }
        return {};
    }

    Status changelog() {
        auto times = h_.numbers(tag::kChangelogTime);
        auto authors = h_.strings(tag::kChangelogName), texts = h_.strings(tag::kChangelogText);
        if (times.size() != authors.size() || times.size() != texts.size())
            return fail("the tables of the changelog differ in length");
        for (size_t i = 0; i < times.size(); i++)
            p_.changelog.push_back(
                {static_cast<uint32_t>(times[i]), std::string(authors[i]), std::string(texts[i])});
        return {};
    }

    const Header& h_;
    Package p_;
};

}  // namespace

const char* to_string(ScriptKind kind) {
    constexpr const char* kNames[] = {"pretrans",   "pre",         "post",
                                      "preun",      "postun",      "posttrans",
                                      "preuntrans", "postuntrans", "verifyscript"};
    return kNames[static_cast<int>(kind)];
}

Status check_identity(const Package& package) {
    TRY(check_name(package.name, "name"));
    TRY(check_name(package.evr.version, "version"));
    TRY(check_name(package.evr.release, "release"));
    if (!package.arch.empty()) TRY(check_name(package.arch, "architecture"));
    return {};
}

Status check_relation(const Relation& relation, std::vector<Relation> Package::*list) {
    if (relation.name.empty()) return fail("a name is empty");
    if (!relation.is_rich() || list == &Package::provides) return {};
    bool inverted =
        list == &Package::conflicts || list == &Package::supplements || list == &Package::enhances;
    TRY(parse_rich(relation.name, inverted ? RichContext::must_not_hold : RichContext::must_hold));
    return {};
}

Result<std::string> clean_file_path(std::string_view raw, PackageKind kind) {
    std::string path(raw);
    bool source = kind == PackageKind::source;
    if (source ? raw.contains('/') : !raw.starts_with('/'))
        return fail("the file name '%s' is not %s", path.c_str(),
                    source ? "a plain name" : "absolute");
    return clean_path((source ? "./" : ".") + path);
}

Result<Package> Package::from_header(const Header& header) {
    return Builder(header).build();
}

const Script* Package::scriptlet(ScriptKind kind) const {
    for (const Scriptlet& s : scriptlets)
        if (s.kind == kind) return &s.script;
    return nullptr;
}

std::string Package::nevra() const {
    std::string out = name + "-" + evr.str();
    return is_source ? out + ".src" : arch.empty() ? out : out + "." + arch;
}

}  // namespace tenon::pkg::rpm
