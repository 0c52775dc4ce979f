#include <cstring>
#include <new>

#include "core/vfs/dentry_cache.h"
#include "core/vfs/tmpfs/tmpfs.h"

namespace tenon::vfs::tmpfs {

namespace {
bool before(u32 hash_a, std::string_view a, u32 hash_b, std::string_view b) {
    if (hash_a != hash_b) return hash_a < hash_b;
    if (a.size() != b.size()) return a.size() < b.size();
    return std::memcmp(a.data(), b.data(), a.size()) < 0;
}
}  // namespace

bool ByName::operator()(const Entry& a, const Entry& b) const {
    return before(a.hash, a.name(), b.hash, b.name());
}
bool ByName::operator()(const NameKey& a, const Entry& b) const {
    return before(a.hash, a.name, b.hash, b.name());
}
bool ByName::operator()(const Entry& a, const NameKey& b) const {
    return before(a.hash, a.name(), b.hash, b.name);
}

Entry* Entry::make(std::string_view name, Ref<Inode> inode) {
    void* memory = mm::kmalloc(sizeof(Entry) + name.size());
    if (memory == nullptr) return nullptr;
    auto* e = new (memory) Entry();
    std::memcpy(e->text(), name.data(), name.size());
    e->length = static_cast<u32>(name.size());
    e->hash = DentryCache::hash_name(name);
    e->inode = std::move(inode);
    return e;
}

void Entry::destroy(Entry* entry) {
    entry->~Entry();
    mm::kfree(entry);
}

Entry* Directory::find(std::string_view name) {
    auto i = by_name_.find(NameKey{DentryCache::hash_name(name), name}, ByName());
    return i == by_name_.end() ? nullptr : &*i;
}

void Directory::insert(Entry* entry, u64 id) {
    entry->id = id != 0 ? id : next_id_++;
    by_name_.insert(*entry);
    by_id_.insert(*entry);
    size_bytes.fetch_add(kEntryBytes, std::memory_order_relaxed);
}

void Directory::remove(Entry* entry) {
    by_name_.erase(by_name_.iterator_to(*entry));
    by_id_.erase(by_id_.iterator_to(*entry));
    size_bytes.fetch_sub(kEntryBytes, std::memory_order_relaxed);
}

Entry* Directory::take_all() {
    Entry* chain = nullptr;
    while (!by_id_.empty()) {
        Entry* e = &*by_id_.begin();
        remove(e);
        e->next = chain;
        chain = e;
    }
    return chain;
}

void Directory::clear() {
    Entry* pending = take_all();
    while (pending != nullptr) {
        Entry* e = pending;
        pending = e->next;
        if (e->inode->is_dir() && e->inode->ref_count() == 1) {
            Entry* below = static_cast<Directory&>(*e->inode).take_all();
            while (below != nullptr) {
                Entry* next = below->next;
                below->next = pending;
                pending = below;
                below = next;
            }
        }
        Entry::destroy(e);
    }
}

Entry* Directory::at_position(u64 position) {
    // Positions run against ids: the newest has the lowest.
    u64 id = position >= kLastPosition ? 0 : kLastPosition - position;
    auto i = by_id_.upper_bound(id, ById());
    if (i == by_id_.begin()) return nullptr;
    return &*--i;
}

namespace {

Directory& dir(Inode& inode) {
    return static_cast<Directory&>(inode);
}

class DirectoryOps final : public FileOps {
  public:
    Result<usize> read(File&, IoBuffer&, u64&) override { return Err(Error::isdir); }
    Result<void> read_dir(File& file, DirSink& sink, u64& position) override {
        Directory& d = dir(file.inode());
        const Dentry* parent = file.path().dentry->parent();
        if (position == 0) {
            if (!sink.entry(".", d.ino(), kDirectory, 1)) return {};
            position = 1;
        }
        if (position == 1) {
            u64 ino = parent != nullptr ? parent->inode()->ino() : d.ino();
            if (!sink.entry("..", ino, kDirectory, 2)) return {};
            position = 2;
        }
        for (Entry* e; (e = d.at_position(position)) != nullptr;) {
            u64 next = Directory::position_of(*e) + 1;
            if (!sink.entry(e->name(), e->inode->ino(), e->inode->mode & kTypeMask, next)) break;
            position = next;
        }
        return {};
    }
    Result<u64> seek(File& file, i64 offset, Whence whence) override {
        if (whence == Whence::current)
            offset += static_cast<i64>(file.position());
        else if (whence != Whence::set)
            return Err(Error::inval);
        if (offset < 0) return Err(Error::inval);
        return static_cast<u64>(offset);
    }
};
constinit DirectoryOps ops;

}  // namespace

FileOps& directory_ops() {
    return ops;
}

Result<void> add_entry(Inode& directory, std::string_view name, Ref<Inode> inode) {
    bool is_dir = inode->is_dir();
    Entry* e = Entry::make(name, std::move(inode));
    if (e == nullptr) return Err(Error::nomem);
    dir(directory).insert(e);
    if (is_dir) directory.nlink++;
    return {};
}

Inode* find_entry(Inode& directory, std::string_view name) {
    Entry* e = dir(directory).find(name);
    return e == nullptr ? nullptr : e->inode.get();
}

Result<void> remove_entry(Inode& directory, std::string_view name) {
    Entry* e = dir(directory).find(name);
    if (e == nullptr) return Err(Error::noent);
    if (e->inode->is_dir()) directory.nlink--;
    dir(directory).remove(e);
    Entry::destroy(e);
    return {};
}

}  // namespace tenon::vfs::tmpfs
