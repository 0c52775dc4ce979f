#include "pkg/lib/rpm/install/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>

#include "pkg/lib/rpm/install/index.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

constexpr const char* kName = "rpmdb.sqlite";
// Debian's rpm has it in the home of who calls it, on purpose: the system's packages are not its
// business there.
constexpr const char* kPlaces[] = {"/usr/lib/sysimage/rpm", "/var/lib/rpm", "/root/.rpmdb"};
constexpr const char* kOtherKinds[] = {"Packages", "Packages.db"};
constexpr int kBusyMs = 5000;

struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Status run(sqlite3* db, const std::string& sql) {
    if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        return fail("rpm's database: %s", sqlite3_errmsg(db));
    return {};
}

Result<Statement> prepare(sqlite3* db, const std::string& sql) {
    sqlite3_stmt* s = nullptr;
    if (sqlite3_prepare_v2(db, sql.c_str(), -1, &s, nullptr) != SQLITE_OK)
        return fail("rpm's database: %s", sqlite3_errmsg(db));
    return Statement(s);
}

std::string_view blob_of(const Statement& s, int column) {
    auto p = static_cast<const char*>(sqlite3_column_blob(s.get(), column));
    return p ? std::string_view(p, static_cast<size_t>(sqlite3_column_bytes(s.get(), column)))
             : std::string_view();
}

void bind_key(const Statement& s, int at, const std::string& key, bool is_blob) {
    if (is_blob)
        sqlite3_bind_blob(s.get(), at, key.data(), static_cast<int>(key.size()), SQLITE_TRANSIENT);
    else
        sqlite3_bind_text(s.get(), at, key.data(), static_cast<int>(key.size()), SQLITE_TRANSIENT);
}

std::string quoted(const char* table) {
    return "'" + std::string(table) + "'";
}

// The value of %_dbpath in the macros of the root's own rpm, as far as it is one of kPlaces.
Result<std::string> configured_dir(Root& root) {
    TRY_SET(auto macros, root.read_if_there("/usr/lib/rpm/macros"));
    if (!macros) return std::string();
    for (std::string_view line : split_lines(*macros)) {
        auto words = split_words(line);
        if (words.size() < 2 || words[0] != "%_dbpath") continue;
        if (line.contains("~/.rpmdb")) return std::string(kPlaces[2]);
        if (line.contains("lib/sysimage/rpm")) return std::string(kPlaces[0]);
        if (line.contains("/lib/rpm")) return std::string(kPlaces[1]);
    }
    return std::string();
}

}  // namespace

Result<std::string> database_dir(Root& root) {
    for (const char* dir : kPlaces) {
        TRY_SET(bool there, root.exists(std::string(dir) + "/" + kName));
        if (there) return std::string(dir);
        for (const char* other : kOtherKinds) {
            TRY_SET(bool old, root.exists(std::string(dir) + "/" + other));
            if (old)
                return fail(
                    "%s/%s is an rpm database of a kind that pkg does not know; "
                    "'rpm --rebuilddb' makes one of SQLite of it",
                    dir, other);
        }
    }
    TRY_SET(std::string configured, configured_dir(root));
    return configured.empty() ? std::string(kPlaces[0]) : configured;
}

void RpmDatabase::Close::operator()(sqlite3* db) const {
    sqlite3_close(db);
}

RpmDatabase::~RpmDatabase() = default;

Result<std::unique_ptr<RpmDatabase>> RpmDatabase::open(Root& root, Access access, Tables tables) {
    std::unique_ptr<RpmDatabase> d(new RpmDatabase(root));
    TRY_SET(d->dir_, database_dir(root));
    d->access_ = access;
    TRY_SET(bool there, root.exists(d->dir_ + "/" + kName));
    if (access == Access::read) {
        if (there) TRY(d->attach());
        return d;
    }
    TRY(root.mkdir_all(d->dir_, 0755));
    TRY(d->take_lock());
    if (tables == Tables::now) TRY(d->make_ready());
    return d;
}

Status RpmDatabase::make_ready() {
    TRY(attach());
    return make_tables();
}

Result<bool> RpmDatabase::exists(Root& root) {
    TRY_SET(std::string dir, database_dir(root));
    return root.exists(dir + "/" + kName);
}

Result<std::map<uint64_t, RpmDatabase::Row>> RpmDatabase::rows_in(Root& root,
                                                                  const std::string& dir) {
    RpmDatabase d(root);
    d.dir_ = dir;
    TRY(d.attach());
    std::map<uint64_t, Row> out;
    TRY_SET(Statement s, prepare(d.db_.get(),
                                 "SELECT p.hnum, t.key, n.key FROM Packages p LEFT JOIN Installtid "
                                 "t ON t.hnum = p.hnum LEFT JOIN Name n ON n.hnum = p.hnum"));
    int r;
    while ((r = sqlite3_step(s.get())) == SQLITE_ROW) {
        Row& row = out[static_cast<uint64_t>(sqlite3_column_int64(s.get(), 0))];
        std::string_view key = blob_of(s, 1);
        if (key.size() == sizeof(row.transaction_id))
            memcpy(&row.transaction_id, key.data(), sizeof(row.transaction_id));
        row.name = blob_of(s, 2);
    }
    if (r != SQLITE_DONE) return fail("rpm's database: %s", sqlite3_errmsg(d.db_.get()));
    return out;
}

// The folder's descriptor is part of the name that SQLite gets, so that no link leads out of the
// root.
Status RpmDatabase::attach() {
    TRY_SET(folder_, root_.open_path(dir_));
    TRY_SET(auto st, root_.lstat(dir_ + "/" + kName));
    if (st && !S_ISREG(st->st_mode)) return fail("%s/%s is no file", dir_.c_str(), kName);
    const std::string path = format("/proc/self/fd/%d/%s", folder_.get(), kName);
    int flags = access_ == Access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                         : SQLITE_OPEN_READWRITE;
    sqlite3* db = nullptr;
    int r = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
    if (r != SQLITE_OK && access_ == Access::read) {
        sqlite3_close(db);
        r = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
    }
    db_.reset(db);
    if (r != SQLITE_OK)
        return fail("cannot open %s/%s: %s", dir_.c_str(), kName, sqlite3_errstr(r));
    sqlite3_busy_timeout(db, kBusyMs);
    if (access_ == Access::read) return {};
    TRY(run(db, "PRAGMA secure_delete = OFF"));
    TRY(run(db, "PRAGMA journal_mode = WAL"));
    return run(db, "PRAGMA synchronous = OFF");
}

// rpm's own lock; a program that only asks takes none.
Status RpmDatabase::take_lock() {
    TRY_SET(auto at, root_.place(dir_ + "/.rpm.lock"));
    lock_ = Fd(openat(at.dir_fd, at.leaf.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!lock_.valid()) return fail_errno("cannot open %s/.rpm.lock", dir_.c_str());
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (fcntl(lock_.get(), F_SETLK, &whole) == 0) return {};
    if (errno == EACCES || errno == EAGAIN)
        return fail("another program is working with rpm's database (%s/.rpm.lock)", dir_.c_str());
    return fail_errno("cannot lock %s/.rpm.lock", dir_.c_str());
}

Status RpmDatabase::make_tables() {
    std::string sql =
        "CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,"
        "blob BLOB NOT NULL);";
    for (const IndexTable& t : kIndexTables) {
        const std::string name = quoted(t.name);
        sql += "CREATE TABLE IF NOT EXISTS " + name + " (key '" + (t.is_blob ? "BLOB" : "TEXT") +
               "' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL, FOREIGN KEY (hnum) "
               "REFERENCES 'Packages'(hnum));";
        if (t.key_index)
            sql += "CREATE INDEX IF NOT EXISTS '" + std::string(t.name) + "_key_idx' ON " + name +
                   "(key ASC);";
        if (t.number_index)
            sql += "CREATE INDEX IF NOT EXISTS '" + std::string(t.name) + "_hnum_idx' ON " + name +
                   "(hnum ASC);";
    }
    return run(db_.get(), "BEGIN;" + sql + "COMMIT");
}

Result<Installed> RpmDatabase::from_blob(uint64_t number, std::string_view blob) {
    TRY_SET(Header header, parse_blob(blob));
    Installed out;
    out.number = number;
    TRY_SET(out.package, Package::from_header(header));
    for (uint64_t s : header.numbers(tag::kFileStates)) out.states.push_back(FileState(s & 0xff));
    out.install_time = static_cast<uint32_t>(header.number(tag::kInstallTime));
    out.transaction_id = static_cast<uint32_t>(header.number(tag::kInstallTid));
    for (std::string_view p : header.strings(tag::kInstallPrefixes)) out.prefixes.emplace_back(p);
    return out;
}

Result<std::vector<Installed>> RpmDatabase::all() {
    std::vector<Installed> out;
    if (!db_) return out;
    TRY_SET(Statement s, prepare(db_.get(), "SELECT hnum, blob FROM Packages ORDER BY hnum"));
    int r;
    while ((r = sqlite3_step(s.get())) == SQLITE_ROW) {
        auto number = static_cast<uint64_t>(sqlite3_column_int64(s.get(), 0));
        auto one = from_blob(number, blob_of(s, 1));
        if (!one)
            return fail("rpm's database, package number %llu: %s",
                        static_cast<unsigned long long>(number), one.error().text.c_str());
        // A key that somebody has imported is kept as a package without files.
        out.push_back(std::move(*one));
    }
    if (r != SQLITE_DONE) return fail("rpm's database: %s", sqlite3_errmsg(db_.get()));
    return out;
}

Result<Installed> RpmDatabase::get(uint64_t number) {
    if (!db_) return fail("there is no rpm database");
    TRY_SET(Statement s, prepare(db_.get(), "SELECT blob FROM Packages WHERE hnum = ?"));
    sqlite3_bind_int64(s.get(), 1, static_cast<sqlite3_int64>(number));
    if (sqlite3_step(s.get()) != SQLITE_ROW)
        return fail("rpm's database has no package number %llu",
                    static_cast<unsigned long long>(number));
    return from_blob(number, blob_of(s, 0));
}

Result<std::vector<uint64_t>> RpmDatabase::numbers(const char* table, const std::string& key) {
    std::vector<uint64_t> out;
    if (!db_) return out;
    TRY_SET(Statement s, prepare(db_.get(), "SELECT DISTINCT hnum FROM " + quoted(table) +
                                                " WHERE key = ? ORDER BY hnum"));
    bind_key(s, 1, key, false);
    int r;
    while ((r = sqlite3_step(s.get())) == SQLITE_ROW)
        out.push_back(static_cast<uint64_t>(sqlite3_column_int64(s.get(), 0)));
    if (r != SQLITE_DONE) return fail("rpm's database: %s", sqlite3_errmsg(db_.get()));
    return out;
}

Result<std::vector<uint64_t>> RpmDatabase::by_name(const std::string& name) {
    return numbers("Name", name);
}

Result<std::vector<uint64_t>> RpmDatabase::by_provide(const std::string& name) {
    return numbers("Providename", name);
}

Result<std::vector<uint64_t>> RpmDatabase::by_file(const std::string& path) {
    std::vector<uint64_t> out;
    TRY_SET(auto candidates, numbers("Basenames", path.substr(path.rfind('/') + 1)));
    for (uint64_t n : candidates) {
        TRY_SET(Installed p, get(n));
        if (std::any_of(p.package.files.begin(), p.package.files.end(),
                        [&](const File& f) { return f.path == path; }))
            out.push_back(n);
    }
    return out;
}

Result<uint64_t> RpmDatabase::add(const std::string& blob) {
    TRY_SET(Header header, parse_blob(blob));
    TRY(run(db_.get(), "BEGIN IMMEDIATE"));
    auto insert = [&]() -> Result<uint64_t> {
        TRY_SET(Statement s, prepare(db_.get(), "INSERT INTO Packages (blob) VALUES (?)"));
        bind_key(s, 1, blob, true);
        if (sqlite3_step(s.get()) != SQLITE_DONE)
            return fail("rpm's database: %s", sqlite3_errmsg(db_.get()));
        sqlite3_int64 number = sqlite3_last_insert_rowid(db_.get());
        for (size_t t = 0; t < kIndexTables.size(); t++) {
            TRY_SET(Statement row,
                    prepare(db_.get(),
                            "INSERT INTO " + quoted(kIndexTables[t].name) + " VALUES (?, ?, ?)"));
            for (const IndexRow& r : index_rows(header, t)) {
                bind_key(row, 1, r.key, kIndexTables[t].is_blob);
                sqlite3_bind_int64(row.get(), 2, number);
                sqlite3_bind_int64(row.get(), 3, r.place);
                if (sqlite3_step(row.get()) != SQLITE_DONE)
                    return fail("rpm's database: %s", sqlite3_errmsg(db_.get()));
                sqlite3_reset(row.get());
            }
        }
        return static_cast<uint64_t>(number);
    };
    auto number = insert();
    TRY(run(db_.get(), number ? "COMMIT" : "ROLLBACK"));
    return number;
}

Status RpmDatabase::remove(uint64_t number) {
    std::string sql = "BEGIN IMMEDIATE;";
    auto condition = format(" WHERE hnum = %llu;", static_cast<unsigned long long>(number));
    for (const IndexTable& t : kIndexTables) sql += "DELETE FROM " + quoted(t.name) + condition;
    Status done = run(db_.get(), sql + "DELETE FROM 'Packages'" + condition + "COMMIT");
    if (!done) (void)run(db_.get(), "ROLLBACK");
    return done;
}

Status RpmDatabase::fold() {
    TRY_SET(Statement s, prepare(db_.get(), "PRAGMA wal_checkpoint(TRUNCATE)"));
    if (sqlite3_step(s.get()) != SQLITE_ROW)
        return fail("rpm's database: %s", sqlite3_errmsg(db_.get()));
    if (sqlite3_column_int(s.get(), 0) != 0)
        return fail("rpm's database is being read by another program");
    return {};
}

}  // namespace tenon::pkg::rpm
