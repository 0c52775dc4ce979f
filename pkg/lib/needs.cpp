#include "pkg/lib/needs.h"

#include <algorithm>
#include <deque>

namespace tenon::pkg {

Needs::Needs(Database& db) : depends_(db.native_arch()) {
    for (const Package* p : db.packages()) {
        if (!p->is_unpacked()) continue;
        installed_.push_back(p);
        by_name_.emplace(p->name, p);
        for (const Dependency& given : p->relations(Field::provides))
            for (const Alternative& a : given)
                if (a.name != p->name) by_name_.emplace(a.name, p);
    }
}

void Needs::for_each_need(
    const Package& by, std::initializer_list<Field> fields,
    const std::function<void(const Package&, Field, const Dependency&)>& f) const {
    for (Field field : fields)
        for (const Dependency& dep : by.relations(field))
            for (const Alternative& a : dep) {
                auto [first, last] = by_name_.equal_range(a.name);
                for (auto it = first; it != last; ++it)
                    if (it->second != &by && depends_.meets(*it->second, a, by))
                        f(*it->second, field, dep);
            }
}

std::set<const Package*> Needs::reachable(const std::set<const Package*>& roots) const {
    std::set<const Package*> out = roots;
    std::deque<const Package*> queue(roots.begin(), roots.end());
    while (!queue.empty()) {
        const Package* p = queue.front();
        queue.pop_front();
        for_each_need(*p, {Field::pre_depends, Field::depends, Field::recommends, Field::suggests},
                      [&](const Package& q, Field, const Dependency&) {
                          if (out.insert(&q).second) queue.push_back(&q);
                      });
    }
    return out;
}

std::vector<Need> Needs::chain(const std::set<const Package*>& roots, const Package& p) const {
    if (roots.contains(&p)) return {};
    for (bool weak : {false, true}) {
        std::map<const Package*, Need> reached;
        std::deque<const Package*> queue;
        for (const Package* r : roots) {
            reached[r];
            queue.push_back(r);
        }
        auto step = [&](const Package& by, std::initializer_list<Field> fields) {
            for_each_need(by, fields, [&](const Package& q, Field field, const Dependency& dep) {
                if (!reached.try_emplace(&q, Need{&by, &q, field, to_string(dep)}).second) return;
                queue.push_back(&q);
            });
        };
        while (!queue.empty() && !reached.contains(&p)) {
            const Package* by = queue.front();
            queue.pop_front();
            step(*by, {Field::pre_depends, Field::depends});
            if (weak) step(*by, {Field::recommends, Field::suggests});
        }
        if (!reached.contains(&p)) continue;
        std::vector<Need> out;
        for (const Package* at = &p; reached[at].by; at = reached[at].by)
            out.push_back(reached[at]);
        std::reverse(out.begin(), out.end());
        return out;
    }
    return {};
}

std::vector<Package*> unneeded(Database& db,
                               const std::function<bool(const Package&)>& is_automatic) {
    std::set<const Package*> roots;
    for (const Package* p : db.packages())
        if (p->is_unpacked() && (!is_automatic(*p) || p->essential || p->is_protected ||
                                 p->want == Want::hold || p->field("Priority") == "required"))
            roots.insert(p);
    std::set<const Package*> needed = Needs(db).reachable(roots);
    std::vector<Package*> out;
    for (Package* p : db.packages())
        if (p->is_unpacked() && !needed.contains(p)) out.push_back(p);
    return out;
}

}  // namespace tenon::pkg
