// What an answer would change: said before it is done, and by --dry-run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkg/cmd/verbs.h"

namespace tenon::pkg {

struct PlannedChange {
    enum class Action { install, reinstall, upgrade, downgrade, remove, retag };
    Action action;
    std::string package, architecture;
    std::string before, after;  // versions; empty: not there
    std::string shown;          // in the line for people, instead of what follows from the rest
};

class PlanText {
  public:
    void add(PlannedChange change) { changes_.push_back(std::move(change)); }
    // A line for each kind of change, and the items of "plan".
    void print(const Options& o) const;

  private:
    std::vector<PlannedChange> changes_;
};

// The items of "plan" alone, where no more is known than names.
void report_plan(const Options& o, const char* action, const std::vector<std::string>& packages);

}  // namespace tenon::pkg
