#include "pkg/lib/rpm/install/checkpoint.h"

#include <algorithm>

#include "pkg/lib/text.h"

// gen.N/rpmdb.sqlite is the copy; gen.N/rpm says in lines "dir PATH", "tid NUMBER", "adds NAME",
// "removes NUMBER" what the transaction does to it.
namespace tenon::pkg::rpm {

namespace {

constexpr const char* kName = "/rpmdb.sqlite";

struct Notes {
    std::string dir;
    RpmCheckpoint::Changes changes;
};

bool contains(const auto& list, const auto& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

Result<Notes> read_notes(Root& root, const std::string& gen) {
    TRY_SET(std::string text, root.read_file(gen + "/rpm"));
    Notes n;
    for (std::string_view line : split_lines(text)) {
        auto w = split_words(line);
        unsigned long long number = 0;
        if (w.size() != 2) return fail("%s/rpm is damaged", gen.c_str());
        if (w[0] == "dir")
            n.dir = w[1];
        else if (w[0] == "adds")
            n.changes.adds.emplace_back(w[1]);
        else if (!parse_u64(w[1], number))
            return fail("%s/rpm is damaged", gen.c_str());
        else if (w[0] == "tid")
            n.changes.tid = static_cast<uint32_t>(number);
        else
            n.changes.removes.push_back(number);
    }
    return n;
}

}  // namespace

Status RpmCheckpoint::copy(Root& root, const std::string& gen) {
    TRY(db_->fold());
    TRY_SET(Fd dir, root.open_dir(db_->dir()));
    TRY(root.copy_in(dir.get(), kName + 1, gen + kName));
    std::string notes = "dir " + db_->dir() + "\n" + format("tid %u\n", changes_.tid);
    for (const auto& name : changes_.adds) notes += "adds " + name + "\n";
    for (uint64_t n : changes_.removes)
        notes += format("removes %llu\n", static_cast<unsigned long long>(n));
    return root.write_file(gen + "/rpm", notes);
}

// What the interrupted run has done to the file cannot be told by its bytes. What another tool has
// done can: a package that is in the database now and has come in another transaction, or one that
// is there no more and was not to go.
Result<bool> RpmCheckpoint::is_ours(Root& root, const std::string& gen) const {
    TRY_SET(Notes notes, read_notes(root, gen));
    TRY_SET(bool there, root.exists(notes.dir + kName));
    if (!there) return true;
    auto before = RpmDatabase::rows_in(root, gen);
    auto now = RpmDatabase::rows_in(root, notes.dir);
    // One that the crash has torn: nobody else has worked with it.
    if (!before || !now) return true;
    for (const auto& [number, row] : *now)
        if (!before->contains(number) &&
            (row.transaction_id != notes.changes.tid || !contains(notes.changes.adds, row.name)))
            return false;
    for (const auto& [number, row] : *before)
        if (!now->contains(number) && !contains(notes.changes.removes, number)) return false;
    return true;
}

Status RpmCheckpoint::restore(Root& root, const std::string& gen) const {
    TRY_SET(Notes notes, read_notes(root, gen));
    const std::string path = notes.dir + kName, beside = path + "-new";
    TRY(root.unlink(beside));
    TRY_SET(Fd dir, root.open_dir(gen));
    TRY(root.copy_in(dir.get(), kName + 1, beside));
    // What is in them belongs to the file that goes.
    for (const char* part : {"-wal", "-shm", "-journal"}) TRY(root.unlink(path + part));
    return root.rename(beside, path);
}

}  // namespace tenon::pkg::rpm
