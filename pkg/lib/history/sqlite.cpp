#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "pkg/lib/history.h"

namespace tenon::pkg::history {

namespace {

const std::string kDir = "/var/lib/pkg";
const std::string kName = "history.sqlite";

// A removed transaction leaves its changes to nobody: both go together.
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " command TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS changes (number INTEGER NOT NULL REFERENCES entries, name TEXT NOT"
    " NULL, arch TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,"
    " was_automatic INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS changes_by_number ON changes (number);";

struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Close>;

// The folder's descriptor is part of the name that SQLite gets, so that no link leads out of the
// root.
struct Store {
    Fd dir;
    std::unique_ptr<sqlite3, Close> db;
};

Result<Store> open(Root& root, int flags) {
    Store s;
    TRY_SET(s.dir, root.open_path(kDir));
    TRY_SET(auto st, root.lstat(kDir + "/" + kName));
    if (st && !S_ISREG(st->st_mode)) return fail("%s/%s is no file", kDir.c_str(), kName.c_str());
    sqlite3* db = nullptr;
    std::string path = format("/proc/self/fd/%d/", s.dir.get()) + kName;
    int r = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
    s.db.reset(db);
    if (r != SQLITE_OK) return fail("cannot open it: %s", sqlite3_errstr(r));
    sqlite3_busy_timeout(db, 5000);
    return s;
}

Status run(sqlite3* db, const char* sql) {
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
        return fail("%s", sqlite3_errmsg(db));
    return {};
}

Result<Statement> prepare(sqlite3* db, const char* sql) {
    sqlite3_stmt* s = nullptr;
    if (sqlite3_prepare_v2(db, sql, -1, &s, nullptr) != SQLITE_OK)
        return fail("%s", sqlite3_errmsg(db));
    return Statement(s);
}

void bind_text(const Statement& s, int at, const std::string& text) {
    sqlite3_bind_text(s.get(), at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

std::string text_of(const Statement& s, int column) {
    auto text = reinterpret_cast<const char*>(sqlite3_column_text(s.get(), column));
    return text ? std::string(text, static_cast<size_t>(sqlite3_column_bytes(s.get(), column)))
                : std::string();
}

Status step_to_end(sqlite3* db, const Statement& s) {
    if (sqlite3_step(s.get()) != SQLITE_DONE) return fail("%s", sqlite3_errmsg(db));
    sqlite3_reset(s.get());
    return {};
}

// Oldest first, each with its changes by name; `number`: only that one, 0: all.
Result<std::vector<HistoryEntry>> select(sqlite3* db, int64_t number) {
    std::vector<HistoryEntry> out;
    TRY_SET(Statement q,
            prepare(db,
                    "SELECT e.number, e.time, e.command, c.name, c.arch, c.before, c.after,"
                    " c.was_automatic FROM entries e JOIN changes c ON c.number = e.number"
                    " WHERE ?1 = 0 OR e.number = ?1 ORDER BY e.number, c.name, c.arch"));
    sqlite3_bind_int64(q.get(), 1, number);
    int r;
    while ((r = sqlite3_step(q.get())) == SQLITE_ROW) {
        int64_t n = sqlite3_column_int64(q.get(), 0);
        if (out.empty() || out.back().number != n)
            out.push_back({.number = n,
                           .time_s = sqlite3_column_int64(q.get(), 1),
                           .command = text_of(q, 2),
                           .changes = {}});
        out.back().changes.push_back({text_of(q, 3), text_of(q, 4), text_of(q, 5), text_of(q, 6),
                                      sqlite3_column_int(q.get(), 7) != 0});
    }
    if (r != SQLITE_DONE) return fail("%s", sqlite3_errmsg(db));
    return out;
}

Result<bool> is_last(sqlite3* db, const HistoryEntry& entry) {
    TRY_SET(Statement last, prepare(db, "SELECT max(number) FROM entries"));
    if (sqlite3_step(last.get()) != SQLITE_ROW) return fail("%s", sqlite3_errmsg(db));
    const int64_t number = sqlite3_column_int64(last.get(), 0);
    if (number == 0) return false;
    TRY_SET(auto found, select(db, number));
    auto changes = entry.changes;
    std::sort(changes.begin(), changes.end());
    return !found.empty() && found[0].time_s == entry.time_s && found[0].command == entry.command &&
           found[0].changes == changes;
}

Status insert(sqlite3* db, const HistoryEntry& entry) {
    TRY_SET(bool there, is_last(db, entry));
    if (there) return {};
    TRY_SET(Statement head, prepare(db, "INSERT INTO entries (time, command) VALUES (?, ?)"));
    sqlite3_bind_int64(head.get(), 1, entry.time_s);
    bind_text(head, 2, entry.command);
    TRY(step_to_end(db, head));
    sqlite3_int64 number = sqlite3_last_insert_rowid(db);
    TRY_SET(Statement row, prepare(db, "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)"));
    for (const HistoryChange& c : entry.changes) {
        sqlite3_bind_int64(row.get(), 1, number);
        bind_text(row, 2, c.name);
        bind_text(row, 3, c.arch);
        bind_text(row, 4, c.before);
        bind_text(row, 5, c.after);
        sqlite3_bind_int(row.get(), 6, c.was_automatic);
        TRY(step_to_end(db, row));
    }
    return {};
}

}  // namespace

bool present() {
    return true;
}

Status add(Root& root, const HistoryEntry& entry, Sync sync) {
    TRY(root.mkdir_all(kDir, 0755));
    TRY_SET(Store s, open(root, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    if (sync == Sync::no) TRY(run(s.db.get(), "PRAGMA synchronous = OFF"));
    TRY(run(s.db.get(), kSchema));
    TRY(run(s.db.get(), "BEGIN IMMEDIATE"));
    if (Status done = insert(s.db.get(), entry); !done) {
        (void)run(s.db.get(), "ROLLBACK");
        return done;
    }
    return run(s.db.get(), "COMMIT");
}

Result<std::vector<HistoryEntry>> read(Root& root, int64_t number) {
    TRY_SET(bool there, root.exists(kDir + "/" + kName));
    if (!there) return std::vector<HistoryEntry>();
    TRY_SET(Store s, open(root, SQLITE_OPEN_READONLY));
    return select(s.db.get(), number);
}

}  // namespace tenon::pkg::history
