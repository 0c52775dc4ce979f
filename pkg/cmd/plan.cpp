#include "pkg/cmd/plan.h"

#include <stdio.h>

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

struct Wording {
    const char* action;
    const char* title;
};
// In the order of PlannedChange::Action.
constexpr Wording kWords[] = {
    {"install", "To install"}, {"reinstall", "To install again"},
    {"upgrade", "To upgrade"}, {"downgrade", "To downgrade"},
    {"remove", "To remove"},   {"retag", "To have another tag"},
};

std::string shown(const PlannedChange& c) {
    if (!c.shown.empty()) return c.shown;
    if (c.action == PlannedChange::Action::upgrade || c.action == PlannedChange::Action::downgrade)
        return c.package + " " + c.before + " -> " + c.after;
    return c.package;
}

}  // namespace

void PlanText::print(const Options& o) const {
    std::map<PlannedChange::Action, std::vector<std::string>> lines;
    if (o.report) o.report->add_none("plan");
    for (const auto& c : changes_) {
        lines[c.action].push_back(shown(c));
        if (o.report)
            o.report->add("plan",
                          JsonObject{{"action", kWords[static_cast<size_t>(c.action)].action},
                                     {"package", c.package},
                                     {"architecture", Json::or_null(c.architecture)},
                                     {"before", Json::or_null(c.before)},
                                     {"after", Json::or_null(c.after)}});
    }
    for (const auto& [action, names] : lines)
        printf("%s: %s\n", kWords[static_cast<size_t>(action)].title, join(names, ", ").c_str());
}

void report_plan(const Options& o, const char* action, const std::vector<std::string>& packages) {
    if (!o.report) return;
    o.report->add_none("plan");
    for (const auto& p : packages)
        o.report->add("plan", JsonObject{{"action", action}, {"package", p}});
}

}  // namespace tenon::pkg
