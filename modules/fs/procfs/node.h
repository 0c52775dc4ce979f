// Entries, and the inodes that stand for them.
#pragma once

#include <tenon/process/process.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/super_block.h>

#include <memory>
#include <span>

#include "text.h"

namespace tenon::procfs {

class Node;

// Tells one address space from the next one of the same process, without holding it.
struct SpaceId {
    const void* address = nullptr;
    u64 mmap_base = 0, stack_top = 0;  // drawn anew by each exec
    static SpaceId of(Task& task);
    bool operator==(const SpaceId&) const = default;
};

// What an entry is about, as of one operation. Outside /proc/PID both are null.
struct Subject {
    Ref<Task> task;
    Ref<process::Process> process;
    i32 number = 0;   // descriptor, below fd and fdinfo
    UserRange range;  // mapping, below map_files
};

// Files below /proc/sys: an offset but 0 finds nothing and takes nothing, but in texts, where it is
// read; and the mode is what counts, whatever the capabilities.
enum class Sysctl : u8 { none, text, numbers };

// What a directory holds besides its table.
enum class Dynamic : u8 { none, processes, threads, descriptors, descriptor_infos, mappings };

struct Entry {
    std::string_view name;
    vfs::Mode mode;
    Result<void> (*show)(Text& out, const Subject& about) = nullptr;
    Result<void> (*store)(const Subject& about, std::string_view text) = nullptr;
    Result<usize> (*link)(const Subject& about, std::span<char> out) = nullptr;
    Result<vfs::Path> (*follow)(const Subject& about) = nullptr;
    std::span<const Entry> children = {};
    Dynamic dynamic = Dynamic::none;
    const Entry* alias = nullptr;  // this entry is only a name for that one, in another file
    // In place of `show`, for long texts: adds whole records from `cursor` on (0: the first) until
    // `out` holds `wanted` bytes, and moves the cursor behind them; kNoMore: there are no more. Of
    // a record that does not fit into a page any more nothing is added, unless it is the first.
    Result<void> (*show_part)(Text& out, const Subject& about, u64& cursor, usize wanted) = nullptr;
    Sysctl sysctl = Sysctl::none;
    bool has_end = false;  // SEEK_END is answered (with 0), as Linux does where it uses no seq_file
    // About the address space that the process had when the file was opened, by one who may trace
    // it: nothing is read after an exec.
    bool of_space = false;
    // The text is made by opening, and stays when the process has ended.
    bool lasting = false;
    // In place of texts.
    Result<std::unique_ptr<vfs::FileOps>> (*open)(const Node& node, const Subject& about) = nullptr;
};
inline constexpr u64 kNoMore = ~u64{0};

constexpr Entry file(std::string_view name, Result<void> (*show)(Text&, const Subject&),
                     vfs::Mode mode = 0444,
                     Result<void> (*store)(const Subject&, std::string_view) = nullptr) {
    return {.name = name, .mode = vfs::kRegular | mode, .show = show, .store = store};
}
constexpr Entry with_end(Entry entry) {
    entry.has_end = true;
    return entry;
}
constexpr Entry of_space(Entry entry) {
    entry.of_space = true;
    return entry;
}
constexpr Entry lasting(Entry entry) {
    entry.lasting = true;
    return entry;
}
constexpr Entry opened(std::string_view name,
                       Result<std::unique_ptr<vfs::FileOps>> (*open)(const Node&, const Subject&),
                       vfs::Mode mode) {
    return {.name = name, .mode = vfs::kRegular | mode, .open = open};
}
constexpr Entry records(std::string_view name,
                        Result<void> (*show_part)(Text&, const Subject&, u64&, usize),
                        vfs::Mode mode = 0444) {
    return {.name = name, .mode = vfs::kRegular | mode, .show_part = show_part};
}
constexpr Entry directory(std::string_view name, std::span<const Entry> children,
                          vfs::Mode mode = 0555, Dynamic dynamic = Dynamic::none) {
    return {.name = name, .mode = vfs::kDirectory | mode, .children = children, .dynamic = dynamic};
}

// The tables.
extern const Entry kRoot;        // root.cpp
extern const Entry kProcessDir;  // task_dir.cpp
extern const Entry kThreadDir;
extern const Entry kNsDir;   // ns.cpp
extern const Entry kFdLink;  // task_links.cpp
extern const Entry kFdInfo;
extern const Entry kMapLink;  // map_files.cpp
extern const Entry kSysDir;   // sys.cpp

// Who a dynamic inode is about.
struct Identity {
    i32 tid = 0;
    u64 start_ns = 0;
    i32 number = 0;
    UserRange range{};
};

// Error::srch when the task has ended.
Result<Subject> subject_of(const Identity& who);

class Node final : public vfs::InodeData {
  public:
    Node(const Entry& e, const Identity& w) : entry(e), who(w) {}
    static Result<Ref<vfs::Inode>> make(vfs::SuperBlock& super, const Entry& entry,
                                        const Identity& who);
    Result<Subject> subject() const { return subject_of(who); }
    // Owner and group of its inode follow the task.
    void refresh_owner(vfs::Inode& inode) const;

    const Entry& entry;
    const Identity who;
};

}  // namespace tenon::procfs
