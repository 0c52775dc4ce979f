#include "pkg/lib/depends.h"

#include "pkg/lib/text.h"

namespace tenon::pkg {

bool Depends::arch_fits(const Package& p, const Alternative& a, const Package& by) const {
    auto real = [&](const Package& q) { return q.arch == "all" ? native_arch_ : q.arch; };
    if (a.arch == "any")
        return p.multi_arch == MultiArch::allowed || p.multi_arch == MultiArch::foreign;
    if (!a.arch.empty()) return real(p) == (a.arch == "native" ? native_arch_ : a.arch);
    return real(p) == real(by) || p.multi_arch == MultiArch::foreign;
}

bool Depends::meets(const Package& p, const Alternative& a, const Package& by) const {
    if (p.name == a.name && arch_fits(p, a, by) && satisfies(p.version, a.relation, a.version))
        return true;
    for (const Dependency& dep : p.relations(Field::provides))
        for (const Alternative& given : dep) {
            if (given.name != a.name || !arch_fits(p, a, by)) continue;
            if (a.relation == Relation::none) return true;
            // A versioned dependency is met only by a versioned Provides.
            if (given.relation == Relation::eq && satisfies(given.version, a.relation, a.version))
                return true;
        }
    return false;
}

bool Depends::hit_by(const Package& p, const Alternative& a, const Package& by) const {
    // A package never conflicts with itself: with what it provides, or with its own name.
    if (p.name == by.name) return false;
    auto arch_ok = [&] {
        if (a.arch.empty() || a.arch == "any") return true;
        return (p.arch == "all" ? native_arch_ : p.arch) == a.arch;
    };
    if (p.name == a.name && arch_ok() && satisfies(p.version, a.relation, a.version)) return true;
    for (const Dependency& dep : p.relations(Field::provides))
        for (const Alternative& given : dep) {
            if (given.name != a.name) continue;
            if (a.relation == Relation::none) return true;
            if (given.relation == Relation::eq && satisfies(given.version, a.relation, a.version))
                return true;
        }
    return false;
}

bool Depends::satisfied(const World& world, const Dependency& dep, const Package& by,
                        const std::function<bool(const Package&)>& ready) const {
    for (const Alternative& a : dep)
        for (const Package* p : world)
            if (meets(*p, a, by) && ready(*p)) return true;
    return false;
}

std::vector<std::string> Depends::problems(const World& world, const World& subjects) const {
    std::vector<std::string> out;
    auto any = [](const Package&) { return true; };
    auto name_of = [](const Package& p) { return p.display_name() + " " + p.version.str(); };
    for (const Package* p : subjects) {
        for (Field f : {Field::pre_depends, Field::depends})
            for (const Dependency& dep : p->relations(f)) {
                if (satisfied(world, dep, *p, any)) continue;
                std::string why;
                for (const Alternative& a : dep)
                    for (const Package* q : world)
                        if (q->name == a.name && why.empty())
                            why = format(" (%s is there)", name_of(*q).c_str());
                if (why.empty()) why = dep.size() > 1 ? " (none is there)" : " (it is not there)";
                out.push_back(format("%s needs %s%s", name_of(*p).c_str(), to_string(dep).c_str(),
                                     why.c_str()));
            }
        for (Field f : {Field::conflicts, Field::breaks})
            for (const Dependency& dep : p->relations(f))
                for (const Alternative& a : dep)
                    for (const Package* q : world)
                        if (q != p && hit_by(*q, a, *p))
                            out.push_back(format("%s %s %s, and %s is there", name_of(*p).c_str(),
                                                 f == Field::breaks ? "breaks" : "conflicts with",
                                                 a.str().c_str(), name_of(*q).c_str()));
    }
    return out;
}

}  // namespace tenon::pkg
