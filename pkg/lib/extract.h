// Writes the files of one package below a root, so that every step before the last can be taken
// back. What differs between the families is asked of a Placement (dpkg_placement, apk/placement).
//
//   check    looks at the root: what is there, whose it is. Nothing is written.
//   place    writes every file beside its place as NAME.dpkg-new, makes new directories. In a
//            transaction plain files are in the stage already, and only get their owner.
//   commit   syncs, keeps what is replaced as NAME.dpkg-tmp, renames the new files into place.
//            A conffile stays NAME.dpkg-new: configuring decides about it.
//   finish   throws the kept ones away.
//   rollback undoes place and commit, from any point before finish.
//
// For a .deb the names are dpkg's, so that dpkg cleans up after us and we after it.
//
//                      | new file, node | new symlink        | new directory
//   nothing there      | made           | made               | made
//   file, link, node   | replaced       | replaced           | moved aside
//   directory          | moved aside    | directory is kept  | kept as it is
//   link to directory  | replaced       | replaced           | kept: files go through the link
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkg/lib/overrides.h"
#include "pkg/lib/plan.h"
#include "pkg/lib/root.h"

namespace tenon::pkg {

// Who shall own what, for an image builder without root's rights. One line a file:
// TYPE MODE UID GID MAJOR MINOR PATH, TYPE one of f d l c b p, MODE octal. The last line for a path
// counts; a path without a line belongs to root and has the mode it has on disk.
class OwnershipLog {
  public:
    static Result<OwnershipLog> open(const std::string& path);
    Status record(const TarEntry& e, std::string_view path, uid_t uid, gid_t gid, mode_t mode);
    Status flush();

  private:
    Fd fd_;
    std::string text_;
};

// What a family says about the places of one package's files.
class Placement {
  public:
    virtual const char* new_suffix() const = 0;
    virtual const char* old_suffix() const = 0;
    // Where file `i` goes; nullopt: nowhere, what is there stays.
    virtual Result<std::optional<std::string>> place_of(size_t i, const PlannedFile& f) = 0;
    struct Found {
        std::string real;
        bool occupied = false, is_dir = false;
    };
    // Refuses what another package has. Called for what will be written, not for kept directories.
    virtual Status check_owner(const PlannedFile& f, const Found& found) = 0;
    // An administrator's own choice.
    virtual void adjust_owner(const PlannedFile& f, uid_t& uid, gid_t& gid, mode_t& mode) = 0;
    // A directory that is there gets the package's owner and mode.
    virtual bool takes_over_directory(const PlannedFile& f) = 0;
    // Did the package have this path before?
    virtual bool was_ours(const std::string& path) = 0;

  protected:
    ~Placement() = default;
};

class Extractor {
  public:
    // `name` is the package's, for messages. `as_root`: owners and device nodes can really be set.
    Extractor(Root& root, std::string name, const std::vector<PlannedFile>& files,
              Placement& placement, bool as_root, OwnershipLog* ownership)
        : root_(root),
          name_(std::move(name)),
          files_(files),
          placement_(placement),
          as_root_(as_root),
          ownership_(ownership) {}

    // Contents come from this directory (lib/stage), not from the archive. Redo: an earlier run may
    // have done any part of place() and commit() already.
    enum class Attempt { first, redo };
    Status use_stage(const std::string& dir, Attempt attempt);

    Status check();
    // After check(): notes in the stage which directories are not there yet, for a redo.
    Status save_new_dirs(const std::string& dir) const;
    // From the stage.
    Status place();
    // By a second walk over the archive.
    Status place_from(const DebFile& deb);
    Status commit();
    // False when a redo could not find all that an interrupted run had replaced.
    bool rollback();
    Status finish();

    // What the package's file list shall say: every path of the plan, as the package names it.
    std::vector<std::string> listed_paths() const;
    // Where file `i` of the plan is on disk.
    const std::string& real_path(size_t i) const { return slots_[i].real; }
    // True when the root kept a directory (or a link to one) of its own instead of file `i`.
    bool kept_existing(size_t i) const { return slots_[i].action == Action::keep; }

  private:
    friend class PlaceSink;
    enum class Action { keep, make_dir, write };
    struct Slot {
        std::string real;
        Action action = Action::keep;
        bool occupied = false;  // something is at `real` that will be replaced
        bool occupied_by_dir = false;
        bool existed = false;        // a directory that only gets another owner or mode
        bool placed = false;         // .dpkg-new or the new directory exists
        bool backed_up = false;      // .dpkg-tmp exists
        bool renamed = false;        // the new file is at `real`
        bool only_recorded = false;  // a device node that only root could make
    };

    Status check_one(size_t i);
    // `data` is null when the contents are staged.
    Status place_one(size_t i, EntryData* data);
    Status place_staged(size_t i, uid_t uid, gid_t gid, mode_t mode);
    Status make_directory(size_t i, uid_t uid, gid_t gid, mode_t mode);
    Status link_to_earlier(size_t i, const std::string& at);
    Status link_staged(size_t i, const std::string& at);
    Result<bool> is_in_place(size_t i);
    Status make_parents(const std::string& path);
    Status commit_one(size_t i);

    Root& root_;
    std::string name_;
    const std::vector<PlannedFile>& files_;
    Placement& placement_;
    bool as_root_;
    OwnershipLog* ownership_;
    Fd stage_;
    bool redo_ = false;
    std::set<std::string> new_dirs_;  // of the interrupted run
    Accounts accounts_;
    std::vector<Slot> slots_;
    std::vector<std::string> made_parents_;
};

// Where a conffile really lives: links at its place are followed inside the root, as dpkg does, so
// that an administrator may move a file away and leave a link.
Result<std::string> follow_conffile(Root& root, const std::string& path);

}  // namespace tenon::pkg
