// tmpfs: files that live in the page cache and nowhere else.
//
// A directory keeps its entries in two trees: by name, for lookup, and by a number that only grows,
// which is the position readdir goes by. It lists the newest first, as Linux's does. The dentry
// cache is only a cache on top. What a file system of this type uses is settled against its limit
// whenever a file's pages are counted again, under the file's lock.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/mm/slab.h>
#include <tenon/vfs/dentry.h>

#include <memory>

namespace tenon::vfs::tmpfs {

inline constexpr u64 kMagic = 0x01021994, kRamfsMagic = 0x858458f6;
inline constexpr u64 kEntryBytes = 20;  // what a name adds to a directory's size

struct Options {
    u64 max_pages = 0;   // 0: no limit
    u64 max_inodes = 0;  // 0: no limit
    Mode mode = 01777;
    u32 uid = 0, gid = 0;
    bool size_given = false, inodes_given = false;
};
// "size=,nr_blocks=,nr_inodes=,mode=,uid=,gid="; Error::inval.
Result<Options> parse_options(std::string_view text, Mode default_mode);

// One mounted instance: limits and use.
class State final : public SuperOps, public mm::PageSource {
  public:
    explicit State(const Options& options) : options_(options) {}
    FsStatistics statistics(SuperBlock& super) override;
    Result<void> remount(SuperBlock& super, u32 flags, std::string_view data) override;
    void describe(SuperBlock& super, fmt::Sink& sink) override;
    Result<void> read_page(mm::Mapping&, mm::Page&, u64) override {
        if (room_pages() == 0) return Err(Error::nospc);
        return {};
    }
    Result<void> write_page(mm::Mapping&, mm::Page&, u64) override { return {}; }
    bool memory_only() const override { return true; }

    u64 room_pages() const;
    void charge(i64 pages) { used_pages_.fetch_add(pages, std::memory_order_relaxed); }
    bool take_inode();
    void give_inode() { used_inodes_.fetch_sub(1, std::memory_order_relaxed); }

  private:
    Options options_;
    std::atomic<i64> used_pages_{0};
    std::atomic<u64> used_inodes_{0};
};

struct Xattr {
    Xattr* next;
    u32 name_length, value_length;
    char* name() { return reinterpret_cast<char*>(this + 1); }
    u8* value() { return reinterpret_cast<u8*>(this + 1) + name_length; }
};

class Node : public Inode {
  public:
    Node(SuperBlock& super, u64 ino, Mode mode);
    ~Node() override;
    State& state() const { return *static_cast<State*>(super().ops().object()); }
    // Counts the pages again against the limit. Lock held, or nobody else knows the inode.
    void settle_pages();
    void uncharge();

    Xattr* xattrs = nullptr;
    u64 charged_pages = 0;
};

struct Entry {
    SetHook name_hook, id_hook;
    u64 id = 0;
    Entry* next = nullptr;  // while a tree is taken apart
    u32 hash = 0;
    u32 length = 0;
    Ref<Inode> inode;
    char* text() { return reinterpret_cast<char*>(this + 1); }
    std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), length}; }
    static Entry* make(std::string_view name, Ref<Inode> inode);
    static void destroy(Entry* entry);
};

struct NameKey {
    u32 hash;
    std::string_view name;
};
struct ByName {
    bool operator()(const Entry& a, const Entry& b) const;
    bool operator()(const NameKey& a, const Entry& b) const;
    bool operator()(const Entry& a, const NameKey& b) const;
};
struct ById {
    bool operator()(const Entry& a, const Entry& b) const { return a.id < b.id; }
    bool operator()(u64 a, const Entry& b) const { return a < b.id; }
    bool operator()(const Entry& a, u64 b) const { return a.id < b; }
};

class Directory final : public Node {
  public:
    Directory(SuperBlock& super, u64 ino, Mode mode) : Node(super, ino, mode) {
        nlink = 2;
        size_bytes = 2 * kEntryBytes;
    }
    ~Directory() override { clear(); }
    Entry* find(std::string_view name);
    // Takes over the entry; `id` 0 gives it the newest place.
    void insert(Entry* entry, u64 id = 0);
    void remove(Entry* entry);  // not destroyed
    bool empty() const { return by_name_.empty(); }
    // Drops all entries, and whole trees below that nobody else holds, without recursion.
    void clear();

    Entry* take_all();  // chained by `next`
    static constexpr u64 kLastPosition = u64{1} << 40;
    // The newest entry at or before a readdir position, or null.
    Entry* at_position(u64 position);
    static u64 position_of(const Entry& e) { return kLastPosition - e.id; }

  private:
    using NameTree = bi::set<Entry, bi::member_hook<Entry, SetHook, &Entry::name_hook>,
                             bi::compare<ByName>, bi::constant_time_size<false>>;
    using IdTree = bi::set<Entry, bi::member_hook<Entry, SetHook, &Entry::id_hook>,
                           bi::compare<ById>, bi::constant_time_size<false>>;
    NameTree by_name_;
    IdTree by_id_;
    u64 next_id_ = 1;
};

InodeOps& inode_ops();
FileOps& file_ops();
FileOps& directory_ops();

// A new inode of any type but symlink with its quota taken; Error::nospc, nomem.
Result<Ref<Inode>> make_inode(SuperBlock& super, const CreateRequest& request);
// Adds a name to a directory without going through lookup: the initrd's way.
Result<void> add_entry(Inode& directory, std::string_view name, Ref<Inode> inode);
Inode* find_entry(Inode& directory, std::string_view name);
Result<void> remove_entry(Inode& directory, std::string_view name);

}  // namespace tenon::vfs::tmpfs
