#include "core/module/plan.h"

namespace tenon::module {

namespace {

class Planner {
  public:
    Planner(PlanSource& source, Plan& plan, fmt::Sink& why)
        : source_(source), plan_(plan), why_(why) {}

    Result<void> visit(PlanNode& node);

  private:
    Result<void> need(PlanNode& from, std::string_view text);
    void print_cycle(const PlanNode& start);

    PlanSource& source_;
    Plan& plan_;
    fmt::Sink& why_;
    PlanNode* path_[kMaxPlan];
    u32 depth_ = 0;
};

void Planner::print_cycle(const PlanNode& start) {
    why_.write("the needs go round in a circle: ");
    bool inside = false;
    for (u32 i = 0; i < depth_; ++i) {
        inside |= path_[i] == &start;
        if (inside) fmt::print(why_, "{} -> ", path_[i]->name);
    }
    why_.write(start.name);
}

Result<void> Planner::need(PlanNode& from, std::string_view text) {
    const Need need = Need::parse(text);
    auto found = source_.find(need.name);
    if (!found) {
        if (found.error() == Error::noent)
            fmt::print(why_, "{} needs {}, and there is no such module", from.name, text);
        return Err(found.error());
    }
    PlanNode& node = **found;
    if (!need.accepts(node.version)) {
        fmt::print(why_, "{} {} needs {}; {} {} is version {}", from.name, from.version, text,
                   node.loaded ? "loaded" : "available", node.name, node.version);
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
    if (depth_ == kMaxPlan || plan_.count == kMaxPlan) {
        fmt::print(why_, "{} needs more than {} modules", path_[0]->name, kMaxPlan);
        return Err(Error::toobig);
    }
    node.mark = PlanNode::Mark::open;
    path_[depth_++] = &node;

    Result<void> result;
    node.info.for_each("requires", [&](std::string_view text) {
        result = need(node, text);
        return result.has_value();
    });
    TRY(result);
    node.info.for_each("depends", [&](std::string_view list) {
        while (!list.empty() && result) {
            const usize comma = list.find(',');
            const std::string_view one = list.substr(0, comma);
            list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
            if (!one.empty()) result = need(node, one);
        }
        return result.has_value();
    });
    TRY(result);

    --depth_;
    node.mark = PlanNode::Mark::done;
    plan_.order[plan_.count++] = &node;
    return {};
}

}  // namespace

Result<void> make_plan(PlanSource& source, std::string_view root, Plan& plan, fmt::Sink& why) {
    auto found = source.find(root);
    if (!found) {
        if (found.error() == Error::noent) fmt::print(why, "there is no module {}", root);
        return Err(found.error());
    }
    return Planner(source, plan, why).visit(**found);
}

}  // namespace tenon::module
