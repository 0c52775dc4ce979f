// tmpfs inodes: names in directories, attributes, life.
#include <cstring>

#include "core/vfs/internal.h"
#include "core/vfs/tmpfs/tmpfs.h"

namespace tenon::vfs::tmpfs {

namespace {

Directory& dir(Inode& inode) {
    return static_cast<Directory&>(inode);
}
Node& node(Inode& inode) {
    return static_cast<Node&>(inode);
}

Xattr** find_link(Node& node, std::string_view name) {
    for (Xattr** link = &node.xattrs; *link != nullptr; link = &(*link)->next)
        if (std::string_view((*link)->name(), (*link)->name_length) == name) return link;
    return nullptr;
}

bool kept(std::string_view name) {
    return !name.starts_with("user.");
}

class Ops final : public InodeOps {
  public:
    Result<Ref<Inode>> lookup(Inode& directory, std::string_view name) override {
        Entry* e = dir(directory).find(name);
        if (e == nullptr) return Err(Error::noent);
        return e->inode;
    }

    Result<Ref<Inode>> create(Inode& directory, const CreateRequest& request) override {
        TRY_ASSIGN(Ref<Inode> inode, make_inode(directory.super(), request));
        TRY(add_entry(directory, request.name, inode));
        directory.touch_mtime();
        return inode;
    }

    Result<void> link(Inode& directory, std::string_view name, Inode& target) override {
        TRY(add_entry(directory, name, Ref<Inode>(&target)));
        target.nlink++;
        target.touch_ctime();
        directory.touch_mtime();
        return {};
    }

    Result<void> unlink(Inode& directory, std::string_view name, Inode& target) override {
        TRY(remove_entry(directory, name));
        target.nlink--;
        target.touch_ctime();
        directory.touch_mtime();
        return {};
    }

    Result<void> remove_dir(Inode& directory, std::string_view name, Inode& target) override {
        if (!dir(target).empty()) return Err(Error::notempty);
        TRY(remove_entry(directory, name));
        target.nlink = 0;
        target.touch_ctime();
        directory.touch_mtime();
        return {};
    }

    Result<void> rename(Inode& from_dir, std::string_view from, Inode& to_dir, std::string_view to,
                        Inode& moved, Inode* replaced, bool exchange) override {
        Entry* source = dir(from_dir).find(from);
        if (source == nullptr) return Err(Error::noent);
        if (exchange) {
            Entry* target = dir(to_dir).find(to);
            if (target == nullptr) return Err(Error::noent);
            source->inode.swap(target->inode);
            if (&from_dir != &to_dir) {
                i32 shift = i32{replaced->is_dir()} - i32{moved.is_dir()};
                from_dir.nlink += static_cast<u32>(shift);
                to_dir.nlink -= static_cast<u32>(shift);
            }
            replaced->touch_ctime();
        } else {
            if (replaced != nullptr && replaced->is_dir() && !dir(*replaced).empty())
                return Err(Error::notempty);
            Entry* fresh = Entry::make(to, source->inode);
            if (fresh == nullptr) return Err(Error::nomem);
            if (replaced != nullptr) {
                (void)remove_entry(to_dir, to);
                replaced->nlink = replaced->is_dir() ? 0 : replaced->nlink - 1;
                replaced->touch_ctime();
            }
            // Within one directory a name keeps its place in the listing.
            u64 place = &from_dir == &to_dir ? source->id : 0;
            dir(from_dir).remove(source);
            Entry::destroy(source);
            dir(to_dir).insert(fresh, place);
            if (moved.is_dir() && &from_dir != &to_dir) {
                from_dir.nlink--;
                to_dir.nlink++;
            }
        }
        moved.touch_ctime();
        from_dir.touch_mtime();
        to_dir.touch_mtime();
        return {};
    }

    Result<Ref<Inode>> create_unnamed(Inode& directory, const CreateRequest& request) override {
        TRY_ASSIGN(Ref<Inode> inode, make_inode(directory.super(), request));
        inode->nlink = 0;
        return inode;
    }

    Result<usize> read_link(Inode& inode, std::span<char> buffer) override {
        usize n = std::min<usize>(inode.size_bytes.load(std::memory_order_relaxed), buffer.size());
        std::memcpy(buffer.data(), inode.link_target, n);
        return n;
    }

    Result<module::Gated<FileOps>> open(Inode& inode, u32) override {
        return module::Gated<FileOps>::borrow(inode.is_dir() ? &directory_ops() : &file_ops(),
                                              nullptr);
    }

    Result<void> refresh(Inode& inode) override {
        if (mm::Mapping* m = inode.mapping_if_any()) inode.blocks_512 = m->page_count() * 8;
        return {};
    }

    Result<void> set_attributes(Inode& inode, const AttributeChange& change) override {
        if (change.which & AttributeChange::size_bit) {
            u64 old = inode.size_bytes.load(std::memory_order_relaxed);
            inode.size_bytes.store(change.size_bytes, std::memory_order_relaxed);
            // The size goes first, so that a fault past the new end fails while pages go.
            mm::Mapping* m = inode.mapping_if_any();
            if (change.size_bytes < old && m != nullptr) {
                m->truncate(change.size_bytes);
                node(inode).settle_pages();
            }
            inode.touch_mtime();
        }
        if (change.which & ~AttributeChange::size_bit) inode.apply(change);
        return {};
    }

    // Extended attributes: a chain on the inode, guarded by its lock. Who may is checked above. As
    // in Linux 6.1, trusted. and security. are kept; user. came with 6.6 and is not.
    Result<usize> get_xattr(Inode& inode, std::string_view name, std::span<u8> out) override {
        if (!kept(name)) return Err(Error::opnotsupp);
        Xattr** link = find_link(node(inode), name);
        if (link == nullptr) return Err(Error::nodata);
        Xattr* x = *link;
        if (out.empty()) return usize{x->value_length};
        if (out.size() < x->value_length) return Err(Error::range);
        std::memcpy(out.data(), x->value(), x->value_length);
        return usize{x->value_length};
    }

    Result<void> set_xattr(Inode& inode, std::string_view name, std::span<const u8> value,
                           XattrSet how) override {
        if (!kept(name)) return Err(Error::opnotsupp);
        Xattr** link = find_link(node(inode), name);
        if (link != nullptr && how == XattrSet::create) return Err(Error::exist);
        if (link == nullptr && how == XattrSet::replace) return Err(Error::nodata);
        auto* x = static_cast<Xattr*>(mm::kmalloc(sizeof(Xattr) + name.size() + value.size()));
        if (x == nullptr) return Err(Error::nospc);
        x->name_length = static_cast<u32>(name.size());
        x->value_length = static_cast<u32>(value.size());
        std::memcpy(x->name(), name.data(), name.size());
        std::memcpy(x->value(), value.data(), value.size());
        if (link != nullptr) {
            Xattr* old = *link;
            x->next = old->next;
            *link = x;
            mm::kfree(old);
        } else {
            x->next = node(inode).xattrs;
            node(inode).xattrs = x;
        }
        return {};
    }

    Result<void> remove_xattr(Inode& inode, std::string_view name) override {
        if (!kept(name)) return Err(Error::opnotsupp);
        Xattr** link = find_link(node(inode), name);
        if (link == nullptr) return Err(Error::nodata);
        Xattr* old = *link;
        *link = old->next;
        mm::kfree(old);
        return {};
    }

    Result<usize> list_xattr(Inode& inode, std::span<char> out) override {
        usize used = 0;
        for (Xattr* x = node(inode).xattrs; x != nullptr; x = x->next) {
            usize need = x->name_length + 1;
            if (!out.empty()) {
                if (used + need > out.size()) return Err(Error::range);
                std::memcpy(out.data() + used, x->name(), x->name_length);
                out[used + need - 1] = '\0';
            }
            used += need;
        }
        return used;
    }

    void evict(Inode& inode) override {
        if (inode.is_dir()) dir(inode).clear();
        node(inode).uncharge();
        node(inode).state().give_inode();
    }
};
constinit Ops ops;

}  // namespace

InodeOps& inode_ops() {
    return ops;
}

Node::Node(SuperBlock& super, u64 ino, Mode m)
    : Inode(super, ino, m, module::Gated<InodeOps>::borrow(&tmpfs::inode_ops(), nullptr)) {
    if (is_regular(m)) set_page_source(&state());
}

Node::~Node() {
    while (Xattr* x = xattrs) {
        xattrs = x->next;
        mm::kfree(x);
    }
    if (link_target != nullptr) mm::kfree(const_cast<char*>(link_target));
}

void Node::settle_pages() {
    mm::Mapping* m = mapping_if_any();
    u64 now = m != nullptr ? m->page_count() : 0;
    if (now == charged_pages) return;
    state().charge(static_cast<i64>(now) - static_cast<i64>(charged_pages));
    charged_pages = now;
}

void Node::uncharge() {
    state().charge(-static_cast<i64>(charged_pages));
    charged_pages = 0;
}

Result<Ref<Inode>> make_inode(SuperBlock& super, const CreateRequest& request) {
    State& state = *static_cast<State*>(super.ops().object());
    char* target = nullptr;
    if (is_symlink(request.mode)) {
        target = static_cast<char*>(mm::kmalloc(request.target.size() + 1));
        if (target == nullptr) return Err(Error::nomem);
        std::memcpy(target, request.target.data(), request.target.size());
        target[request.target.size()] = '\0';
    }
    if (!state.take_inode()) {
        mm::kfree(target);
        return Err(Error::nospc);
    }
    Node* made = is_dir(request.mode)
                     ? new (std::nothrow) Directory(super, super.next_ino(), request.mode)
                     : new (std::nothrow) Node(super, super.next_ino(), request.mode);
    if (made == nullptr) {
        state.give_inode();
        mm::kfree(target);
        return Err(Error::nomem);
    }
    made->uid = request.uid;
    made->gid = request.gid;
    made->rdev = request.rdev;
    // Only a memfd lets its seals be chosen; every other file has those that it will ever have.
    if (is_regular(request.mode)) made->seals.store(Inode::kSealSeal, std::memory_order_relaxed);
    if (target != nullptr) {
        made->link_target = target;
        made->size_bytes = request.target.size();
    }
    return Ref<Inode>(adopt_ref<Inode>(made));
}

}  // namespace tenon::vfs::tmpfs

namespace tenon::vfs {

Result<Ref<Inode>> tmpfs_unlinked_file(SuperBlock& super, u64 size_bytes, Mode mode) {
    CreateRequest request;
    request.mode = kRegular | (mode & kPermMask);
    const process::Credentials& cred = process::current_credentials();
    request.uid = cred.fsuid;
    request.gid = cred.fsgid;
    TRY_ASSIGN(Ref<Inode> inode, tmpfs::make_inode(super, request));
    inode->nlink = 0;
    inode->size_bytes = size_bytes;
    return inode;
}

}  // namespace tenon::vfs

namespace tenon::vfs::tmpfs {}  // namespace tenon::vfs::tmpfs
