#include "pkg/lib/apk/world.h"

#include <dirent.h>
#include <stdio.h>

#include <algorithm>
#include <set>

#include "pkg/lib/apk/file.h"

namespace tenon::pkg::apk {

namespace {

bool same_checksum(const Checksum& have, const std::string& wanted) {
    auto c = Checksum::parse(wanted);
    return c && same_identity(have, *c);
}

bool meets(const std::string& version, const Dependency& d) {
    if (d.match == kMatchAny) return true;
    return !version.empty() && version_matches(version, d.match, d.version);
}

}  // namespace

bool provides(const Package& p, const Dependency& d) {
    if (p.name == d.name) {
        if (d.match == kMatchChecksum && !d.version.empty()) {
            if (same_checksum(p.checksum, d.version)) return true;
        } else if (meets(p.version, d)) {
            return true;
        }
    }
    if (d.match == kMatchChecksum) return false;
    return std::any_of(p.provides.begin(), p.provides.end(), [&](const Dependency& offered) {
        return offered.name == d.name && meets(offered.version, d);
    });
}

void World::add(const Package* p) {
    packages_.push_back(p);
    names_.emplace(p->name, p);
    for (const auto& offered : p->provides) names_.emplace(offered.name, p);
}

const Package* World::provider(const Dependency& d, const Package* of) const {
    auto [first, last] = names_.equal_range(d.name);
    for (auto it = first; it != last; ++it)
        if (it->second != of && provides(*it->second, d)) return it->second;
    return nullptr;
}

std::vector<World::Need> World::unmet() const {
    std::vector<Need> out;
    for (const Package* p : packages_)
        for (const auto& d : p->depends)
            if (!d.conflict && !provider(d)) out.push_back({p, d});
    return out;
}

std::vector<std::string> World::problems() const {
    std::vector<std::string> out;
    for (const auto& need : unmet()) {
        std::string line = need.of->display_name() + " needs " + need.what.str();
        Dependency any{.name = need.what.name, .version = {}, .tag = {}};
        if (const Package* other = provider(any))
            line += ", and there is only " + other->display_name();
        out.push_back(line);
    }
    std::set<std::pair<const Package*, const Package*>> said;
    for (const Package* p : packages_) {
        for (const auto& d : p->depends)
            if (const Package* other = d.conflict ? provider(d, p) : nullptr)
                out.push_back(p->display_name() + " conflicts with " + other->display_name() +
                              " (" + d.str() + ")");
        // What is provided with a version is a name of its own: only one package may have it.
        for (const auto& offered : p->provides) {
            if (offered.version.empty()) continue;
            auto [first, last] = names_.equal_range(offered.name);
            for (auto it = first; it != last; ++it) {
                const Package* other = it->second;
                bool versioned =
                    other->name == offered.name ||
                    std::any_of(other->provides.begin(), other->provides.end(),
                                [&](const Dependency& o) {
                                    return o.name == offered.name && !o.version.empty();
                                });
                if (other == p || !versioned || said.contains({other, p})) continue;
                if (!said.insert({p, other}).second) continue;
                out.push_back(p->display_name() + " and " + other->display_name() +
                              " both provide " + offered.name);
            }
        }
    }
    return out;
}

std::vector<Offer> read_offers(const std::vector<std::string>& directories) {
    std::vector<Offer> out;
    for (const auto& dir : directories) {
        std::vector<std::string> names;
        if (DIR* d = opendir(dir.c_str())) {
            while (struct dirent* e = readdir(d))
                if (std::string_view(e->d_name).ends_with(".apk")) names.push_back(e->d_name);
            closedir(d);
        }
        std::sort(names.begin(), names.end());
        for (const auto& name : names) {
            auto file = ApkFile::open(dir + "/" + name, KeyRing());
            if (file)
                out.push_back({file->path(), file->package()});
            else
                fprintf(stderr, "pkg: %s is passed over\n", file.error().text.c_str());
        }
    }
    return out;
}

const Offer* best_offer(const std::vector<Offer>& offers, const Dependency& d) {
    const Offer* best = nullptr;
    auto better = [&](const Package& a, const Package& b) {
        if ((a.name == d.name) != (b.name == d.name)) return a.name == d.name;
        if (a.provider_priority != b.provider_priority)
            return a.provider_priority > b.provider_priority;
        int order = compare_versions(a.version, b.version);
        return order != 0 ? order > 0 : a.name < b.name;
    };
    for (const auto& offer : offers)
        if (provides(offer.package, d) && (!best || better(offer.package, best->package)))
            best = &offer;
    return best;
}

}  // namespace tenon::pkg::apk
