// devpts: "ptmx" and one character device for each open pair. Spec: Linux filesystems/devpts.rst.
#include "devpts.h"

#include <tenon/mm/slab.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/dentry.h>

#include "pty.h"

namespace tenon::tty {

namespace {

constexpr u64 kMagic = 0x1cd1, kRootIno = 1, kPtmxIno = 2, kFirstIno = 3;
constexpr u32 kPtmxMajor = 5, kPtmxMinor = 2;

struct Options {
    bool has_uid = false, has_gid = false;
    u32 uid = 0, gid = 0, mode = 0600, ptmx_mode = 0;
};

Result<u32> number(std::string_view text, u32 base) {
    if (text.empty()) return Err(Error::inval);
    u64 n = 0;
    for (char c : text) {
        if (c < '0' || c >= static_cast<char>('0' + base)) return Err(Error::inval);
        n = n * base + static_cast<u64>(c - '0');
        if (n > ~u32{0}) return Err(Error::inval);
    }
    return static_cast<u32>(n);
}

Result<Options> parse(std::string_view data) {
    Options o;
    while (!data.empty()) {
        const usize end = std::min(data.find(','), data.size());
        const std::string_view word = data.substr(0, end);
        data.remove_prefix(std::min(end + 1, data.size()));
        const usize equal = word.find('=');
        const std::string_view name = word.substr(0, equal);
        const std::string_view value =
            equal == std::string_view::npos ? std::string_view() : word.substr(equal + 1);
        if (name.empty() || name == "newinstance") continue;
        if (name == "uid") {
            TRY_ASSIGN(o.uid, number(value, 10));
            o.has_uid = true;
        } else if (name == "gid") {
            TRY_ASSIGN(o.gid, number(value, 10));
            o.has_gid = true;
        } else if (name == "mode") {
            TRY_ASSIGN(o.mode, number(value, 8));
            o.mode &= 0777;
        } else if (name == "ptmxmode") {
            TRY_ASSIGN(o.ptmx_mode, number(value, 8));
            o.ptmx_mode &= 0777;
        } else if (name == "max") {
            TRY(number(value, 10));
        } else {
            return Err(Error::inval);
        }
    }
    return o;
}

// The number that a name spells, or -1.
i64 index_of(std::string_view name) {
    if (name.empty() || name.size() > 4 || (name.size() > 1 && name[0] == '0')) return -1;
    auto n = number(name, 10);
    return n ? i64{*n} : -1;
}

class Super final : public vfs::SuperOps {
  public:
    explicit Super(const Options& o) : options(o) {}
    void describe(vfs::SuperBlock&, fmt::Sink& sink) override {
        if (options.has_uid) fmt::print(sink, ",uid={}", options.uid);
        if (options.has_gid) fmt::print(sink, ",gid={}", options.gid);
        put_mode(sink, ",mode=", options.mode);
        put_mode(sink, ",ptmxmode=", options.ptmx_mode);
    }
    const Options options;

  private:
    static void put_mode(fmt::Sink& sink, std::string_view name, u32 mode) {
        const char digits[] = {static_cast<char>('0' + (mode >> 6 & 7)),
                               static_cast<char>('0' + (mode >> 3 & 7)),
                               static_cast<char>('0' + (mode & 7))};
        fmt::print(sink, "{}{}", name, std::string_view(digits, 3));
    }
};

// A slave's inode belongs to one life of its number.
struct Slave final : vfs::InodeData {
    explicit Slave(u64 s) : serial(s) {}
    const u64 serial;
};

class RootFile final : public vfs::FileOps {
  public:
    Result<void> read_dir(vfs::File& file, vfs::DirSink& sink, u64& position) override {
        const vfs::Dentry* parent = file.path().dentry->parent();
        if (position == 0) {
            if (!sink.entry(".", kRootIno, vfs::kDirectory, 1)) return {};
            position = 1;
        }
        if (position == 1) {
            const u64 ino = parent != nullptr ? parent->inode()->ino() : kRootIno;
            if (!sink.entry("..", ino, vfs::kDirectory, 2)) return {};
            position = 2;
        }
        if (position == 2) {
            if (!sink.entry("ptmx", kPtmxIno, vfs::kCharDevice, 3)) return {};
            position = 3;
        }
        for (i64 n; (n = Pty::next(static_cast<u32>(position - 3))) >= 0;) {
            fmt::Line<16> name("{}", n);
            const u64 next = static_cast<u64>(n) + 4;
            if (!sink.entry(name.view(), kFirstIno + static_cast<u64>(n), vfs::kCharDevice, next))
                return {};
            position = next;
        }
        return {};
    }
    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        return seek_number(file, offset, whence);
    }
};

class Ops final : public vfs::InodeOps {
  public:
    Result<Ref<vfs::Inode>> lookup(vfs::Inode& directory, std::string_view name) override;
    Result<module::Gated<vfs::FileOps>> open(vfs::Inode& inode, u32) override {
        if (!inode.is_dir()) return Err(Error::nxio);
        auto file = mm::make<RootFile>();
        if (!file) return Err(Error::nomem);
        return module::Gated<vfs::FileOps>::own(std::unique_ptr<vfs::FileOps>(file.release()));
    }
    bool needs_revalidate() const override { return true; }
    bool revalidate(vfs::Inode&, std::string_view name, vfs::Inode* cached) override {
        const i64 index = index_of(name);
        if (index < 0) return true;
        const auto tty = Pty::find(static_cast<u32>(index));
        if (cached == nullptr) return !tty;
        return tty && Pty::of(*tty).serial() == static_cast<Slave*>(cached->data())->serial;
    }
};
constinit Ops g_ops;

module::Gated<vfs::InodeOps> ops() {
    return module::Gated<vfs::InodeOps>::borrow(static_cast<vfs::InodeOps*>(&g_ops));
}

Result<Ref<vfs::Inode>> Ops::lookup(vfs::Inode& directory, std::string_view name) {
    const Options& o = static_cast<Super*>(directory.super().ops().object())->options;
    if (name == "ptmx") {
        TRY_ASSIGN(auto made, vfs::Inode::make(directory.super(), kPtmxIno,
                                               vfs::kCharDevice | o.ptmx_mode, ops()));
        made->rdev = {kPtmxMajor, kPtmxMinor};
        return made;
    }
    const i64 index = index_of(name);
    auto tty = index >= 0 ? Pty::find(static_cast<u32>(index)) : nullptr;
    if (!tty) return Err(Error::noent);
    const Pty& pty = Pty::of(*tty);
    TRY_ASSIGN(auto made,
               vfs::Inode::make(
                   directory.super(), kFirstIno + pty.index(), vfs::kCharDevice | o.mode, ops(),
                   std::unique_ptr<vfs::InodeData>(new (std::nothrow) Slave(pty.serial()))));
    made->rdev = {kPtsMajor, pty.index()};
    made->uid = o.has_uid ? o.uid : pty.uid;
    made->gid = o.has_gid ? o.gid : pty.gid;
    return made;
}

class Type final : public vfs::FileSystemType {
  public:
    std::string_view name() const override { return "devpts"; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view data) override {
        TRY_ASSIGN(const Options options, parse(data));
        auto super_ops = mm::make<Super>(options);
        if (!super_ops) return Err(Error::nomem);
        TRY_ASSIGN(auto super,
                   vfs::SuperBlock::create(
                       *this, module::Gated<vfs::SuperOps>::own(
                                  std::unique_ptr<vfs::SuperOps>(super_ops.release()))));
        super->magic = kMagic;
        TRY_ASSIGN(auto root, vfs::Inode::make(*super, kRootIno, vfs::kDirectory | 0755, ops()));
        root->nlink = 2;
        TRY_ASSIGN(super->root, vfs::Dentry::make_root(std::move(root)));
        return super;
    }
};

}  // namespace

std::unique_ptr<vfs::FileSystemType> make_devpts() {
    return std::unique_ptr<vfs::FileSystemType>(new (std::nothrow) Type);
}

}  // namespace tenon::tty
