// Extended attributes of tmpfs: a chain on the inode, guarded by its lock. Who may is checked
// above. As in Linux 6.1, trusted. and security. are kept; user. came with 6.6 and is not.
#include <cstring>

#include "core/vfs/tmpfs/tmpfs.h"

namespace tenon::vfs::tmpfs {

namespace {

Xattr** find_link(Node& node, std::string_view name) {
    for (Xattr** link = &node.xattrs; *link != nullptr; link = &(*link)->next)
        if (std::string_view((*link)->name(), (*link)->name_length) == name) return link;
    return nullptr;
}

bool kept(std::string_view name) {
    return !name.starts_with("user.");
}

}  // namespace

Result<usize> get_xattr(Node& node, std::string_view name, std::span<u8> out) {
    if (!kept(name)) return Err(Error::opnotsupp);
    Xattr** link = find_link(node, name);
    if (link == nullptr) return Err(Error::nodata);
    Xattr* x = *link;
    if (out.empty()) return usize{x->value_length};
    if (out.size() < x->value_length) return Err(Error::range);
    std::memcpy(out.data(), x->value(), x->value_length);
    return usize{x->value_length};
}

Result<void> set_xattr(Node& node, std::string_view name, std::span<const u8> value,
                       InodeOps::XattrSet how) {
    if (!kept(name)) return Err(Error::opnotsupp);
    Xattr** link = find_link(node, name);
    if (link != nullptr && how == InodeOps::XattrSet::create) return Err(Error::exist);
    if (link == nullptr && how == InodeOps::XattrSet::replace) return Err(Error::nodata);
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
        x->next = node.xattrs;
        node.xattrs = x;
    }
    return {};
}

Result<void> remove_xattr(Node& node, std::string_view name) {
    if (!kept(name)) return Err(Error::opnotsupp);
    Xattr** link = find_link(node, name);
    if (link == nullptr) return Err(Error::nodata);
    Xattr* old = *link;
    *link = old->next;
    mm::kfree(old);
    return {};
}

Result<usize> list_xattr(Node& node, std::span<char> out) {
    usize used = 0;
    for (Xattr* x = node.xattrs; x != nullptr; x = x->next) {
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

void free_xattrs(Node& node) {
    while (Xattr* x = node.xattrs) {
        node.xattrs = x->next;
        mm::kfree(x);
    }
}

}  // namespace tenon::vfs::tmpfs
