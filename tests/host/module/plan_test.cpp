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
    EXPECT_EQ(p.why, "the needs go round in a circle: b -> c -> b");
}

TEST(Plan, names_both_sides_of_a_version_that_does_not_fit) {
    Source s;
    s.add("edu", "1.1", "requires=pci>=2.0,<3");
    s.add("pci", "1.4");
    const auto p = plan(s, "edu");
    EXPECT_EQ(p.result.error(), Error::inval);
    EXPECT_EQ(p.why, "edu 1.1 needs pci>=2.0,<3; available pci is version 1.4");
}

TEST(Plan, says_who_needs_what_is_missing) {
    Source s;
    s.add("edu", "1", "depends=pci");
    const auto p = plan(s, "edu");
    EXPECT_EQ(p.result.error(), Error::noent);
    EXPECT_EQ(p.why, "edu needs pci, and there is no such module");
}

TEST(Plan, visits_each_edge_once) {
    Source s;
    // A ladder: 2^20 paths, 40 edges.
    s.add("m20", "1");
    for (int i = 19; i >= 0; --i)
        s.add("m" + std::to_string(i), "1",
              "requires=m" + std::to_string(i + 1) + "|requires=m" + std::to_string(i + 1));
    EXPECT_TRUE(plan(s, "m0").result);
    EXPECT_LE(s.finds, 41);
}

}  // namespace
}  // namespace tenon::module
