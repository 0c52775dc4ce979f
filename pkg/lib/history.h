// What was done to the root, one entry a transaction: /var/lib/pkg/history.sqlite, through SQLite,
// which the static pkg does not have (history/sqlite.cpp, history/absent.cpp).
#pragma once

#include <stdint.h>

#include <compare>
#include <string>
#include <vector>

#include "pkg/lib/root.h"

namespace tenon::pkg {

struct HistoryChange {
    std::string name, arch;
    std::string before, after;  // versions; empty: not there
    // By its mark before: it had come along with something else.
    bool was_automatic = false;
    auto operator<=>(const HistoryChange&) const = default;
};

struct HistoryEntry {
    int64_t number = 0;  // counted from 1
    int64_t time_s = 0;  // since 1970, UTC
    std::string command;
    std::vector<HistoryChange> changes;
};

namespace history {

// Does this build keep one?
bool present();
// Durable on return with Sync::yes. An entry that is the last one's equal, its time and its changes
// too, is not added again: a transaction that was interrupted after this comes here twice.
enum class Sync { no, yes };
Status add(Root& root, const HistoryEntry& entry, Sync sync);
// Oldest first; `number`: only that one.
Result<std::vector<HistoryEntry>> read(Root& root, int64_t number = 0);

}  // namespace history

}  // namespace tenon::pkg
