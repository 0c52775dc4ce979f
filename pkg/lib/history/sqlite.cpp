#include <sqlite3.h>
#include <sys/stat.h>

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
    " NULL, arch TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL);"
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

Status insert(sqlite3* db, const HistoryEntry& entry) {
    TRY_SET(Statement last,
            prepare(db, "SELECT time, command FROM entries ORDER BY number DESC LIMIT 1"));
    if (sqlite3_step(last.get()) == SQLITE_ROW &&
        sqlite3_column_int64(last.get(), 0) == entry.time_s && text_of(last, 1) == entry.command)
        return {};
    last.reset();
    TRY_SET(Statement head, prepare(db, "INSERT INTO entries (time, command) VALUES (?, ?)"));
    sqlite3_bind_int64(head.get(), 1, entry.time_s);
    bind_text(head, 2, entry.command);
    TRY(step_to_end(db, head));
    sqlite3_int64 number = sqlite3_last_insert_rowid(db);
    TRY_SET(Statement row, prepare(db, "INSERT INTO changes VALUES (?, ?, ?, ?, ?)"));
    for (const HistoryChange& c : entry.changes) {
        sqlite3_bind_int64(row.get(), 1, number);
        bind_text(row, 2, c.name);
        bind_text(row, 3, c.arch);
        bind_text(row, 4, c.before);
        bind_text(row, 5, c.after);
        TRY(step_to_end(db, row));
    }
    return {};
}

}  // namespace

bool present() {
    return true;
}

Status add(Root& root, const HistoryEntry& entry) {
    TRY(root.mkdir_all(kDir, 0755));
    TRY_SET(Store s, open(root, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    TRY(run(s.db.get(), kSchema));
    TRY(run(s.db.get(), "BEGIN IMMEDIATE"));
    if (Status done = insert(s.db.get(), entry); !done) {
        (void)run(s.db.get(), "ROLLBACK");
        return done;
    }
    return run(s.db.get(), "COMMIT");
}

Result<std::vector<HistoryEntry>> read(Root& root, int64_t number) {
    std::vector<HistoryEntry> out;
    TRY_SET(bool there, root.exists(kDir + "/" + kName));
    if (!there) return out;
    TRY_SET(Store s, open(root, SQLITE_OPEN_READONLY));
    TRY_SET(Statement q,
            prepare(s.db.get(),
                    "SELECT e.number, e.time, e.command, c.name, c.arch, c.before, c.after FROM "
                    "entries e JOIN changes c ON c.number = e.number WHERE ?1 = 0 OR e.number = ?1 "
                    "ORDER BY e.number, c.name, c.arch"));
    sqlite3_bind_int64(q.get(), 1, number);
    int r;
    while ((r = sqlite3_step(q.get())) == SQLITE_ROW) {
        int64_t n = sqlite3_column_int64(q.get(), 0);
        if (out.empty() || out.back().number != n)
            out.push_back({.number = n,
                           .time_s = sqlite3_column_int64(q.get(), 1),
                           .command = text_of(q, 2),
                           .changes = {}});
        out.back().changes.push_back({text_of(q, 3), text_of(q, 4), text_of(q, 5), text_of(q, 6)});
    }
    if (r != SQLITE_DONE) return fail("%s", sqlite3_errmsg(s.db.get()));
    return out;
}

}  // namespace tenon::pkg::history
