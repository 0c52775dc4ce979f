// Transactions: a change of the root that a crash cannot leave half done.
//
// Theory. docs/transactions.md argues it; in short: contents are staged and checked before anything
// else, then the work is done without a single sync between its steps, and what makes that safe are
// checkpoints. A checkpoint is a copy of the family's database (hard links) and a text that says
// what is still to do; it is written, everything is synced at once, and then one small file,
// `current`, names it. After a crash the database is set back to the checkpoint, and the work from
// there on is done again. Every step may therefore be repeated, whatever part of it reached the
// disk. Which files the database is, a family's Checkpoint knows (dpkg_checkpoint, apk/checkpoint).
//
//   /var/lib/pkg/transaction/current      the generation that counts; without it nothing has begun
//                            gen.N/       the database as it was
//                            gen.N/state  what is to do, by the engine
//                            gen.N/log    what of it must not be done twice
//                            before       versions before the transaction, for the history
//                            pK/          package K: its control files, its plan, its contents
//
// That is dpkg's; each family has a directory of its own, so that they do not wait for each other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkg/lib/root.h"

namespace tenon::pkg {

inline constexpr const char* kTransaction = "/var/lib/pkg/transaction";

// How a family's database gets into a checkpoint and back. `gen` is the checkpoint's directory.
class Checkpoint {
  public:
    // Where the family's transactions are.
    virtual std::string directory() const = 0;
    // Writes the database as it shall be below `gen`; the caller syncs.
    virtual Status copy(Root& root, const std::string& gen) = 0;
    // `gen` counts now: the database becomes what it holds. first: the transaction begins here.
    virtual Status adopt(Root& root, const std::string& gen, bool first) = 0;
    // True when nobody else has written the database since.
    virtual Result<bool> is_ours(Root& root, const std::string& gen) const = 0;
    // After a crash: what copy() wrote takes its place again. May itself be interrupted.
    virtual Status restore(Root& root, const std::string& gen) const = 0;

  protected:
    ~Checkpoint() = default;
};

// Makes `path` the same file as `kept`, which a checkpoint holds and nobody writes in place. The
// old contents or the new, never half.
Status put_in_place(Root& root, const std::string& kept, const std::string& path);

class Transaction {
  public:
    explicit Transaction(Root& root, std::string directory = kTransaction)
        : root_(root), dir_(std::move(directory)) {}
    // A transaction that is given up before its first checkpoint leaves nothing.
    ~Transaction();
    Transaction(const Transaction&) = delete;

    // Makes the empty directory, over what never began. Refuses while one waits to be resumed.
    Status open();
    bool is_open() const { return open_; }
    // True from the first checkpoint to the end.
    bool has_begun() const { return generation_ > 0; }
    // False for a root that nobody would miss, an image's.
    bool is_durable() const { return durable_; }
    std::string stage_dir(size_t k) const;

    // The checkpoint: all that was done so far is durable on return, and `state` is where a resumed
    // transaction begins.
    Status save(Checkpoint& database, const std::string& state);
    // Durable on return, as is all that was done before it. For steps that cannot be repeated.
    Status log(const std::string& line);
    // Takes back open(), as long as nothing has begun.
    void abandon();
    // The end. The last save() must have said that nothing is left to do.
    Status close();

    // What an interrupted run left, its database already set back by rewind().
    struct Saved {
        std::string state;
        std::vector<std::string> log;
    };
    Result<Saved> resume();

    // Under the database's locks and before it is read. True when there is a transaction to resume.
    // When another tool has written the database since, what was begun is dropped, and a line says
    // so.
    static Result<bool> rewind(Root& root, const Checkpoint& database);
    // Is there one that waits? For those that only look.
    static Result<bool> is_pending(Root& root, const std::string& directory = kTransaction);

  private:
    Status sync();
    Status defer_syncs();

    Root& root_;
    const std::string dir_;
    bool open_ = false;
    bool durable_ = false;
    unsigned generation_ = 0;
};

}  // namespace tenon::pkg
