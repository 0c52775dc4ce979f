// For builds without SQLite: the static pkg of the minimal image.
#include "pkg/lib/history.h"

namespace tenon::pkg::history {

bool present() {
    return false;
}

Status add(Root&, const HistoryEntry&, Sync) {
    return {};
}

Result<std::vector<HistoryEntry>> read(Root&, int64_t) {
    return fail("this pkg was built without SQLite and keeps no history");
}

}  // namespace tenon::pkg::history
