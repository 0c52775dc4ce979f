#include "pkg/lib/rpm/surroundings.h"

#include "pkg/lib/text.h"
#include "pkg/lib/wrappers.h"

namespace tenon::pkg::rpm {

namespace {

constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";
constexpr const char* kLoaderName = "ld-linux-x86-64.so.2";
constexpr const char* kLibc = "libc.so.6";
// Where glibc's loader looks without being configured: Debian's, and everybody else's.
constexpr const char* kMultiarchDirs[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
                                          "/lib", "/usr/lib"};
constexpr const char* kPlainDirs[] = {"/lib64", "/usr/lib64"};
// Since then the loader has --argv0, which wrappers use; and DT_GNU_HASH.
constexpr const char* kArgv0Since = "GLIBC_2.33";
constexpr const char* kGnuHashSince = "GLIBC_2.5";
constexpr std::string_view k64Bit = "(64bit)";

constexpr SenseFlags kScriptNeeds =
    kPreTransNeed | kInterpreterNeed | kPreNeed | kPostNeed | kPreUnNeed | kPostUnNeed;

std::string need_name(const std::string& soname, const std::string& version) {
    return soname + "(" + version + ")" + std::string(k64Bit);
}

bool has(const Providers& inside, const std::string& name) {
    return !inside.of({.name = name, .flags = 0, .evr = {}}).empty();
}

struct LibraryNeed {
    std::string soname, version;
};

// "SONAME(VERSION)(64bit)", VERSION may be empty.
std::optional<LibraryNeed> library_need(std::string_view name) {
    if (!name.ends_with(k64Bit)) return std::nullopt;
    name.remove_suffix(k64Bit.size());
    size_t open = name.find('(');
    if (open == std::string_view::npos || open == 0 || !name.ends_with(')')) return std::nullopt;
    LibraryNeed out{std::string(name.substr(0, open)),
                    std::string(name.substr(open + 1, name.size() - open - 2))};
    if (!out.soname.contains(".so") || out.soname.contains('/') || out.version.contains('('))
        return std::nullopt;
    return out;
}

}  // namespace

const Surroundings::Known& Surroundings::library(const std::string& soname) {
    if (auto it = libraries_.find(soname); it != libraries_.end()) return it->second;
    auto look = [&]() -> Known {
        auto named = [&](const std::string& path) -> Known {
            TRY_SET(ElfLibrary found, read_elf_library(outer_, path));
            if (found.soname != soname)
                return fail("%s calls itself '%s'", path.c_str(), found.soname.c_str());
            return found;
        };
        if (soname == kLoaderName) return named(kLoader);
        TRY_SET(bool multiarch, outer_.exists(std::string(kMultiarchDirs[1]) + "/" + kLibc));
        auto in = [&](const auto& dirs) -> Known {
            for (const char* dir : dirs) {
                const std::string path = std::string(dir) + "/" + soname;
                TRY_SET(auto st, outer_.stat_follow(path));
                if (st) return named(path);
            }
            return fail("there is no %s in %s", soname.c_str(), dirs[1]);
        };
        return multiarch ? in(kMultiarchDirs) : in(kPlainDirs);
    };
    return libraries_.emplace(soname, look()).first->second;
}

std::optional<std::string> Surroundings::refusal_of_glibc(const Providers& inside) {
    if (has(inside, need_name(kLibc, "")))
        return "the prefix has a glibc of its own, and takes no library from outside of it";
    for (const char* part : {kLoaderName, kLibc})
        if (const Known& k = library(part); !k)
            return "the root around has no glibc: " + k.error().text;
    if (!library(kLibc)->versions.contains(kArgv0Since))
        return std::string("the glibc of the root around is older than ") + kArgv0Since;
    return std::nullopt;
}

// What a library of the root around needs is looked for in the prefix first, too: what is there has
// to be good enough for it.
std::optional<std::string> Surroundings::refusal_of_library(const std::string& soname,
                                                            const std::string& version,
                                                            const Providers& inside,
                                                            std::set<std::string>& seen) {
    const Known& known = library(soname);
    if (!known) return known.error().text;
    if (!version.empty() && !known->versions.contains(version))
        return soname + " of the root around does not offer " + version;
    if (!seen.insert(soname).second) return std::nullopt;
    for (const auto& [needed, versions] : known->needs) {
        if (has(inside, need_name(needed, ""))) {
            for (const auto& v : versions)
                if (!has(inside, need_name(needed, v)))
                    return soname + " of the root around needs " + need_name(needed, v) +
                           ", which the " + needed + " in the prefix does not offer";
            continue;
        }
        if (auto why = refusal_of_library(needed, "", inside, seen)) return why;
        for (const auto& v : versions)
            if (auto why = refusal_of_library(needed, v, inside, seen)) return why;
    }
    return std::nullopt;
}

std::optional<std::string> Surroundings::refusal_of_file(const std::string& path) {
    size_t slash = path.rfind('/');
    if (!is_program_dir(std::string_view(path).substr(1, slash ? slash - 1 : 0)))
        return "only programs are taken from the root around, and libraries";
    auto st = outer_.stat_follow(path);
    if (!st) return st.error().text;
    if (!*st || !S_ISREG((*st)->st_mode) || !((*st)->st_mode & 0111))
        return "there is no such program in the root around";
    return std::nullopt;
}

std::optional<std::string> Surroundings::refusal(const Relation& need, const Providers& inside) {
    if (need.is_rich() || !need.evr.empty())
        return "packages of the root around are of another family, and do not count";
    const bool is_file = need.name.starts_with('/');
    auto wanted = library_need(need.name);
    if (need.name == "rtld(GNU_HASH)") wanted = LibraryNeed{kLibc, kGnuHashSince};
    if (!is_file && !wanted)
        return "packages of the root around are of another family, and do not count";
    if (need.flags & kScriptNeeds)
        return "its scripts run in the prefix, and nothing there provides it";
    if (is_file) return refusal_of_file(need.name);
    if (auto why = refusal_of_glibc(inside)) return why;
    std::set<std::string> seen;
    return refusal_of_library(wanted->soname, wanted->version, inside, seen);
}

}  // namespace tenon::pkg::rpm
