// mounts, mountinfo, mountstats: what is mounted, seen from the reader's root.
#include <tenon/mm/slab.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

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

constexpr std::string_view kSpecial = " \t\n\\#";

void write_flags(Text& out, const vfs::Mount& mount, bool super) {
    const u32 flags = super ? mount.super->flags.load(std::memory_order_relaxed)
                            : mount.flags.load(std::memory_order_relaxed);
    out.write(flags & vfs::kMountReadOnly ? "ro" : "rw");
    if (super) {
        if (flags & vfs::kMountSync) out.write(",sync");
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

std::string_view source_of(const vfs::Mount& mount) {
    const std::string_view source = mount.source;
    return source.empty() ? std::string_view("none") : source;
}

struct Walk {
    Text& out;
    vfs::Path root;
    enum class Style : u8 { mounts, info, stats } style;
    std::unique_ptr<char[]> buffer;
};
constexpr usize kPathBytes = 4096;

void visit(vfs::Mount& mount, void* context) {
    auto& walk = *static_cast<Walk*>(context);
    Text& out = walk.out;
    const vfs::Path at(Ref<vfs::Mount>(&mount), mount.root);
    auto text = vfs::path_text(at, walk.root, {walk.buffer.get(), kPathBytes});
    if (!text || text->starts_with("(unreachable)")) return;
    if (mount.parent && at == walk.root && mount.mount_point) {
        // The root itself shows once.
    }
    const std::string_view type = mount.super->type_name();
    switch (walk.style) {
        case Walk::Style::mounts:
            write_escaped(out, source_of(mount), kSpecial);
            out.write(" ");
            write_escaped(out, *text, kSpecial);
            out.print(" {} ", type);
            write_flags(out, mount, false);
            mount.super->ops().call(&vfs::SuperOps::describe, *mount.super,
                                    static_cast<fmt::Sink&>(out));
            out.write(" 0 0\n");
            break;
        case Walk::Style::info: {
            const vfs::DeviceNumber device = mount.super->device;
            out.print("{} {} {}:{} ", mount.id, mount.parent ? mount.parent->id : mount.id,
                      device.major, device.minor);
            // The root of the mount within its file system.
            char inner[512];
            auto top = mount.super->root;
            auto within = vfs::path_text(vfs::Path(Ref<vfs::Mount>(&mount), mount.root),
                                         vfs::Path(Ref<vfs::Mount>(&mount), top), inner);
            write_escaped(out, mount.root == top || !within ? "/" : *within, kSpecial);
            out.write(" ");
            write_escaped(out, *text, kSpecial);
            out.write(" ");
            write_flags(out, mount, false);
            out.print(" - {} ", type);
            write_escaped(out, source_of(mount), kSpecial);
            out.write(" ");
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
    Walk walk{out, fs->root(), style, std::unique_ptr<char[]>(new (std::nothrow) char[kPathBytes])};
    if (!walk.buffer) return Err(Error::nomem);
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
