#include "node.h"

#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/file_table.h>

#include <algorithm>
#include <charconv>

#include "files.h"

namespace tenon::procfs {

namespace {

Node& node_of(vfs::Inode& inode) {
    return static_cast<Node&>(*inode.data());
}

// The number that a name spells, or -1; no leading zeros, as Linux.
i32 number_of(std::string_view name) {
    if (name.empty() || name.size() > 10 || (name.size() > 1 && name.front() == '0')) return -1;
    i64 n = 0;
    for (char c : name) {
        if (c < '0' || c > '9') return -1;
        n = n * 10 + (c - '0');
    }
    return n > 0x7fffffff ? -1 : static_cast<i32>(n);
}

// --- Open files ---------------------------------------------------------------------------------

class TextFile final : public vfs::FileOps {
  public:
    explicit TextFile(const SpaceId& space) : space_(space) {}
    Result<void> make(const Node& node) {
        const auto about = node.subject();
        text_.clear();
        if (about && has_space(node, *about)) {
            TRY(node.entry.show(text_, *about));
        } else if (!node.entry.of_space || !node.entry.has_end) {
            // As Linux: of memory that is gone there are just no bytes, but of records an error.
            return Err(Error::srch);
        }
        if (text_.failed()) return Err(Error::nomem);
        made_ = true;
        return {};
    }
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        Node& node = node_of(file.inode());
        if (node.entry.show_part != nullptr) return read_parts(node, buffer, position);
        if (node.entry.show == nullptr) return Err(Error::inval);
        if (node.entry.sysctl == Sysctl::numbers && position != 0) return usize{0};
        sync::MutexGuard guard(lock_);
        if (!made_ || (position == 0 && !node.entry.lasting)) TRY(make(node));
        if (position >= text_.size()) return usize{0};
        const std::string_view rest = text_.view().substr(position);
        TRY_ASSIGN(const usize n,
                   buffer.put(rest.data(), std::min(rest.size(), buffer.remaining())));
        position += n;
        return n;
    }
    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        Node& node = node_of(file.inode());
        // As Linux: EIO at the top, EINVAL below /proc/PID.
        if (node.entry.store == nullptr) return Err(node.who.tid == 0 ? Error::io : Error::inval);
        if (node.entry.sysctl != Sysctl::none && position != 0) {
            const usize ignored = buffer.remaining();
            buffer.skip(ignored);
            position += ignored;
            return ignored;
        }
        char text[1024];
        const usize n = std::min(buffer.remaining(), sizeof(text));
        TRY_ASSIGN(const usize got, buffer.get(text, n));
        TRY_ASSIGN(const Subject about, node.subject());
        TRY(node.entry.store(about, {text, got}));
        made_ = false;
        position += got;
        return got;
    }

    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        const Entry& entry = node_of(file.inode()).entry;
        return entry.has_end || entry.sysctl != Sysctl::none ? FileOps::seek(file, offset, whence)
                                                             : seek_number(file, offset, whence);
    }

  private:
    // A text in records, as Linux's seq_file gives it: a read makes at most one part, so whole
    // pages are asked for record by record. Spec: Linux fs/seq_file.c, seq_read_iter().
    Result<usize> read_parts(Node& node, vfs::IoBuffer& buffer, u64& position) {
        sync::MutexGuard guard(lock_);
        if (position == 0 || !made_ || position < part_start_) {
            part_start_ = cursor_ = 0;
            text_.clear();
            made_ = true;
        }
        usize done = 0;
        for (bool made_part = false;;) {
            if (position < part_start_ + text_.size()) {
                const std::string_view rest = text_.view().substr(position - part_start_);
                const usize n = std::min(rest.size(), buffer.remaining());
                const Result<usize> moved = buffer.put(rest.data(), n);
                if (!moved && done == 0) return moved;
                done += moved.value_or(0);
                position += moved.value_or(0);
                if (!moved || *moved < rest.size()) return done;
            }
            if (buffer.remaining() == 0 || (done != 0 && (made_part || cursor_ == kNoMore)))
                return done;
            // What a seek skips is made record by record, and counts as no part.
            const bool skips = position != part_start_ + text_.size();
            const Result<void> more = make_next_part(node, skips ? 1 : buffer.remaining());
            if (!more && done != 0) return done;
            TRY(more);
            if (text_.size() == 0) return done;
            made_part = !skips;
        }
    }
    // Error::srch when the task has ended, behind the last record, too.
    Result<void> make_next_part(Node& node, usize wanted) {
        TRY_ASSIGN(const Subject about, node.subject());
        part_start_ += text_.size();
        text_.clear();
        if (!has_space(node, about)) cursor_ = kNoMore;
        if (cursor_ == kNoMore) return {};
        const auto r =
            node.entry.show_part(text_, about, cursor_, std::min<usize>(wanted, kPageSize));
        made_ = r && !text_.failed();  // else from the start again
        TRY(r);
        if (text_.failed()) return Err(Error::nomem);
        return {};
    }

    bool has_space(const Node& node, const Subject& about) const {
        return !node.entry.of_space || space_ == SpaceId::of(*about.task);
    }

    const SpaceId space_;
    // Behind file_position, before whatever show() takes.
    sync::Mutex lock_{sync::LockRank::vfs_rename};
    Text text_;  // all of it, or the part at part_start_
    u64 part_start_ = 0, cursor_ = 0;
    bool made_ = false;
};

// --- Directories --------------------------------------------------------------------------------

constexpr u64 kDynamicBase = 256;  // readdir positions of dynamic entries: base + number

// The next dynamic child with a number >= `from`; -1: none.
i32 next_dynamic(Dynamic kind, const Subject& about, i32 from, Identity& who) {
    switch (kind) {
        case Dynamic::none:
            return -1;
        case Dynamic::processes: {
            Ref<process::Process> p = process::next_process(std::max(from, 1));
            if (!p) return -1;
            who.tid = p->pid;
            return p->pid;
        }
        case Dynamic::threads: {
            struct Search {
                i32 from, best = -1;
            } search{from};
            process::for_each_thread(
                *about.process,
                [](Task& task, void* context) {
                    auto& s = *static_cast<Search*>(context);
                    if (task.tid >= s.from && (s.best < 0 || task.tid < s.best)) s.best = task.tid;
                },
                &search);
            return search.best;
        }
        case Dynamic::descriptors:
        case Dynamic::descriptor_infos: {
            Ref<vfs::FileTable> files = process::files_of(*about.task);
            return files ? files->next_open(from) : -1;
        }
        case Dynamic::mappings:
            return -1;  // by addresses: read_mappings()
    }
    return -1;
}

class DirectoryFile final : public vfs::FileOps {
  public:
    Result<void> read_dir(vfs::File& file, vfs::DirSink& sink, u64& position) override {
        Node& node = node_of(file.inode());
        const auto found = node.subject();
        if (!found) return Err(Error::noent);  // Deviates from reading a file: Linux says so here
        const Subject& about = *found;
        if (node.entry.dynamic == Dynamic::mappings) TRY(may_look(about));
        const vfs::Dentry* parent = file.path().dentry->parent();
        if (position == 0) {
            if (!sink.entry(".", file.inode().ino(), vfs::kDirectory, 1)) return {};
            position = 1;
        }
        if (position == 1) {
            const u64 ino = parent ? parent->inode()->ino() : file.inode().ino();
            if (!sink.entry("..", ino, vfs::kDirectory, 2)) return {};
            position = 2;
        }
        while (position - 2 < node.entry.children.size()) {
            const Entry& child = node.entry.children[position - 2];
            if (!sink.entry(child.name, position, child.mode & vfs::kTypeMask, position + 1))
                return {};
            ++position;
        }
        if (node.entry.dynamic == Dynamic::none) return {};
        if (node.entry.dynamic == Dynamic::mappings) return read_mappings(about, sink, position);
        if (position < kDynamicBase) position = kDynamicBase;
        if (position - kDynamicBase > INT32_MAX) return {};
        const vfs::Mode type = node.entry.dynamic == Dynamic::descriptors        ? vfs::kSymlink
                               : node.entry.dynamic == Dynamic::descriptor_infos ? vfs::kRegular
                                                                                 : vfs::kDirectory;
        for (;;) {
            Identity who;
            const i32 n = next_dynamic(node.entry.dynamic, about,
                                       static_cast<i32>(position - kDynamicBase), who);
            if (n < 0) return {};
            const u64 next = kDynamicBase + static_cast<u64>(n) + 1;
            fmt::Line<16> name("{}", n);
            if (!sink.entry(name.view(), (u64{1} << 32) + static_cast<u64>(n), type, next))
                return {};
            position = next;
        }
    }
};
constinit DirectoryFile directory_file;

// --- Inodes -------------------------------------------------------------------------------------

// What lstat(2) says of links to files, as Linux does.
constexpr u64 kLinkBytes = 64;

// What a descriptor may be used for shows in the bits of its link; of O_PATH: nothing.
vfs::Mode mode_of_link(const vfs::File& file) {
    const u32 flags = file.flags();
    return vfs::kSymlink | (flags & vfs::kOpenRead ? 0500 : 0) |
           (flags & vfs::kOpenWrite ? 0300 : 0);
}

class Ops : public vfs::InodeOps {
  public:
    Result<Ref<vfs::Inode>> lookup(vfs::Inode& directory, std::string_view name) override {
        Node& node = node_of(directory);
        for (const Entry& child : node.entry.children) {
            if (child.name == name)
                return Node::make(directory.super(), child.alias ? *child.alias : child, node.who);
        }
        if (node.entry.dynamic == Dynamic::mappings) return lookup_mapping(directory, name);
        const i32 n = number_of(name);
        if (n < 0 || node.entry.dynamic == Dynamic::none) return Err(Error::noent);
        const auto found = node.subject();
        if (!found) return Err(Error::noent);
        const Subject& about = *found;
        switch (node.entry.dynamic) {
            case Dynamic::processes: {
                Ref<Task> task = process::find_task(n);
                if (!task || !task->process) return Err(Error::noent);
                return Node::make(directory.super(), kProcessDir, {n, task->start_time_ns, 0});
            }
            case Dynamic::threads: {
                Ref<Task> task = process::find_task(n);
                if (!task || task->process.get() != about.process.get()) return Err(Error::noent);
                return Node::make(directory.super(), kThreadDir, {n, task->start_time_ns, 0});
            }
            default: {
                Ref<vfs::FileTable> files = process::files_of(*about.task);
                if (!files) return Err(Error::noent);
                const auto file = files->get(n);
                if (!file) return Err(Error::noent);
                Identity who = node.who;
                who.number = n;
                const bool link = node.entry.dynamic == Dynamic::descriptors;
                TRY_ASSIGN(Ref<vfs::Inode> made,
                           Node::make(directory.super(), link ? kFdLink : kFdInfo, who));
                if (link) made->mode = mode_of_link(**file);
                if (link) made->size_bytes = kLinkBytes;
                return made;
            }
        }
    }
    static Result<Ref<vfs::Inode>> lookup_mapping(vfs::Inode& directory, std::string_view name) {
        Node& node = node_of(directory);
        TRY_ASSIGN(Subject about, node.subject());
        TRY(may_look(about));
        Identity who = node.who;
        TRY_ASSIGN(who.range, parse_range(name));
        about.range = who.range;
        TRY_ASSIGN(const vfs::Mode mode, mapped_mode(about));
        TRY_ASSIGN(Ref<vfs::Inode> made, Node::make(directory.super(), kMapLink, who));
        made->mode = mode;
        made->size_bytes = kLinkBytes;
        return made;
    }
    Result<usize> read_link(vfs::Inode& inode, std::span<char> buffer) override {
        Node& node = node_of(inode);
        if (node.entry.link == nullptr) return Err(Error::inval);
        TRY_ASSIGN(const Subject about, node.subject());
        return node.entry.link(about, buffer);
    }
    Result<vfs::Path> follow(vfs::Inode& inode) override {
        Node& node = node_of(inode);
        if (node.entry.follow == nullptr) return Err(Error::opnotsupp);
        TRY_ASSIGN(const Subject about, node.subject());
        return node.entry.follow(about);
    }
    Result<module::Gated<vfs::FileOps>> open(vfs::Inode& inode, u32) override {
        Node& node = node_of(inode);
        const auto about = node.subject();
        // As Linux: fd of a process that is gone opens, and its entries are ENOENT.
        if (inode.is_dir() && (about || node.entry.dynamic == Dynamic::descriptors))
            return module::Gated<vfs::FileOps>::borrow(static_cast<vfs::FileOps*>(&directory_file));
        const bool guarded = node.entry.of_space || &node.entry == &kFdInfo;
        // Plain text opens, too: reading it is ESRCH.
        if (!about && (inode.is_dir() || guarded || node.entry.lasting || node.entry.open))
            return Err(about.error());
        std::unique_ptr<vfs::FileOps> file;
        // Memory and what lies where in it are for who may trace the process.
        if (guarded) TRY(may_look(*about));
        if (node.entry.open != nullptr) {
            TRY_ASSIGN(file, node.entry.open(node, *about));
        } else {
            std::unique_ptr<TextFile> text(new (std::nothrow) TextFile(
                node.entry.of_space ? SpaceId::of(*about->task) : SpaceId{}));
            if (text && node.entry.lasting) TRY(text->make(node));
            file = std::move(text);
        }
        if (!file) return Err(Error::nomem);
        return module::Gated<vfs::FileOps>::own(std::move(file));
    }
    Result<void> refresh(vfs::Inode& inode) override {
        const Node& node = node_of(inode);
        node.refresh_owner(inode);
        if (node.entry.dynamic == Dynamic::threads) {
            if (const auto about = node.subject())
                inode.nlink = 2 + static_cast<u32>(about->process->thread_count);
        }
        return {};
    }
    // Opening with O_TRUNC does nothing. Of a process's files and of /proc/sys the mode is the
    // kernel's. Spec: Linux fs/proc: proc_notify_change(), proc_setattr(), proc_sys_setattr().
    Result<void> set_attributes(vfs::Inode& inode, const vfs::AttributeChange& change) override {
        using Change = vfs::AttributeChange;
        const Node& node = node_of(inode);
        const bool keeps_owner = node.entry.sysctl != Sysctl::none;
        if ((change.which & Change::mode_bit) && (keeps_owner || node.who.tid != 0))
            return Err(Error::perm);
        if ((change.which & (Change::uid_bit | Change::gid_bit)) && keeps_owner)
            return Err(Error::perm);
        inode.apply(change);
        return {};
    }
    // A name that is not there cannot be made: there is no such name.
    Result<Ref<vfs::Inode>> create(vfs::Inode&, const vfs::CreateRequest&) override {
        return Err(Error::noent);
    }
    Result<void> link(vfs::Inode&, std::string_view, vfs::Inode&) override {
        return Err(Error::noent);
    }
    Result<void> rename(vfs::Inode&, std::string_view, vfs::Inode&, std::string_view, vfs::Inode&,
                        vfs::Inode* replaced, bool) override {
        return Err(replaced == nullptr ? Error::noent : Error::perm);
    }
};

// For directories whose children come and go.
class DynamicOps final : public Ops {
  public:
    bool needs_revalidate() const override { return true; }
    bool revalidate(vfs::Inode&, std::string_view, vfs::Inode* cached) override {
        if (cached == nullptr) return false;
        Node& node = node_of(*cached);
        if (node.who.tid == 0) return true;
        auto about = node.subject();
        if (!about) return false;
        if (&node.entry == &kMapLink) return may_look(*about) && mapped_mode(*about);
        if (&node.entry == &kFdLink || &node.entry == &kFdInfo) {
            Ref<vfs::FileTable> files = process::files_of(*about->task);
            if (!files) return false;
            const auto file = files->get(node.who.number);
            if (!file) return false;
            if (&node.entry == &kFdLink && cached->mode != mode_of_link(**file)) return false;
        }
        node.refresh_owner(*cached);
        return true;
    }
};
constinit Ops static_ops;
constinit DynamicOps dynamic_ops;

constinit std::atomic<u64> next_ino{4026531840};

}  // namespace

SpaceId SpaceId::of(Task& task) {
    const Ref<mm::AddressSpace> space = process::space_of(task);
    if (!space) return {};
    return {space.get(), space->layout.mmap_base, space->layout.stack_top};
}

Result<Ref<vfs::Inode>> Node::make(vfs::SuperBlock& super, const Entry& entry,
                                   const Identity& who) {
    const u64 ino = &entry == &kRoot ? 1 : next_ino.fetch_add(1, std::memory_order_relaxed);
    std::unique_ptr<Node> node(new (std::nothrow) Node(entry, who));
    Node* const raw = node.get();
    auto ops = module::Gated<vfs::InodeOps>::borrow(
        entry.dynamic != Dynamic::none ? static_cast<vfs::InodeOps*>(&dynamic_ops) : &static_ops);
    TRY_ASSIGN(Ref<vfs::Inode> inode,
               vfs::Inode::make(super, ino, entry.mode, std::move(ops), std::move(node)));
    // But of keys that are written although their mode says no (IPC's next numbers). Spec: Linux
    // fs/proc/proc_sysctl.c, test_perm().
    inode->mode_is_final =
        entry.sysctl != Sysctl::none && (entry.store == nullptr || (entry.mode & 0222) != 0);
    if (inode->is_dir()) {
        inode->nlink = 2;
        for (const Entry& child : entry.children) inode->nlink += vfs::is_dir(child.mode);
    }
    raw->refresh_owner(*inode);
    return inode;
}

Result<Subject> subject_of(const Identity& who) {
    Subject about;
    if (who.tid == 0) return about;
    about.task = process::find_task(who.tid);
    if (!about.task || about.task->start_time_ns != who.start_ns || !about.task->process)
        return Err(Error::srch);
    about.process = about.task->process;
    about.number = who.number;
    about.range = who.range;
    return about;
}

void Node::refresh_owner(vfs::Inode& inode) const {
    if (who.tid == 0) return;
    auto about = subject();
    if (!about) return;
    // A process that may not be dumped is root's, but its directory shows whose it is.
    if (about->process->dumpable != process::Dumpable::yes && &entry != &kProcessDir &&
        &entry != &kThreadDir) {
        inode.uid = inode.gid = 0;
        return;
    }
    Ref<process::Credentials> cred = process::credentials_of(*about->task);
    if (!cred) return;
    inode.uid = cred->euid;
    inode.gid = cred->egid;
}

}  // namespace tenon::procfs
