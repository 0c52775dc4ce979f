// The file system of POSIX message queues: one directory, whose files are queues.
// Spec: man 7 mq_overview, Linux ipc/mqueue.c.
#include <tenon/mm/slab.h>
#include <tenon/module/context.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/ipc/mqueue.h"

namespace tenon::personality::ipc {

namespace {

constexpr u64 kMagic = 0x19800202;
constexpr u64 kEntryBytes = 20, kFileBytes = 80;  // DIRENT_SIZE, FILENT_SIZE

// --- Names: guarded by the directory's inode lock ------------------------------------------------

struct Name {
    ListHook hook;
    Ref<vfs::Inode> inode;
    u64 position;  // of readdir: smaller is newer
    u32 length;
    char text[256];
    std::string_view view() const { return {text, length}; }
};

class Directory final : public vfs::InodeData {
  public:
    ~Directory() override {
        while (!names.empty()) {
            std::unique_ptr<Name> dead(&names.front());
            names.pop_front();
        }
    }
    Name* find(std::string_view name) {
        for (Name& n : names)
            if (n.view() == name) return &n;
        return nullptr;
    }
    List<Name, &Name::hook> names;  // newest first
    u64 next_position = u64{1} << 40;
};

Directory& directory_of(vfs::Inode& inode) {
    return static_cast<Directory&>(*inode.data());
}

class DirectoryFile final : public vfs::FileOps {
  public:
    Result<void> read_dir(vfs::File& file, vfs::DirSink& sink, u64& position) override {
        vfs::Inode& inode = file.inode();
        for (std::string_view dots : {".", ".."}) {
            if (position != dots.size() - 1) continue;
            if (!sink.entry(dots, inode.ino(), vfs::kDirectory, position + 1)) return {};
            ++position;
        }
        for (const Name& n : directory_of(inode).names) {
            if (n.position < position) continue;
            if (!sink.entry(n.view(), n.inode->ino(), vfs::kRegular, n.position + 1)) return {};
            position = n.position + 1;
        }
        return {};
    }
    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        return seek_number(file, offset, whence);
    }
};

// --- Queues --------------------------------------------------------------------------------------

class QueueFile final : public vfs::FileOps {
  public:
    static constexpr char kTag = 0;
    const void* tag() const override { return &kTag; }
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        char text[96];
        fmt::BufferSink sink(text);
        queue(file).describe(sink);
        if (position >= sink.text().size()) return usize{0};
        const std::string_view rest = sink.text().substr(position);
        TRY_ASSIGN(const usize n,
                   buffer.put(rest.data(), std::min(rest.size(), buffer.remaining())));
        position += n;
        file.inode().touch_atime();
        return n;
    }
    u32 poll(vfs::File& file, vfs::PollTable* table) override { return queue(file).poll(table); }
    // Any descriptor of the process that is closed takes its notification with it.
    Result<void> flush(vfs::File& file) override {
        queue(file).drop_notification();
        return {};
    }
    static PosixQueue& queue(vfs::File& file) {
        return static_cast<PosixQueue&>(*file.inode().data());
    }
};

constinit DirectoryFile directory_file;
constinit QueueFile queue_file;

// What mq_open() wants of the queue that it makes: create() finds it by the task.
struct Wish {
    const Task* task;
    const uapi::mq_attr* attributes;
    Wish* next;
};
constinit sync::SpinLock wish_lock{sync::LockRank::spin_leaf};
constinit Wish* wishes = nullptr;

const uapi::mq_attr* own_wish() {
    sync::SpinGuard guard(wish_lock);
    for (const Wish* w = wishes; w != nullptr; w = w->next)
        if (w->task == current()) return w->attributes;
    return nullptr;
}

class WishGuard {
  public:
    explicit WishGuard(const uapi::mq_attr* attributes) : wish_{current(), attributes, nullptr} {
        sync::SpinGuard guard(wish_lock);
        wish_.next = wishes;
        wishes = &wish_;
    }
    ~WishGuard() {
        sync::SpinGuard guard(wish_lock);
        Wish** at = &wishes;
        while (*at != &wish_) at = &(*at)->next;
        *at = wish_.next;
    }
    TENON_NONCOPYABLE(WishGuard);

  private:
    Wish wish_;
};

class QueueInodeOps final : public vfs::InodeOps {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::Inode&, u32) override {
        return module::Gated<vfs::FileOps>::borrow(static_cast<vfs::FileOps*>(&queue_file));
    }
    // A size is only a number here, as in Linux.
    Result<void> set_attributes(vfs::Inode& inode, const vfs::AttributeChange& change) override {
        if (change.which & vfs::AttributeChange::size_bit) inode.size_bytes = change.size_bytes;
        inode.apply(change);
        return {};
    }
};
constinit QueueInodeOps queue_ops;

class DirectoryOps final : public vfs::InodeOps {
  public:
    Result<Ref<vfs::Inode>> lookup(vfs::Inode& directory, std::string_view name) override {
        if (Name* n = directory_of(directory).find(name)) return n->inode;
        return Err(Error::noent);
    }
    Result<Ref<vfs::Inode>> create(vfs::Inode& directory,
                                   const vfs::CreateRequest& request) override {
        if ((request.mode & vfs::kTypeMask) != vfs::kRegular) return Err(Error::perm);
        auto name = mm::make<Name>();
        if (!name) return Err(Error::nomem);
        TRY_ASSIGN(auto queue, PosixQueue::make(own_wish()));
        vfs::SuperBlock& super = directory.super();
        TRY_ASSIGN(name->inode, vfs::Inode::make(super, super.next_ino(), request.mode,
                                                 module::Gated<vfs::InodeOps>::borrow(
                                                     static_cast<vfs::InodeOps*>(&queue_ops)),
                                                 std::move(queue)));
        Ref<vfs::Inode> inode = name->inode;
        inode->uid = request.uid;
        inode->gid = request.gid;
        inode->size_bytes = kFileBytes;
        Directory& in = directory_of(directory);
        name->length = static_cast<u32>(request.name.copy(name->text, sizeof(name->text)));
        name->position = --in.next_position;
        in.names.push_front(*name.release());
        directory.size_bytes += kEntryBytes;
        directory.touch_mtime();
        return inode;
    }
    Result<void> unlink(vfs::Inode& directory, std::string_view name, vfs::Inode& target) override {
        Directory& in = directory_of(directory);
        std::unique_ptr<Name> found(in.find(name));
        if (!found) return Err(Error::noent);
        in.names.erase(in.names.iterator_to(*found));
        directory.size_bytes -= kEntryBytes;
        directory.touch_mtime();
        --target.nlink;
        target.touch_ctime();
        return {};
    }
    Result<module::Gated<vfs::FileOps>> open(vfs::Inode&, u32) override {
        return module::Gated<vfs::FileOps>::borrow(static_cast<vfs::FileOps*>(&directory_file));
    }
};
constinit DirectoryOps directory_ops;

class Super final : public vfs::SuperOps {};
constinit Super super_ops;

// --- The one instance ----------------------------------------------------------------------------

constinit vfs::Path* root = nullptr;  // through a mount of its own that is nowhere attached

class Type final : public vfs::FileSystemType {
  public:
    std::string_view name() const override { return "mqueue"; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view) override {
        return root->mount->super;
    }
    Result<void> make_root() {
        TRY_ASSIGN(Ref<vfs::SuperBlock> super,
                   vfs::SuperBlock::create(*this, module::Gated<vfs::SuperOps>::borrow(
                                                      static_cast<vfs::SuperOps*>(&super_ops))));
        super->magic = kMagic;
        TRY_ASSIGN(Ref<vfs::Inode> inode,
                   vfs::Inode::make(*super, super->next_ino(), vfs::kDirectory | 01777,
                                    module::Gated<vfs::InodeOps>::borrow(
                                        static_cast<vfs::InodeOps*>(&directory_ops)),
                                    mm::make<Directory>()));
        inode->nlink = 2;
        inode->size_bytes = 2 * kEntryBytes;
        TRY_ASSIGN(super->root, vfs::Dentry::make_root(std::move(inode)));
        Ref<vfs::Dentry> top = super->root;
        TRY_ASSIGN(Ref<vfs::Mount> mount,
                   vfs::MountTable::make(std::move(super), Ref(top), 0, "mqueue"));
        root = mm::make<vfs::Path>(std::move(mount), std::move(top)).release();
        if (root == nullptr) return Err(Error::nomem);
        return {};
    }
};

// One component, as lookup_one_len() takes it.
Result<void> check_name(std::string_view name) {
    if (name.empty()) return Err(Error::noent);
    if (name == "." || name == ".." || name.find('/') != name.npos) return Err(Error::acces);
    if (name.size() > 255) return Err(Error::nametoolong);
    return {};
}

}  // namespace

Result<module::Held> register_mqueue(module::Context& context) {
    auto type = mm::make<Type>();
    if (!type) return Err(Error::nomem);
    TRY(type->make_root());
    return context.register_file_system(std::move(type));
}

void forget_mqueue() {
    delete std::exchange(root, nullptr);
}

PosixQueue* queue_of(vfs::File& file) {
    return file.tag() == &QueueFile::kTag ? &QueueFile::queue(file) : nullptr;
}

Result<Ref<vfs::File>> open_queue(std::string_view name, u32 open_flags, u32 mode,
                                  const uapi::mq_attr* attributes) {
    TRY(check_name(name));
    const WishGuard wish(attributes);
    return vfs::open(vfs::lookup_start_of_current(root), name,
                     {.flags = open_flags, .mode = mode & 07777, .lookup_flags = 0});
}

Result<void> unlink_queue(std::string_view name) {
    TRY(check_name(name));
    return vfs::unlink(vfs::lookup_start_of_current(root), name, vfs::UnlinkKind::file);
}

}  // namespace tenon::personality::ipc
