// @NAME@: a read-only file system whose files are a table in the module.
#include <tenon/module/module.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/super_block.h>

#include <algorithm>

namespace @NAME@ {

using namespace tenon;

constexpr u64 kMagic = 0x74656e6f;  // what statfs(2) says

struct Entry {
    std::string_view name, content;
};
constexpr Entry kFiles[] = {
    {"hello", "Hello from @NAME@.\n"},
    {"readme", "Each file of this file system is a line of a table.\n"},
};
constexpr u64 kRootIno = 1, kFirstIno = 2;  // inode numbers; file i is kFirstIno + i

const Entry& entry_of(const vfs::Inode& inode) {
    return kFiles[inode.ino() - kFirstIno];
}

class TextFile final : public vfs::FileOps {
  public:
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        const std::string_view text = entry_of(file.inode()).content;
        if (position >= text.size()) return usize{0};
        TRY_ASSIGN(const usize moved,
                   buffer.put(text.data() + position,
                              std::min<usize>(buffer.remaining(), text.size() - position)));
        position += moved;
        return moved;
    }
};

class DirectoryFile final : public vfs::FileOps {
  public:
    // Positions 0 and 1 are "." and "..".
    Result<void> read_dir(vfs::File& file, vfs::DirSink& sink, u64& position) override {
        for (; position < 2; ++position)
            if (!sink.entry(position == 0 ? "." : "..", file.inode().ino(), vfs::kDirectory,
                            position + 1))
                return {};
        for (; position - 2 < std::size(kFiles); ++position)
            if (!sink.entry(kFiles[position - 2].name, kFirstIno + position - 2, vfs::kRegular,
                            position + 1))
                return {};
        return {};
    }
};

template <typename File>
Result<module::Gated<vfs::FileOps>> make_file() {
    std::unique_ptr<vfs::FileOps> file(new (std::nothrow) File);
    if (!file) return Err(Error::nomem);
    return module::Gated<vfs::FileOps>::own(std::move(file));
}

class FileInode final : public vfs::InodeOps {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::Inode&, u32) override {
        return make_file<TextFile>();
    }
};
constinit FileInode file_ops;

class RootInode final : public vfs::InodeOps {
  public:
    Result<Ref<vfs::Inode>> lookup(vfs::Inode& directory, std::string_view name) override {
        for (usize i = 0; i < std::size(kFiles); ++i) {
            if (kFiles[i].name != name) continue;
            TRY_ASSIGN(Ref<vfs::Inode> inode,
                       vfs::Inode::make(directory.super(), kFirstIno + i, vfs::kRegular | 0444,
                                        module::Gated<vfs::InodeOps>::borrow(
                                            static_cast<vfs::InodeOps*>(&file_ops))));
            inode->size_bytes = kFiles[i].content.size();
            return inode;
        }
        return Err(Error::noent);
    }
    Result<module::Gated<vfs::FileOps>> open(vfs::Inode&, u32) override {
        return make_file<DirectoryFile>();
    }
};
constinit RootInode root_ops;

class Super final : public vfs::SuperOps {
  public:
    vfs::FsStatistics statistics(vfs::SuperBlock& super) override {
        return {.magic = super.magic, .files = std::size(kFiles)};
    }
};
constinit Super super_ops;

class Type final : public vfs::FileSystemType {
  public:
    std::string_view name() const override { return "@NAME@"; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view options) override {
        if (!options.empty()) return Err(Error::inval);
        TRY_ASSIGN(Ref<vfs::SuperBlock> super,
                   vfs::SuperBlock::create(*this, module::Gated<vfs::SuperOps>::borrow(
                                                      static_cast<vfs::SuperOps*>(&super_ops))));
        super->magic = kMagic;
        TRY_ASSIGN(Ref<vfs::Inode> root,
                   vfs::Inode::make(*super, kRootIno, vfs::kDirectory | 0555,
                                    module::Gated<vfs::InodeOps>::borrow(
                                        static_cast<vfs::InodeOps*>(&root_ops))));
        root->nlink = 2;
        TRY_ASSIGN(super->root, vfs::Dentry::make_root(std::move(root)));
        return super;
    }
};

class Instance final : public module::Instance {
  public:
    static Result<std::unique_ptr<Instance>> create(module::Context& context) {
        std::unique_ptr<Instance> self(new (std::nothrow) Instance);
        std::unique_ptr<Type> type(new (std::nothrow) Type);
        if (!self || !type) return Err(Error::nomem);
        TRY_ASSIGN(self->type_, context.register_file_system(std::move(type)));
        return self;
    }

  private:
    module::Held type_;
};

}  // namespace @NAME@

TENON_MODULE(@NAME@::Instance, {
    .name = "@NAME@",
    .version = "0.1",
    .license = "MIT",
    .description = "A read-only file system",
    .aliases = {"fs-@NAME@"},
});
