// Inodes and open files: each knows its path and asks the branch.
#include "node.h"

#include <tenon/time/clock.h>
#include <tenon/vfs/dentry.h>

#include <algorithm>
#include <cstring>

namespace tenon::sysfs {

bool Parts::parse(std::string_view path) {
    count = 0;
    while (!path.empty()) {
        if (count == kMax) return false;
        const usize end = path.find('/');
        part[count++] = path.substr(0, end);
        path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    }
    return true;
}

namespace {

Node& node_of(vfs::Inode& inode) {
    return static_cast<Node&>(*inode.data());
}

// A path taken apart: its branch and the rest.
struct Place {
    Branch* branch = nullptr;
    Parts parts;
    explicit Place(std::string_view path) {
        const usize end = path.find('/');
        branch = find_branch(path.substr(0, end));
        if (end != std::string_view::npos && !parts.parse(path.substr(end + 1))) branch = nullptr;
    }
};

bool find(std::string_view path, Found& out) {
    if (path.empty()) {
        out = directory();
        return true;
    }
    Place place(path);
    if (place.branch == nullptr) return false;
    if (place.parts.count == 0) {
        out = directory();
        return true;
    }
    return place.branch->find(place.parts, out);
}

class TextFile final : public vfs::FileOps {
  public:
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        Place place(node_of(file.inode()).path());
        if (place.branch == nullptr) return Err(Error::nodev);
        if (node_of(file.inode()).is_binary) return read_binary(place, buffer, position);
        sync::MutexGuard guard(lock_);
        if (position == 0 || !made_) {
            text_.clear();
            TRY(place.branch->show(place.parts, text_));
            if (text_.failed()) return Err(Error::nomem);
            made_ = true;
        }
        if (position >= text_.view().size()) return usize{0};
        const std::string_view rest = text_.view().substr(position);
        TRY_ASSIGN(const usize n,
                   buffer.put(rest.data(), std::min(rest.size(), buffer.remaining())));
        position += n;
        return n;
    }
    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        std::unique_ptr<char[]> text(new (std::nothrow) char[kPageSize]);
        if (!text) return Err(Error::nomem);
        TRY_ASSIGN(const usize n, buffer.get(text.get(), std::min(buffer.remaining(), kPageSize)));
        Place place(node_of(file.inode()).path());
        if (place.branch == nullptr) return Err(Error::nodev);
        if (node_of(file.inode()).is_binary) {
            TRY_ASSIGN(const usize written,
                       place.branch->write_at(place.parts, position,
                                              {reinterpret_cast<const u8*>(text.get()), n}));
            position += written;
            return written;
        }
        std::string_view view(text.get(), n);
        while (!view.empty() && (view.back() == '\n' || view.back() == '\0')) view.remove_suffix(1);
        TRY(place.branch->store(place.parts, view));
        made_ = false;
        position += n;
        return n;
    }

    // `unbind` and its like end in drivers and file systems.
    bool is_command() const override { return true; }

  private:
    static Result<usize> read_binary(Place& place, vfs::IoBuffer& buffer, u64& position) {
        u8 chunk[256];
        usize done = 0;
        while (buffer.remaining() != 0) {
            TRY_ASSIGN(const usize n,
                       place.branch->read_at(place.parts, position,
                                             {chunk, std::min(sizeof chunk, buffer.remaining())}));
            if (n == 0) break;
            TRY_ASSIGN(const usize moved, buffer.put(chunk, n));
            position += moved;
            done += moved;
        }
        return done;
    }
    sync::Mutex lock_{sync::LockRank::tty_ioctl};
    Text text_;
    bool made_ = false;
};

// Entries behind "." and "..", from position 2 on, in the branch's order.
class SinkLister final : public Lister {
  public:
    SinkLister(vfs::DirSink& sink, u64& position, std::string_view path)
        : sink_(sink), position_(position), path_(path) {}
    void entry(std::string_view name, vfs::Mode type) override {
        const u64 index = next_++;
        if (full_ || index < position_) return;
        if (!sink_.entry(name, ino_of(path_, name), type, index + 1))
            full_ = true;
        else
            position_ = index + 1;
    }

  private:
    vfs::DirSink& sink_;
    u64& position_;
    std::string_view path_;
    u64 next_ = 2;
    bool full_ = false;
};

class DirectoryFile final : public vfs::FileOps {
  public:
    Result<void> read_dir(vfs::File& file, vfs::DirSink& sink, u64& position) override {
        Node& node = node_of(file.inode());
        for (; position < 2; ++position)
            if (!sink.entry(position == 0 ? "." : "..", file.inode().ino(), vfs::kDirectory,
                            position + 1))
                return {};
        SinkLister lister(sink, position, node.path());
        if (node.path().empty()) {
            for (auto name : branch_names()) lister.dir(name);
            return {};
        }
        Place place(node.path());
        if (place.branch != nullptr) place.branch->list(place.parts, lister);
        return {};
    }
};
constinit DirectoryFile directory_file;

class Ops final : public vfs::InodeOps {
  public:
    Result<Ref<vfs::Inode>> lookup(vfs::Inode& dir, std::string_view name) override {
        const std::string_view parent = node_of(dir).path();
        fmt::Line<512> path("{}{}{}", parent, parent.empty() ? "" : "/", name);
        Found found;
        if (!find(path.view(), found)) return Err(Error::noent);
        return Node::make(dir.super(), path.view(), ino_of(parent, name), found);
    }
    Result<module::Gated<vfs::FileOps>> open(vfs::Inode& inode, u32 flags) override {
        if (inode.is_dir())
            return module::Gated<vfs::FileOps>::borrow(static_cast<vfs::FileOps*>(&directory_file));
        // Nobody's rights go beyond the mode. Spec: Linux fs/kernfs/file.c, kernfs_fop_open().
        if (((flags & vfs::kOpenWrite) && !(inode.mode & 0222)) ||
            ((flags & vfs::kOpenRead) && !(inode.mode & 0444)))
            return Err(Error::acces);
        std::unique_ptr<vfs::FileOps> file(new (std::nothrow) TextFile);
        if (!file) return Err(Error::nomem);
        return module::Gated<vfs::FileOps>::own(std::move(file));
    }
    Result<usize> read_link(vfs::Inode& inode, std::span<char> buffer) override {
        const std::string_view path = node_of(inode).path();
        Place place(path);
        if (place.branch == nullptr || !vfs::is_symlink(inode.mode)) return Err(Error::inval);
        Text text;
        for (char c : path)
            if (c == '/') text.write("../");
        place.branch->target(place.parts, text);
        if (text.failed()) return Err(Error::nomem);
        const usize n = std::min(buffer.size(), text.view().size());
        std::memcpy(buffer.data(), text.view().data(), n);
        return n;
    }
    // `echo x > file` truncates first: there is nothing to cut.
    Result<void> set_attributes(vfs::Inode& inode, const vfs::AttributeChange& change) override {
        vfs::AttributeChange rest = change;
        rest.which &= ~u32{vfs::AttributeChange::size_bit};
        return rest.which == 0 ? Result<void>{} : InodeOps::set_attributes(inode, rest);
    }
    bool needs_revalidate() const override { return true; }
    bool revalidate(vfs::Inode& dir, std::string_view name, vfs::Inode* cached) override {
        if (cached == nullptr) return false;
        const std::string_view parent = node_of(dir).path();
        fmt::Line<512> path("{}{}{}", parent, parent.empty() ? "" : "/", name);
        Found found;
        return find(path.view(), found) && found.mode == cached->mode;
    }
};
constinit Ops node_ops;

}  // namespace

u64 ino_of(std::string_view parent, std::string_view name) {
    u64 h = 0xcbf29ce484222325;
    for (char c : parent) h = (h ^ static_cast<u8>(c)) * 0x100000001b3;
    h = (h ^ '/') * 0x100000001b3;
    for (char c : name) h = (h ^ static_cast<u8>(c)) * 0x100000001b3;
    return (h & 0x7fff'ffff) + 2;
}

Result<Ref<vfs::Inode>> Node::make(vfs::SuperBlock& super, std::string_view path, u64 ino,
                                   const Found& found) {
    std::unique_ptr<char[]> copy(new (std::nothrow) char[path.size() + 1]);
    if (!copy) return Err(Error::nomem);
    std::memcpy(copy.get(), path.data(), path.size());
    std::unique_ptr<Node> node(new (std::nothrow) Node);
    if (!node) return Err(Error::nomem);
    node->path_text_ = std::move(copy);
    node->path_size_ = path.size();
    node->is_binary = found.is_binary;
    TRY_ASSIGN(Ref<vfs::Inode> inode, vfs::Inode::make(super, ino, found.mode,
                                                       module::Gated<vfs::InodeOps>::borrow(
                                                           static_cast<vfs::InodeOps*>(&node_ops)),
                                                       std::move(node)));
    inode->size_bytes = found.size_bytes;
    inode->nlink = inode->is_dir() ? 2 : 1;
    return inode;
}

}  // namespace tenon::sysfs
