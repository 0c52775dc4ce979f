// Path resolution.
//
// A walk first runs under RCU: it holds no reference, touches no lock and asks no file system. It
// gives up when a name is not cached, a file system must be asked or the tree changed under it, and
// then runs again from the start with references. Both are one body of code: where they differ,
// `rcu_` decides.
//
// Spec: man 7 path_resolution, man 2 openat2.
#pragma once

#include <tenon/vfs/lookup.h>

#include "core/vfs/internal.h"

namespace tenon::vfs {

class Walk {
  public:
    enum class Last : u8 { normal, dot, dot_dot, root };

    Walk(const LookupStart& start, std::string_view path, u32 flags);
    ~Walk();
    TENON_NONCOPYABLE(Walk);

    // The whole path; the result has references.
    Result<Path> to_target();
    // All but the last component: the directory it is in. last() and last_kind() tell the rest.
    Result<Path> to_parent();
    // After to_parent(): the last component turned out to be this symlink; goes on behind it to
    // the parent of what it names.
    Result<Path> follow_last(const Path& parent, const Path& link);

    std::string_view last() const { return last_; }
    Last last_kind() const { return last_kind_; }
    // The path ended in a slash: only a directory will do.
    bool wants_directory() const { return trailing_slash_; }

  private:
    enum class Goal : u8 { target, parent };
    Result<Path> run(Goal goal);
    Result<void> begin();
    Result<void> components(Goal goal);
    Result<void> step(std::string_view name, bool follow);
    Result<void> step_up();
    Result<void> enter_mounts();
    Result<void> follow_link(Inode& inode);
    Result<void> push_target(std::string_view target);
    Result<void> jump_root();
    Result<Path> finish();
    void set(Mount* mount, Dentry* dentry);  // takes over references in reference mode
    void reset();
    Err retry() {
        retry_ = true;
        return Err(Error::again);
    }

    const LookupStart& start_;
    std::string_view original_;
    std::string_view rest_;
    u32 flags_;
    bool rcu_ = false;
    bool retry_ = false;
    bool went_up_ = false;
    u32 sequence_ = 0;
    u32 links_ = 0;
    Mount* mount_ = nullptr;
    Dentry* dentry_ = nullptr;
    Mount* root_mount_ = nullptr;
    Dentry* root_dentry_ = nullptr;
    std::string_view last_;
    Last last_kind_ = Last::root;
    bool trailing_slash_ = false;
    // Symlink targets joined with what follows them: two buffers in turn, on the heap when long.
    static constexpr usize kInline = 128;
    char inline_[2][kInline];
    char* heap_[2] = {};
    u32 buffer_ = 0;
};

// The child of a directory, from the cache or the file system; may be negative. Without or with
// the directory's lock held for writing.
enum class DirLock : u8 { free, held };
Result<Ref<Dentry>> lookup_child(Dentry& directory, std::string_view name, DirLock lock);
// What is mounted on top of a place, all the way up.
Path cross_mounts(Path path);

}  // namespace tenon::vfs
