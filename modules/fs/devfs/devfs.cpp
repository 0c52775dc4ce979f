#include <tenon/device/device.h>
#include <tenon/module/module.h>
#include <tenon/process/task.h>
#include <tenon/vfs/lookup.h>

namespace tenon::devfs {
namespace {

// The one instance and a private mount of it, through which nodes are made.
class Tree {
  public:
    Result<void> create(const vfs::FileSystemType& type) {
        TRY_ASSIGN(super_, vfs::make_tmpfs(type, {}, 0755));
        Ref<vfs::Mount> mount = adopt_ref(new (std::nothrow) vfs::Mount);
        if (!mount) return Err(Error::nomem);
        mount->super = super_;
        mount->root = super_->root;
        root_ = vfs::Path(mount, super_->root);
        TRY_ASSIGN(fs_, process::FsContext::create(root_, root_));
        fs_->umask = 0;
        credentials_ = process::Credentials::root();
        if (!credentials_) return Err(Error::nomem);
        for (std::string_view name : {"pts", "shm"}) TRY(make_dir(name));
        TRY(vfs::make_symlink(start(), "fd", "/proc/self/fd"));
        TRY(vfs::make_symlink(start(), "stdin", "/proc/self/fd/0"));
        TRY(vfs::make_symlink(start(), "stdout", "/proc/self/fd/1"));
        TRY(vfs::make_symlink(start(), "stderr", "/proc/self/fd/2"));
        return {};
    }
    Ref<vfs::SuperBlock> super() const { return super_; }

    Result<void> add(std::string_view name, const device::Node& node) {
        for (usize slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
            if (auto r = make_dir(name.substr(0, slash)); !r && r.error() != Error::exist) return r;
        }
        vfs::Mode type = node.is_block ? vfs::kBlockDevice : vfs::kCharDevice;
        return vfs::make_node(start(), name, type | node.mode, {node.major, node.minor});
    }
    void remove(std::string_view name) {
        auto r = vfs::unlink(start(), name, vfs::UnlinkKind::file);
        if (!r && r.error() != Error::noent)
            log::warn("devfs: cannot remove {}: {}", name, r.error());
    }

  private:
    vfs::LookupStart start() { return {.fs = *fs_, .base = nullptr, .cred = *credentials_}; }
    Result<void> make_dir(std::string_view name) {
        return vfs::make_node(start(), name, vfs::kDirectory | 0755, {});
    }
    Ref<vfs::SuperBlock> super_;
    vfs::Path root_;
    // Nodes are made by whoever adds a device, often a worker: with these, not the caller's own.
    Ref<process::FsContext> fs_;
    Ref<process::Credentials> credentials_;
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
        TRY(self->tree_.create(*tmp));
        TRY_ASSIGN(self->types_[0], context.register_file_system(std::move(tmp)));
        TRY_ASSIGN(self->types_[1], context.register_file_system(std::move(own)));
        device::add_listener(*self);
        TRY_ASSIGN(self->listening_, context.hold("device listener", &stop_listening, self.get()));
        return self;
    }

  private:
    static void stop_listening(void* self) { device::remove_listener(*static_cast<Devfs*>(self)); }

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
