// mounts, mountinfo, mountstats: what is mounted, seen from the reader's root.
#include <tenon/mm/slab.h>
#include <tenon/vfs/lookup.h>
#include <tenon/vfs/dentry.h>

#include <cstring>

#include "files.h"

namespace tenon::procfs {

void write_escaped(Text& out, std::string_view text, std::string_view special) {
    for (char c : text) {
        if (special.find(c) != std::string_view::npos)
            out.print("\\{:03o}", static_cast<u8>(c));
        else
            out.write({&c, 1});
    }
}

namespace {

struct Walk {
    Text& out;
    vfs::Path root;
    enum class Style : u8 { mounts, info, stats } style;
    std::unique_ptr<char[]> buffer, spare;
};
constexpr usize kPathBytes = 4096;

constexpr std::string_view kSpecial = " \t\n\\#";

void write_flags(Text& out, const vfs::Mount& mount, bool super) {
    const u32 flags = super ? mount.super->flags.load(std::memory_order_relaxed)
                            : mount.flags.load(std::memory_order_relaxed);
    if (super) {
        if (flags & vfs::kMountSync) out.write(",sync");
        if (flags & vfs::kMountDirSync) out.write(",dirsync");
        if (flags & vfs::kMountMandatoryLocks) out.write(",mand");
        if (flags & vfs::kMountLazyTime) out.write(",lazytime");
        return;
    }
    if (flags & vfs::kMountNoSuid) out.write(",nosuid");
    if (flags & vfs::kMountNoDev) out.write(",nodev");
    if (flags & vfs::kMountNoExec) out.write(",noexec");
    if (flags & vfs::kMountNoAtime) out.write(",noatime");
    if (flags & vfs::kMountNoDirAtime) out.write(",nodiratime");
    if (flags & vfs::kMountRelAtime) out.write(",relatime");
    if (flags & vfs::kMountNoSymFollow) out.write(",nosymfollow");
}

std::string_view access(bool read_only) {
    return read_only ? "ro" : "rw";
}

// Where in its file system a mount begins.
void write_root(Text& out, const vfs::Mount& mount) {
    char buffer[1024];
    usize at = sizeof buffer;
    const vfs::Dentry* d = mount.root.get();
    const bool deleted = d->is_unlinked();
    {
        sync::RcuGuard rcu;
        for (; d->parent() != nullptr; d = d->parent()) {
            const std::string_view name = d->name();
            if (name.size() >= at) break;
            at -= name.size();
            std::memcpy(buffer + at, name.data(), name.size());
            buffer[--at] = '/';
        }
    }
    write_escaped(out, at == sizeof buffer ? "/" : std::string_view(buffer + at, sizeof buffer - at),
                  kSpecial);
    if (deleted) out.write("//deleted");
}

// The nearest group that a slave gets events from and that is seen from the reader's root; 0: none.
u32 dominating_group(const vfs::Mount& mount, const Walk& walk) {
    for (u32 group = mount.master_group; group != 0;) {
        u32 master = 0;
        for (vfs::Mount& m : vfs::MountTable::all_locked()) {
            if (m.peer_group != group) continue;
            master = m.master_group;
            const vfs::Path at(Ref<vfs::Mount>(&m), m.root);
            auto text = vfs::path_text(at, walk.root, {walk.spare.get(), kPathBytes});
            if (text && !text->starts_with("(unreachable)")) return group;
        }
        group = master;
    }
    return 0;
}

void write_propagation(Text& out, const vfs::Mount& mount, const Walk& walk) {
    const u32 peers = mount.peer_group;
    const u32 master = mount.master_group;
    if (peers != 0) out.print(" shared:{}", peers);
    if (master != 0) {
        out.print(" master:{}", master);
        const u32 group = dominating_group(mount, walk);
        if (group != 0 && group != master) out.print(" propagate_from:{}", group);
    }
    if (mount.flags.load(std::memory_order_relaxed) & vfs::kMountUnbindable)
        out.write(" unbindable");
}

std::string_view source_of(const vfs::Mount& mount) {
    const std::string_view source = mount.source;
    return source.empty() ? std::string_view("none") : source;
}

void visit(vfs::Mount& mount, void* context) {
    auto& walk = *static_cast<Walk*>(context);
    Text& out = walk.out;
    const vfs::Path at(Ref<vfs::Mount>(&mount), mount.root);
    auto text = vfs::path_text(at, walk.root, {walk.buffer.get(), kPathBytes});
    if (!text || text->starts_with("(unreachable)")) return;
    const std::string_view type = mount.super->type_name();
    switch (walk.style) {
        case Walk::Style::mounts:
            write_escaped(out, source_of(mount), kSpecial);
            out.write(" ");
            write_escaped(out, *text, kSpecial);
            out.print(" {} {}", type, access(mount.is_read_only()));
            write_flags(out, mount, true);
            write_flags(out, mount, false);
            mount.super->ops().call(&vfs::SuperOps::describe, *mount.super,
                                    static_cast<fmt::Sink&>(out));
            out.write(" 0 0\n");
            break;
        case Walk::Style::info: {
            const vfs::DeviceNumber device = mount.super->device;
            out.print("{} {} {}:{} ", mount.id, mount.parent ? mount.parent->id : mount.id,
                      device.major, device.minor);
            write_root(out, mount);
            out.write(" ");
            write_escaped(out, *text, kSpecial);
            out.print(" {}", access(mount.flags.load() & vfs::kMountReadOnly));
            write_flags(out, mount, false);
            write_propagation(out, mount, walk);
            out.print(" - {} ", type);
            write_escaped(out, source_of(mount), kSpecial);
            out.print(" {}", access(mount.super->flags.load() & vfs::kMountReadOnly));
            write_flags(out, mount, true);
            mount.super->ops().call(&vfs::SuperOps::describe, *mount.super,
                                    static_cast<fmt::Sink&>(out));
            out.write("\n");
            break;
        }
        case Walk::Style::stats:
            out.write("device ");
            write_escaped(out, source_of(mount), kSpecial);
            out.write(" mounted on ");
            write_escaped(out, *text, kSpecial);
            out.print(" with fstype {}\n", type);
            break;
    }
}

Result<void> show(Text& out, const Subject& about, Walk::Style style) {
    if (!about.task) return Err(Error::noent);
    Ref<process::FsContext> fs = process::fs_of(*about.task);
    if (!fs) return Err(Error::inval);
    Walk walk{out, fs->root(), style, std::unique_ptr<char[]>(new (std::nothrow) char[kPathBytes]),
              std::unique_ptr<char[]>(new (std::nothrow) char[kPathBytes])};
    if (!walk.buffer || !walk.spare) return Err(Error::nomem);
    vfs::for_each_mount(visit, &walk);
    return {};
}

}  // namespace

Result<void> show_mounts(Text& out, const Subject& about) {
    return show(out, about, Walk::Style::mounts);
}
Result<void> show_mountinfo(Text& out, const Subject& about) {
    return show(out, about, Walk::Style::info);
}
Result<void> show_mountstats(Text& out, const Subject& about) {
    return show(out, about, Walk::Style::stats);
}

}  // namespace tenon::procfs
