// What was done to the root, one entry a transaction: /var/lib/pkg/history.sqlite, through SQLite,
// which the static pkg does not have (history/sqlite.cpp, history/absent.cpp).
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "pkg/lib/root.h"

namespace tenon::pkg {

struct HistoryChange {
    std::string name, arch;
    std::string before, after;  // versions; empty: not there
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
// Durable on return. An entry that is the last one's equal, its time too, is not added again: a
// transaction that was interrupted after this comes here twice.
Status add(Root& root, const HistoryEntry& entry);
// Oldest first; `number`: only that one.
Result<std::vector<HistoryEntry>> read(Root& root, int64_t number = 0);

}  // namespace history

}  // namespace tenon::pkg
