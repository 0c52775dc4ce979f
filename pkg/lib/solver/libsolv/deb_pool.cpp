#include "pkg/lib/solver/libsolv/deb_pool.h"

#include <string.h>

#include "pkg/lib/text.h"

namespace tenon::pkg::solver {

namespace {

// "name:arch (>= version)" taken apart. The text was checked when it came in; what is malformed all
// the same comes out as a name that nothing has.
struct Parts {
    std::string_view name, arch, version;
    int flags = 0;
};

Parts parts_of(std::string_view s) {
    Parts out;
    s = trim(s);
    size_t i = 0;
    while (i < s.size() && !is_space(s[i]) && s[i] != '(' && s[i] != ':') i++;
    out.name = s.substr(0, i);
    if (i < s.size() && s[i] == ':') {
        size_t start = ++i;
        while (i < s.size() && !is_space(s[i]) && s[i] != '(') i++;
        out.arch = s.substr(start, i - start);
    }
    size_t open = s.find('(', i);
    if (open == std::string_view::npos) return out;
    size_t close = s.find(')', open);
    s = trim(s.substr(open + 1, close == std::string_view::npos ? close : close - open - 1));
    if (s.starts_with(">>"))
        out.flags = REL_GT, s.remove_prefix(2);
    else if (s.starts_with("<<"))
        out.flags = REL_LT, s.remove_prefix(2);
    else if (s.starts_with(">=") || s.starts_with('>'))
        out.flags = REL_GT | REL_EQ, s.remove_prefix(s.starts_with(">=") ? 2 : 1);
    else if (s.starts_with("<=") || s.starts_with('<'))
        out.flags = REL_LT | REL_EQ, s.remove_prefix(s.starts_with("<=") ? 2 : 1);
    else
        out.flags = REL_EQ, s.remove_prefix(s.starts_with('=') ? 1 : 0);
    out.version = trim(s);
    return out;
}

// Calls `each` for every comma-separated element that is not empty.
template <class F>
void for_each_element(std::string_view field, F each) {
    while (!field.empty()) {
        size_t comma = field.find(',');
        std::string_view element = trim(field.substr(0, comma));
        if (!element.empty()) each(element);
        if (comma == std::string_view::npos) break;
        field.remove_prefix(comma + 1);
    }
}

const char* relation_str(int flags) {
    switch (flags) {
        case REL_GT:
            return ">>";
        case REL_LT:
            return "<<";
        case REL_GT | REL_EQ:
            return ">=";
        case REL_LT | REL_EQ:
            return "<=";
        default:
            return "=";
    }
}

}  // namespace

DebPool::DebPool(std::vector<std::string> archs, size_t packages)
    : archs_(std::move(archs)), pool_(pool_create()) {
    pool_setdisttype(pool_, DISTTYPE_DEB);
    meaning_.reserve(packages + 2);
    installed_ = repo_create(pool_, "installed");
    available_ = repo_create(pool_, "available");
    pool_set_installed(pool_, installed_);
    meaning_.resize(static_cast<size_t>(pool_->nsolvables));
}

Id DebPool::name_id(std::string_view name, std::string_view arch) {
    if (arch.empty() || is_native(arch))
        return pool_strn2id(pool_, name.data(), static_cast<unsigned>(name.size()), 1);
    buffer_ = name;
    buffer_ += ':';
    buffer_ += arch;
    return pool_strn2id(pool_, buffer_.data(), static_cast<unsigned>(buffer_.size()), 1);
}

Id DebPool::alternative_id(std::string_view text, const std::string& arch) {
    Parts p = parts_of(text);
    std::string_view of = p.arch.empty() ? std::string_view(arch) : p.arch;
    if (p.arch == "native") of = archs_[0];
    Id id = name_id(p.name, of);
    if (p.flags == 0) return id;
    Id version = pool_strn2id(pool_, p.version.data(), static_cast<unsigned>(p.version.size()), 1);
    return pool_rel2id(pool_, id, version, p.flags, 1);
}

Offset DebPool::add_dependencies(Repo* repo, Solvable* s, Offset at, std::string_view field,
                                 const std::string& arch) {
    for_each_element(field, [&](std::string_view element) {
        Id id = 0;
        // From the last alternative to the first: "a | b | c" is a | (b | c).
        std::string_view rest = element;
        for (;;) {
            size_t bar = rest.rfind('|');
            std::string_view one = bar == std::string_view::npos ? rest : rest.substr(bar + 1);
            Id alternative = alternative_id(one, arch);
            if (id && bar == std::string_view::npos)
                s->dep_suggests = repo_addid_dep(repo, s->dep_suggests, alternative, 0);
            id = id ? pool_rel2id(pool_, alternative, id, REL_OR, 1) : alternative;
            if (bar == std::string_view::npos) break;
            rest = rest.substr(0, bar);
        }
        at = repo_addid_dep(repo, at, id, 0);
    });
    return at;
}

Offset DebPool::add_conflicts(Repo* repo, Offset at, std::string_view field) {
    for_each_element(field, [&](std::string_view element) {
        // Without a qualifier every architecture is meant.
        Parts p = parts_of(element);
        if (!p.arch.empty() && p.arch != "any") {
            at = repo_addid_dep(repo, at, alternative_id(element, archs_[0]), 0);
            return;
        }
        for (const std::string& arch : archs_) {
            Id id = name_id(p.name, arch);
            if (p.flags) {
                Id version = pool_strn2id(pool_, p.version.data(),
                                          static_cast<unsigned>(p.version.size()), 1);
                id = pool_rel2id(pool_, id, version, p.flags, 1);
            }
            at = repo_addid_dep(repo, at, id, 0);
        }
    });
    return at;
}

void DebPool::add_provides(Repo* repo, Solvable* s, const Facts& f) {
    bool foreign = f.multi_arch == "foreign";
    bool any = foreign || f.multi_arch == "allowed";
    auto add = [&](std::string_view name, Id version) {
        auto put = [&](std::string_view arch) {
            Id id = name_id(name, arch);
            if (version) id = pool_rel2id(pool_, id, version, REL_EQ, 1);
            s->dep_provides = repo_addid_dep(repo, s->dep_provides, id, 0);
        };
        if (foreign)
            for (const std::string& arch : archs_) put(arch);
        else
            put(f.arch);
        if (any) put("any");
    };
    add(f.name, s->evr);
    for_each_element(f.provides, [&](std::string_view element) {
        Parts p = parts_of(element);
        Id version = 0;
        if (p.flags == REL_EQ)
            version =
                pool_strn2id(pool_, p.version.data(), static_cast<unsigned>(p.version.size()), 1);
        add(p.name, version);
    });
}

void DebPool::fill(Repo* repo, Id id, const Facts& f) {
    Solvable* s = pool_id2solvable(pool_, id);
    s->name = name_id(f.name, f.arch);
    s->evr = pool_strn2id(pool_, f.version.data(), static_cast<unsigned>(f.version.size()), 1);
    s->arch = ARCH_ALL;
    std::string arch(is_native(f.arch) ? std::string_view(archs_[0]) : f.arch);
    add_provides(repo, s, f);
    s->dep_requires = add_dependencies(repo, s, s->dep_requires, f.pre_depends, arch);
    s->dep_requires = add_dependencies(repo, s, s->dep_requires, f.depends, arch);
    s->dep_recommends = add_dependencies(repo, s, s->dep_recommends, f.recommends, arch);
    s->dep_conflicts = add_conflicts(repo, s->dep_conflicts, f.conflicts);
    s->dep_conflicts = add_conflicts(repo, s->dep_conflicts, f.breaks);
    if (archs_.size() == 1) return;
    // Instances of several architectures stand side by side only as Multi-Arch: same, and then of
    // one version.
    for (const std::string& other : archs_) {
        if (other == arch) continue;
        Id name = name_id(f.name, other);
        if (f.multi_arch != "same") {
            s->dep_conflicts = repo_addid_dep(repo, s->dep_conflicts, name, 0);
            continue;
        }
        for (int flags : {REL_LT, REL_GT})
            s->dep_conflicts = repo_addid_dep(repo, s->dep_conflicts,
                                              pool_rel2id(pool_, name, s->evr, flags, 1), 0);
    }
}

Id DebPool::add_installed(Package& p) {
    Id id = repo_add_solvable(installed_);
    meaning_.resize(static_cast<size_t>(id) + 1);
    meaning_.back().installed = &p;
    static constexpr const char* kMultiArch[] = {"no", "same", "foreign", "allowed"};
    std::string version = p.version.str();
    std::string fields[] = {p.field("Depends"),   p.field("Pre-Depends"), p.field("Breaks"),
                            p.field("Conflicts"), p.field("Provides"),    p.field("Recommends")};
    fill(installed_, id,
         Facts{.name = p.name,
               .version = version,
               .arch = p.arch,
               .multi_arch = kMultiArch[static_cast<size_t>(p.multi_arch)],
               .depends = fields[0],
               .pre_depends = fields[1],
               .recommends = fields[5],
               .breaks = fields[2],
               .conflicts = fields[3],
               .provides = fields[4]});
    return id;
}

Id DebPool::add_available(const apt::Record& r, uint32_t number) {
    Id id = repo_add_solvable(available_);
    meaning_.resize(static_cast<size_t>(id) + 1);
    meaning_.back().record = number;
    Facts f{.name = r.name, .version = r.version, .arch = r.arch};
    // The fields in one walk.
    std::string_view text = r.text;
    while (!text.empty()) {
        size_t end = text.find('\n');
        while (end != std::string_view::npos && end + 1 < text.size() &&
               (text[end + 1] == ' ' || text[end + 1] == '\t'))
            end = text.find('\n', end + 1);
        std::string_view line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        std::string_view key = line.substr(0, colon), value = trim(line.substr(colon + 1));
        struct {
            std::string_view key;
            std::string_view* to;
        } const fields[] = {
            {"Depends", &f.depends},       {"Pre-Depends", &f.pre_depends},
            {"Recommends", &f.recommends}, {"Breaks", &f.breaks},
            {"Conflicts", &f.conflicts},   {"Provides", &f.provides},
            {"Multi-Arch", &f.multi_arch},
        };
        for (const auto& field : fields)
            if (field.key.size() == key.size() && iequals(field.key, key)) *field.to = value;
    }
    fill(available_, id, f);
    return id;
}

void DebPool::finish() {
    pool_createwhatprovides(pool_);
}

std::string DebPool::str(Id solvable) const {
    const Solvable* s = pool_id2solvable(pool_, solvable);
    return std::string(pool_id2str(pool_, s->name)) + " " + pool_id2str(pool_, s->evr);
}

std::string DebPool::dependency_str(Id dep) const {
    if (!ISRELDEP(dep)) return pool_id2str(pool_, dep);
    const Reldep* r = GETRELDEP(pool_, dep);
    if (r->flags == REL_OR) return dependency_str(r->name) + " | " + dependency_str(r->evr);
    return dependency_str(r->name) + " (" + relation_str(r->flags) + " " +
           pool_id2str(pool_, r->evr) + ")";
}

}  // namespace tenon::pkg::solver
