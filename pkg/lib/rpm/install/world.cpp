#include "pkg/lib/rpm/install/world.h"

#include <algorithm>
#include <functional>

namespace tenon::pkg::rpm {

namespace {

// What an rpm of version 4.18 can do, and pkg, too.
constexpr struct {
    const char *name, *version;
} kFeatures[] = {
    {"rpmlib(BuiltinLuaScripts)", "4.2.2-1"},
    {"rpmlib(CaretInVersions)", "4.15.0-1"},
    {"rpmlib(CompressedFileNames)", "3.0.4-1"},
    {"rpmlib(ConcurrentAccess)", "4.1-1"},
    {"rpmlib(DynamicBuildRequires)", "4.15.0-1"},
    {"rpmlib(ExplicitPackageProvide)", "4.0-1"},
    {"rpmlib(FileCaps)", "4.6.1-1"},
    {"rpmlib(FileDigests)", "4.6.0-1"},
    {"rpmlib(HeaderLoadSortsTags)", "4.0.1-1"},
    {"rpmlib(LargeFiles)", "4.12.0-1"},
    {"rpmlib(PartialHardlinkSets)", "4.0.4-1"},
    {"rpmlib(PayloadFilesHavePrefix)", "4.0-1"},
    {"rpmlib(PayloadIsBzip2)", "3.0.5-1"},
    {"rpmlib(PayloadIsLzma)", "4.4.2-1"},
    {"rpmlib(PayloadIsXz)", "5.2-1"},
    {"rpmlib(PayloadIsZstd)", "5.4.18-1"},
    {"rpmlib(RichDependencies)", "4.12.0-1"},
    {"rpmlib(ScriptletInterpreterArgs)", "4.0.3-1"},
    {"rpmlib(TildeInVersions)", "4.10.0-1"},
    {"rpmlib(VersionedDependencies)", "3.0.3-1"},
};

std::string_view last_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

constexpr SenseFlags kScriptNeeds =
    kPreNeed | kPostNeed | kPreUnNeed | kPostUnNeed | kInterpreterNeed;

}  // namespace

World::World(std::vector<const Package*> packages, PlaceKeys& keys, Surroundings* around)
    : packages_(std::move(packages)), keys_(keys), around_(around) {
    for (size_t i = 0; i < packages_.size(); i++)
        for (const Relation& r : packages_[i]->provides)
            provides_[r.name].emplace_back(static_cast<int>(i), &r);
}

std::vector<int> World::with_file(const std::string& path) const {
    if (!has_files_) {
        for (size_t i = 0; i < packages_.size(); i++)
            for (const File& f : packages_[i]->files)
                files_[last_of(f.path)].emplace_back(static_cast<int>(i), &f);
        has_files_ = true;
    }
    std::vector<int> out;
    auto it = files_.find(last_of(path));
    if (it == files_.end()) return out;
    auto wanted = keys_.of(path);
    for (auto [i, file] : it->second) {
        bool same = file->path == path;
        if (!same && wanted) {
            auto key = keys_.of(file->path);
            same = key && *key == *wanted;
        }
        if (same && (out.empty() || out.back() != i)) out.push_back(i);
    }
    return out;
}

std::vector<int> World::of(const Relation& wanted) const {
    std::vector<int> out;
    if (auto it = provides_.find(wanted.name); it != provides_.end())
        for (auto [i, relation] : it->second)
            if (matches(wanted, *relation) && (out.empty() || out.back() != i)) out.push_back(i);
    if (out.empty() && wanted.name.starts_with('/')) return with_file(wanted.name);
    return out;
}

bool World::holds(const Relation& need) const {
    if (need.name.starts_with("rpmlib(")) {
        for (const auto& f : kFeatures)
            if (need.name == f.name) return matches(need, {f.name, kEqual, f.version});
        return false;
    }
    if (!need.is_rich()) return !of(need).empty() || (around_ && !around_->refusal(need, *this));
    auto rich = parse_rich(need.name);
    return rich && evaluate(*rich, *this);
}

std::string World::refusal(const Relation& need) const {
    return around_ ? around_->refusal(need, *this).value_or("") : "";
}

const Package* World::conflict(const Package& p, const Relation& conflict) const {
    if (conflict.is_rich()) {
        auto rich = parse_rich(conflict.name, RichContext::must_not_hold);
        if (!rich || !evaluate(*rich, *this)) return nullptr;
        std::function<const Package*(const RichDependency&)> first =
            [&](const RichDependency& d) -> const Package* {
            if (d.op == RichOp::none) {
                for (int i : of(d.leaf))
                    if (packages_[static_cast<size_t>(i)] != &p)
                        return packages_[static_cast<size_t>(i)];
                return nullptr;
            }
            for (const auto& o : d.operands)
                if (const Package* found = first(o)) return found;
            return nullptr;
        };
        return first(*rich);
    }
    for (int i : of(conflict))
        if (packages_[static_cast<size_t>(i)] != &p) return packages_[static_cast<size_t>(i)];
    return nullptr;
}

std::vector<size_t> sorted_by_needs(const std::vector<const Package*>& packages, PlaceKeys& keys) {
    World world(packages, keys);
    std::vector<size_t> out;
    std::vector<bool> seen(packages.size());
    // Deep chains of needs are not a reason for a deep stack.
    struct Frame {
        size_t package;
        std::vector<size_t> needs;
        size_t next = 0;
    };
    auto needs_of = [&](size_t i) {
        std::vector<size_t> needs;
        auto add = [&](const Relation& r) {
            for (int provider : world.of(r))
                if (static_cast<size_t>(provider) != i)
                    needs.push_back(static_cast<size_t>(provider));
        };
        for (bool of_scripts : {true, false})
            for (const Relation& r : packages[i]->requirements)
                if (((r.flags & kScriptNeeds) != 0) == of_scripts && !r.is_rich()) add(r);
        for (const Relation& r : packages[i]->order_hints) add(r);
        return needs;
    };
    for (size_t n = packages.size(); n-- > 0;) {
        if (seen[n]) continue;
        std::vector<Frame> stack;
        seen[n] = true;
        stack.push_back({n, needs_of(n)});
        while (!stack.empty()) {
            Frame& top = stack.back();
            if (top.next < top.needs.size()) {
                size_t need = top.needs[top.next++];
                if (seen[need]) continue;
                seen[need] = true;
                stack.push_back({need, needs_of(need)});
                continue;
            }
            out.push_back(top.package);
            stack.pop_back();
        }
    }
    return out;
}

}  // namespace tenon::pkg::rpm
