#include "core/module/plan.h"

namespace tenon::module {

namespace {

// Calls visit(text) for each thing that a module needs, until it answers false.
template <typename Visit>
void for_each_need(const Modinfo& info, Visit&& visit) {
    bool more = true;
    info.for_each("requires", [&](std::string_view text) { return more = visit(text); });
    if (!more) return;
    info.for_each("depends", [&](std::string_view list) {
        while (!list.empty() && more) {
            const usize comma = list.find(',');
            const std::string_view one = list.substr(0, comma);
            list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
            if (!one.empty()) more = visit(one);
        }
        return more;
    });
}

// The words of "pre: a b post: c" that belong to `when`.
template <typename Visit>
void for_each_wish(const Modinfo& info, std::string_view when, Visit&& visit) {
    info.for_each("softdep", [&](std::string_view text) {
        bool active = false;
        for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
            if (word.ends_with(':'))
                active = word == when;
            else if (active)
                visit(word);
        }
        return true;
    });
}

class Planner {
  public:
    Planner(PlanSource& source, Plan& plan, fmt::Sink& why)
        : source_(source), plan_(plan), why_(why) {}

    Result<void> run(PlanNode& root);

  private:
    Result<void> visit(PlanNode& node);
    Result<void> need(PlanNode& from, std::string_view text);
    void wish(const PlanNode& from, std::string_view when);
    void want(PlanNode& node, PlanNode::Want how);
    void print_cycle(const PlanNode& start);
    void say_missing(const PlanNode& from, std::string_view text);
    void say_unfit(const PlanNode& from, std::string_view text, const PlanNode& node);
    // A wish that fails is not talked about.
    template <typename... A>
    void say(std::string_view format, const A&... args) {
        if (wishes_ == 0) fmt::print(why_, format, args...);
    }

    PlanSource& source_;
    Plan& plan_;
    fmt::Sink& why_;
    PlanNode* path_[kMaxDepth];
    u32 depth_ = 0;
    u32 wishes_ = 0;  // on the path
    bool wished_ = false;
};

void Planner::print_cycle(const PlanNode& start) {
    say("the needs go round in a circle: ");
    bool inside = false;
    for (u32 i = 0; i < depth_; ++i) {
        inside |= path_[i] == &start;
        if (inside) say("{} -> ", path_[i]->name);
    }
    say("{}; one of them has to do without the next", start.name);
}

// Apart from need(), which recurses, for the sake of its frame.
[[gnu::noinline]] void Planner::say_missing(const PlanNode& from, std::string_view text) {
    say("{} needs {}, and there is no such module: install it below /lib/modules", from.name, text);
}

[[gnu::noinline]] void Planner::say_unfit(const PlanNode& from, std::string_view text,
                                          const PlanNode& node) {
    say("{} {} needs {}; {} {} is version {}: {}", from.name, from.version, text,
        node.loaded ? "loaded" : "available", node.name, node.version,
        node.loaded ? "unload it and load one that fits" : "install one that fits");
}

Result<void> Planner::need(PlanNode& from, std::string_view text) {
    const Need need = Need::parse(text);
    auto found = source_.find(need.name);
    if (!found) {
        if (found.error() == Error::noent) say_missing(from, text);
        return Err(found.error());
    }
    PlanNode& node = **found;
    if (!need.accepts(node.version)) {
        say_unfit(from, text, node);
        return Err(Error::inval);
    }
    return visit(node);
}

Result<void> Planner::visit(PlanNode& node) {
    if (node.loaded || node.mark == PlanNode::Mark::done) return {};
    if (node.mark == PlanNode::Mark::open) {
        print_cycle(node);
        return Err(Error::loop);
    }
    // It may have failed only because somebody on the path wished for it: tried again when needed.
    if (node.mark == PlanNode::Mark::failed && wishes_ != 0) return Err(Error::noent);
    if (depth_ == kMaxDepth || plan_.count == kMaxPlan) {
        say("{} needs more than {} modules, or a chain of more than {}", path_[0]->name, kMaxPlan,
            kMaxDepth);
        return Err(Error::toobig);
    }
    node.mark = PlanNode::Mark::open;
    path_[depth_++] = &node;
    wish(node, "pre:");
    Result<void> result;
    for_each_need(node.info, [&](std::string_view text) {
        result = need(node, text);
        return result.has_value();
    });
    --depth_;
    if (result && plan_.count == kMaxPlan) result = Err(Error::toobig);
    node.mark = result ? PlanNode::Mark::done : PlanNode::Mark::failed;
    TRY(result);
    plan_.order[plan_.count++] = &node;
    wish(node, "post:");
    return {};
}

void Planner::wish(const PlanNode& from, std::string_view when) {
    ++wishes_;
    for_each_wish(from.info, when, [&](std::string_view name) {
        wished_ = true;
        auto found = source_.find(name);
        if (found && (*found)->mark != PlanNode::Mark::open) (void)visit(**found);
    });
    --wishes_;
}

// Every node of the order is reached again, from the root: once for each way it can be wanted.
void Planner::want(PlanNode& node, PlanNode::Want how) {
    if (node.mark != PlanNode::Mark::done || node.want >= how) return;
    node.want = how;
    for_each_need(node.info, [&](std::string_view text) {
        if (auto found = source_.find(Need::parse(text).name)) want(**found, how);
        return true;
    });
    for (std::string_view when : {"pre:", "post:"})
        for_each_wish(node.info, when, [&](std::string_view name) {
            auto found = source_.find(name);
            if (!found) return;
            (*found)->wished = true;
            want(**found, PlanNode::Want::wish);
        });
}

Result<void> Planner::run(PlanNode& root) {
    plan_.root = &root;
    TRY(visit(root));
    if (!wished_) {
        for (u32 i = 0; i < plan_.count; ++i) plan_.order[i]->want = PlanNode::Want::need;
        return {};
    }
    want(root, PlanNode::Want::need);
    u32 kept = 0;
    for (u32 i = 0; i < plan_.count; ++i)
        if (plan_.order[i]->want != PlanNode::Want::nobody) plan_.order[kept++] = plan_.order[i];
    plan_.count = kept;
    return {};
}

}  // namespace

Result<void> make_plan(PlanSource& source, std::string_view root, Plan& plan, fmt::Sink& why) {
    auto found = source.find(root);
    if (!found) {
        if (found.error() == Error::noent)
            fmt::print(why, "there is no module {}: install it below /lib/modules", root);
        return Err(found.error());
    }
    return Planner(source, plan, why).run(**found);
}

}  // namespace tenon::module
