#include "core/module/plan.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace tenon::module {
namespace {

class Source final : public PlanSource {
  public:
    // `info` has records separated by '|'.
    void add(const std::string& name, const std::string& version, std::string info = {},
             bool loaded = false) {
        for (char& c : info)
            if (c == '|') c = '\0';
        info += '\0';
        auto& e = entries_[name];
        e.text = info;
        e.name = name;
        e.version = version;
        e.node.name = e.name;
        e.node.version = e.version;
        e.node.info = Modinfo(e.text);
        e.node.loaded = loaded;
    }
    Result<PlanNode*> find(std::string_view name) override {
        ++finds;
        auto there = entries_.find(std::string(name));
        if (there == entries_.end()) return Err(Error::noent);
        return &there->second.node;
    }
    int finds = 0;

  private:
    struct Entry {
        std::string name, version, text;
        PlanNode node;
    };
    std::map<std::string, Entry> entries_;
};

struct Planned {
    Result<void> result;
    std::string order, why;
};
Planned plan(Source& source, std::string_view root) {
    char reason[400];
    fmt::BufferSink why(reason);
    Plan p;
    Planned out;
    out.result = make_plan(source, root, p, why);
    out.why = std::string(why.text());
    for (u32 i = 0; i < p.count; ++i) out.order += std::string(p.order[i]->name) + " ";
    return out;
}

TEST(Plan, orders_needs_first_and_each_once) {
    Source s;
    s.add("a", "1", "requires=b|requires=c");
    s.add("b", "1", "depends=d,c");
    s.add("c", "1", "depends=d");
    s.add("d", "1");
    EXPECT_EQ(plan(s, "a").order, "d c b a ");
}

TEST(Plan, leaves_out_what_is_loaded) {
    Source s;
    s.add("a", "1", "requires=b");
    s.add("b", "1", "requires=gone", true);
    EXPECT_EQ(plan(s, "a").order, "a ");
}

TEST(Plan, prints_the_whole_cycle) {
    Source s;
    s.add("a", "1", "requires=b");
    s.add("b", "1", "requires=c");
    s.add("c", "1", "requires=b");
    const auto p = plan(s, "a");
    EXPECT_EQ(p.result.error(), Error::loop);
    EXPECT_EQ(
        p.why,
        "the needs go round in a circle: b -> c -> b; one of them has to do without the next");
}

TEST(Plan, names_both_sides_of_a_version_that_does_not_fit) {
    Source s;
    s.add("edu", "1.1", "requires=pci>=2.0,<3");
    s.add("pci", "1.4");
    const auto p = plan(s, "edu");
    EXPECT_EQ(p.result.error(), Error::inval);
    EXPECT_EQ(p.why,
              "edu 1.1 needs pci>=2.0,<3; available pci is version 1.4: install one that fits");
}

TEST(Plan, says_who_needs_what_is_missing) {
    Source s;
    s.add("edu", "1", "depends=pci");
    const auto p = plan(s, "edu");
    EXPECT_EQ(p.result.error(), Error::noent);
    EXPECT_EQ(p.why, "edu needs pci, and there is no such module: install it below /lib/modules");
}

TEST(Plan, takes_wishes_where_they_can_be_had) {
    Source s;
    s.add("a", "1", "softdep=pre: b gone post: c|requires=d");
    s.add("b", "1", "requires=d");
    s.add("c", "1", "requires=a");
    s.add("d", "1");
    EXPECT_EQ(plan(s, "a").order, "d b a c ");
}

TEST(Plan, leaves_out_a_wish_that_fails_and_what_only_it_needs) {
    Source s;
    s.add("a", "1", "softdep=pre: b e|requires=d");
    s.add("b", "1", "requires=c|requires=d>=2");
    s.add("c", "1");
    s.add("d", "1");
    s.add("e", "1", "requires=nowhere");
    const auto p = plan(s, "a");
    EXPECT_TRUE(p.result) << p.why;
    EXPECT_EQ(p.order, "d a ");
    EXPECT_EQ(p.why, "");
}

TEST(Plan, a_wish_may_go_round_in_a_circle) {
    Source s;
    s.add("a", "1", "softdep=pre: b");
    s.add("b", "1", "softdep=pre: a");
    EXPECT_EQ(plan(s, "a").order, "b a ");
    // b cannot come before a, which it needs; r needs it all the same.
    Source t;
    t.add("r", "1", "requires=a|requires=b");
    t.add("a", "1", "softdep=pre: b");
    t.add("b", "1", "requires=a");
    EXPECT_EQ(plan(t, "r").order, "a b r ");
}

TEST(Plan, wishes_cost_no_more_than_twice) {
    Source s;
    s.add("m15", "1", "requires=gone");
    for (int i = 14; i >= 0; --i) {
        const std::string next = "m" + std::to_string(i + 1);
        s.add("m" + std::to_string(i), "1", "softdep=pre: " + next + " post: " + next);
    }
    EXPECT_TRUE(plan(s, "m0").result);
    EXPECT_LE(s.finds, 4 * 31);
}

TEST(Plan, visits_each_edge_once) {
    Source s;
    // A ladder: 2^15 paths, 30 edges.
    s.add("m15", "1");
    for (int i = 14; i >= 0; --i)
        s.add("m" + std::to_string(i), "1",
              "requires=m" + std::to_string(i + 1) + "|requires=m" + std::to_string(i + 1));
    EXPECT_TRUE(plan(s, "m0").result);
    EXPECT_LE(s.finds, 31);
}

TEST(Plan, refuses_a_chain_that_the_stack_would_not_bear) {
    Source s;
    for (usize i = 0; i <= kMaxDepth; ++i)
        s.add("m" + std::to_string(i), "1", "requires=m" + std::to_string(i + 1));
    const auto p = plan(s, "m0");
    EXPECT_EQ(p.result.error(), Error::toobig);
    EXPECT_EQ(p.why, "m0 needs more than 64 modules, or a chain of more than 16");
}

}  // namespace
}  // namespace tenon::module
