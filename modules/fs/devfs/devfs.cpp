#include <tenon/device/device.h>
#include <tenon/module/module.h>
#include <tenon/process/task.h>
#include <tenon/vfs/lookup.h>

namespace tenon::devfs {
namespace {

// The one instance and a private mount of it, through which nodes are made.
class Tree {
  public:
    Result<void> create(module::Context& context, const vfs::FileSystemType& type) {
        TRY_ASSIGN(Ref<vfs::SuperBlock> super, vfs::make_tmpfs(type, {}, 0755));
        super_ = super.get();
        TRY_ASSIGN(Ref<vfs::Mount> mount,
                   vfs::MountTable::make(std::move(super), super_->root, 0, "devtmpfs"));
        const vfs::Path root(std::move(mount), super_->root);
        TRY_ASSIGN(Ref<process::FsContext> fs, process::FsContext::create(root, root));
        TRY_ASSIGN(kept_, context.hold("tree", &process::release_fs_context, fs.get()));
        fs_ = fs.release();
        fs_->umask = 0;
        const auto root_credentials = process::Credentials::root();
        if (!root_credentials) return Err(Error::nomem);
        const vfs::LookupStart start = at(*root_credentials);
        for (std::string_view name : {"pts", "shm"}) TRY(make_dir(start, name));
        TRY(vfs::make_symlink(start, "fd", "/proc/self/fd"));
        TRY(vfs::make_symlink(start, "stdin", "/proc/self/fd/0"));
        TRY(vfs::make_symlink(start, "stdout", "/proc/self/fd/1"));
        return vfs::make_symlink(start, "stderr", "/proc/self/fd/2");
    }
    Ref<vfs::SuperBlock> super() const { return Ref<vfs::SuperBlock>(super_); }

    Result<void> add(std::string_view name, const device::Node& node) {
        const auto root_credentials = process::Credentials::root();
        if (!root_credentials) return Err(Error::nomem);
        const vfs::LookupStart start = at(*root_credentials);
        for (usize slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
            auto made = make_dir(start, name.substr(0, slash));
            if (!made && made.error() != Error::exist) return made;
        }
        vfs::Mode type = node.is_block ? vfs::kBlockDevice : vfs::kCharDevice;
        return vfs::make_node(start, name, type | node.mode, {node.major, node.minor});
    }
    void remove(std::string_view name) {
        const auto root_credentials = process::Credentials::root();
        if (!root_credentials) return;
        auto r = vfs::unlink(at(*root_credentials), name, vfs::UnlinkKind::file);
        if (!r && r.error() != Error::noent)
            log::warn("devfs: cannot remove {}: {}", name, r.error());
    }

  private:
    // Nodes are made by whoever adds a device, often a worker: as root, not as the caller.
    vfs::LookupStart at(const process::Credentials& credentials) const {
        return {.fs = *fs_, .base = nullptr, .cred = credentials};
    }
    static Result<void> make_dir(const vfs::LookupStart& start, std::string_view name) {
        return vfs::make_node(start, name, vfs::kDirectory | 0755, {});
    }
    process::FsContext* fs_ = nullptr;
    vfs::SuperBlock* super_ = nullptr;  // fs_ has it by its root
    module::Held kept_;  // the reference to fs_, which a failed module gives back, too
};

class Type final : public vfs::FileSystemType {
  public:
    Type(std::string_view name, Tree& tree) : name_(name), tree_(tree) {}
    std::string_view name() const override { return name_; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view) override {
        return tree_.super();
    }

  private:
    std::string_view name_;
    Tree& tree_;
};

class Devfs final : public module::Instance, device::Listener {
  public:
    static Result<std::unique_ptr<Devfs>> create(module::Context& context) {
        std::unique_ptr<Devfs> self(new (std::nothrow) Devfs);
        if (!self) return Err(Error::nomem);
        std::unique_ptr<Type> tmp(new (std::nothrow) Type("devtmpfs", self->tree_));
        std::unique_ptr<Type> own(new (std::nothrow) Type("devfs", self->tree_));
        if (!tmp || !own) return Err(Error::nomem);
        TRY(self->tree_.create(context, *tmp));
        TRY_ASSIGN(self->types_[0], context.register_file_system(std::move(tmp)));
        TRY_ASSIGN(self->types_[1], context.register_file_system(std::move(own)));
        TRY_ASSIGN(self->listening_, context.add_listener(*self));
        return self;
    }

  private:
    void event(device::Event event, device::Device& device, std::string_view) override {
        const device::Node& node = device.node();
        if (node.major == 0) return;
        std::string_view name = node.name.empty() ? device.name() : node.name;
        if (event == device::Event::removed) {
            tree_.remove(name);
        } else if (event == device::Event::added) {
            if (auto r = tree_.add(name, node); !r)
                log::err("devfs: cannot make {}: {}", name, r.error());
        }
    }

    Tree tree_;
    module::Held types_[2];
    module::Held listening_;
};

}  // namespace
}  // namespace tenon::devfs

TENON_MODULE(tenon::devfs::Devfs, {
                                      .name = "devfs",
                                      .version = "1.0",
                                      .description = "/dev: a node for every device",
                                  });
