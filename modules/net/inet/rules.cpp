// Rules: which tables are looked up in which order. Spec: Linux net/core/fib_rules.c.
#include <algorithm>

#include "tables.h"

namespace tenon::net::inet {

namespace {

using Node = Entry<Rule>;

void tell(bool is_there, const Rule& rule, const Asker& asker) {
    Tables& t = tables();
    if (t.has_listener) t.listener.call(&Listener::rule, is_there, rule, asker);
}

bool same(const Rule& a, const Rule& b) {
    return a.family == b.family && a.destination_length == b.destination_length &&
           a.source_length == b.source_length && a.tos == b.tos && a.action == b.action &&
           a.table == b.table && a.priority == b.priority && a.destination == b.destination &&
           a.source == b.source;
}

// In front of the first that has a number, as in Linux.
u32 free_priority(Family family) {
    bool is_first = true;
    for (const Node& n : tables().rules) {
        if (n.value.family != family) continue;
        if (!std::exchange(is_first, false))
            return n.value.priority != 0 ? n.value.priority - 1 : 0;
    }
    return 0;
}

u32 unused_table(Family family) {
    const auto is_used = [&](u32 table) {
        return std::ranges::any_of(tables().routes,
                                   [&](const auto& e) {
                                       return e.value.family == family && e.value.table == table;
                                   }) ||
               std::ranges::any_of(tables().rules, [&](const auto& e) {
                   return e.value.family == family && e.value.table == table;
               });
    };
    u32 table = 1;
    while (table < kTableDefault && is_used(table)) ++table;
    return table;
}

Result<void> insert(const Rule& rule) {
    Tables& t = tables();
    if (t.counts[2] >= kMaxEntries) return Err(Error::nobufs);
    auto* node = new (std::nothrow) Node;
    if (node == nullptr) return Err(Error::nobufs);
    node->value = rule;
    t.rules.insert(std::ranges::find_if(
                       t.rules, [&](const Node& n) { return n.value.priority > rule.priority; }),
                   *node);
    ++t.counts[2];
    return {};
}

}  // namespace

Result<void> add_rule(Rule rule, u16 how, const Asker& asker) {
    Tables& t = tables();
    sync::MutexGuard guard(t.lock);
    if (rule.table == 0 && rule.action == 1) rule.table = unused_table(rule.family);
    if (rule.priority == 0) rule.priority = free_priority(rule.family);
    if (how & kIfExclusive)
        for (const Node& n : t.rules)
            if (same(n.value, rule)) return Err(Error::exist);
    TRY(insert(rule));
    if (rule.family == Family::v4) t.local_is_split = true;
    tell(true, rule, asker);
    return {};
}

Result<void> remove_rule(const Rule& like, const Asker& asker) {
    Tables& t = tables();
    sync::MutexGuard guard(t.lock);
    for (Node& n : t.rules) {
        const Rule& r = n.value;
        if (r.family != like.family || (like.action != 0 && r.action != like.action) ||
            (like.table != 0 && r.table != like.table) ||
            (like.priority != 0 && r.priority != like.priority) ||
            (like.tos != 0 && r.tos != like.tos) ||
            (like.destination_length != 0 && (r.destination_length != like.destination_length ||
                                              r.destination != like.destination)) ||
            (like.source_length != 0 &&
             (r.source_length != like.source_length || r.source != like.source)))
            continue;
        if (r.family == Family::v4) t.local_is_split = true;
        const std::unique_ptr<Node> owned(&n);
        t.rules.erase(t.rules.iterator_to(n));
        --t.counts[2];
        tell(false, n.value, asker);
        return {};
    }
    return Err(Error::noent);
}

bool local_is_split() {
    sync::MutexGuard guard(tables().lock);
    return tables().local_is_split;
}

void for_each_rule(Family family, void (*visit)(const Rule&, void*), void* context) {
    sync::MutexGuard guard(tables().lock);
    for (const Node& n : tables().rules)
        if (n.value.family == family) visit(n.value, context);
}

Result<void> add_standard_rules() {
    for (const Family family : {Family::v4, Family::v6}) {
        Rule rule;
        rule.family = family;
        rule.protocol = kByKernel;
        rule.table = kTableLocal;
        TRY(insert(rule));
        rule.table = kTableMain;
        rule.priority = 0x7ffe;
        TRY(insert(rule));
        if (family == Family::v6) break;
        rule.table = kTableDefault;
        rule.priority = 0x7fff;
        TRY(insert(rule));
    }
    return {};
}

}  // namespace tenon::net::inet
