// tmpfs instances: options, limits, statistics, and the types that are registered.
#include <tenon/vfs/lookup.h>

#include <charconv>

#include "core/vfs/internal.h"
#include "core/vfs/tmpfs/tmpfs.h"

namespace tenon::vfs::tmpfs {

namespace {

Result<u64> parse_number(std::string_view text, int base) {
    u64 value = 0;
    if (text.empty()) return Err(Error::inval);
    for (char c : text) {
        int digit = c - '0';
        if (digit < 0 || digit >= base) return Err(Error::inval);
        if (value > (~u64{0} - 9) / static_cast<u64>(base)) return Err(Error::inval);
        value = value * static_cast<u64>(base) + static_cast<u64>(digit);
    }
    return value;
}

Result<u64> parse_size(std::string_view text) {
    if (text.empty()) return Err(Error::inval);
    if (text.back() == '%') {
        TRY_ASSIGN(u64 percent, parse_number(text.substr(0, text.size() - 1), 10));
        return mm::memory_stats().total_pages * kPageSize / 100 * percent;
    }
    u32 shift = 0;
    switch (text.back() | 0x20) {
        case 'k':
            shift = 10;
            break;
        case 'm':
            shift = 20;
            break;
        case 'g':
            shift = 30;
            break;
        case 't':
            shift = 40;
            break;
    }
    if (shift != 0) text.remove_suffix(1);
    TRY_ASSIGN(u64 value, parse_number(text, 10));
    return value << shift;
}

}  // namespace

Result<Options> parse_options(std::string_view text, Mode default_mode) {
    Options o;
    o.mode = default_mode;
    u64 total = mm::memory_stats().total_pages;
    o.max_pages = total / 2;
    o.max_inodes = total / 2;
    while (!text.empty()) {
        usize comma = text.find(',');
        std::string_view item = text.substr(0, comma);
        text.remove_prefix(comma == text.npos ? text.size() : comma + 1);
        if (item.empty()) continue;
        usize equals = item.find('=');
        std::string_view key = item.substr(0, equals);
        std::string_view value = equals == item.npos ? std::string_view() : item.substr(equals + 1);
        if (key == "size") {
            TRY_ASSIGN(u64 bytes, parse_size(value));
            o.max_pages = align_up(bytes, kPageSize) >> kPageShift;
            o.size_given = true;
        } else if (key == "nr_blocks") {
            TRY_ASSIGN(o.max_pages, parse_size(value));
            o.size_given = true;
        } else if (key == "nr_inodes") {
            TRY_ASSIGN(o.max_inodes, parse_size(value));
            o.inodes_given = true;
        } else if (key == "mode") {
            TRY_ASSIGN(u64 mode, parse_number(value, 8));
            o.mode = static_cast<Mode>(mode) & kPermMask;
        } else if (key == "uid") {
            TRY_ASSIGN(u64 uid, parse_number(value, 10));
            o.uid = static_cast<u32>(uid);
        } else if (key == "gid") {
            TRY_ASSIGN(u64 gid, parse_number(value, 10));
            o.gid = static_cast<u32>(gid);
        } else if (key != "inode64" && key != "inode32" && key != "huge" && key != "mpol" &&
                   key != "noswap") {
            return Err(Error::inval);
        }
    }
    return o;
}

u64 State::room_pages() const {
    if (options_.max_pages == 0) return ~u64{0};
    i64 used = used_pages_.load(std::memory_order_relaxed);
    if (used < 0) used = 0;
    return static_cast<u64>(used) >= options_.max_pages ? 0 : options_.max_pages - used;
}

bool State::take_inode() {
    u64 n = used_inodes_.fetch_add(1, std::memory_order_relaxed);
    if (options_.max_inodes == 0 || n < options_.max_inodes) return true;
    give_inode();
    return false;
}

FsStatistics State::statistics(SuperBlock& super) {
    FsStatistics s;
    s.magic = super.magic;
    s.blocks = options_.max_pages;
    s.blocks_free = s.blocks_available = options_.max_pages == 0 ? 0 : room_pages();
    s.files = options_.max_inodes;
    u64 inodes = used_inodes_.load(std::memory_order_relaxed);
    s.files_free = s.files > inodes ? s.files - inodes : 0;
    return s;
}

Result<void> State::remount(SuperBlock&, u32, std::string_view data) {
    TRY_ASSIGN(Options fresh, parse_options(data, options_.mode));
    i64 used = used_pages_.load(std::memory_order_relaxed);
    if (fresh.size_given) {
        if (fresh.max_pages != 0 && used > static_cast<i64>(fresh.max_pages))
            return Err(Error::inval);
        options_.max_pages = fresh.max_pages;
        options_.size_given = true;
    }
    if (fresh.inodes_given) {
        options_.max_inodes = fresh.max_inodes;
        options_.inodes_given = true;
    }
    return {};
}

void State::describe(SuperBlock& super, fmt::Sink& sink) {
    const bool ramfs = super.magic == kRamfsMagic;
    if (options_.size_given) fmt::print(sink, ",size={}k", options_.max_pages * 4);
    if (options_.inodes_given) fmt::print(sink, ",nr_inodes={}", options_.max_inodes);
    if (options_.mode != (ramfs ? 0755 : 01777)) {
        char octal[8];
        auto end = std::to_chars(octal, octal + sizeof(octal), options_.mode, 8);
        sink.write(",mode=");
        sink.write({octal, static_cast<usize>(end.ptr - octal)});
    }
    if (options_.uid != 0) fmt::print(sink, ",uid={}", options_.uid);
    if (options_.gid != 0) fmt::print(sink, ",gid={}", options_.gid);
    if (!ramfs) sink.write(",inode64");
}

namespace {

Result<Ref<SuperBlock>> make_instance(const FileSystemType& type, const Options& options) {
    auto state = std::unique_ptr<SuperOps>(new (std::nothrow) State(options));
    if (!state) return Err(Error::nomem);
    TRY_ASSIGN(Ref<SuperBlock> super,
               SuperBlock::create(type, module::Gated<SuperOps>::own(std::move(state), nullptr)));
    super->magic = type.name() == "ramfs" ? kRamfsMagic : kMagic;
    auto* root = new (std::nothrow) Directory(*super, 1, kDirectory | options.mode);
    if (root == nullptr) return Err(Error::nomem);
    root->state().take_inode();
    root->uid = options.uid;
    root->gid = options.gid;
    TRY_ASSIGN(super->root, Dentry::make_root(Ref<Inode>(adopt_ref<Inode>(root))));
    return super;
}

class Type final : public FileSystemType {
  public:
    constexpr Type(std::string_view name, Mode mode, bool limited)
        : name_(name), mode_(mode), limited_(limited) {}
    std::string_view name() const override { return name_; }
    Result<Ref<SuperBlock>> mount(std::string_view, u32, std::string_view data) override {
        TRY_ASSIGN(Options options, parse_options(data, mode_));
        if (!limited_) options.max_pages = options.max_inodes = 0;
        return make_instance(*this, options);
    }

  private:
    std::string_view name_;
    Mode mode_;
    bool limited_;
};

constinit Type tmpfs_type{"tmpfs", 01777, true}, ramfs_type{"ramfs", 0755, false},
    rootfs_type{"rootfs", 0755, true}, shm_type{"tmpfs", 01777, false};
constinit SuperBlock* shm = nullptr;

}  // namespace
}  // namespace tenon::vfs::tmpfs

namespace tenon::vfs {

Result<Ref<SuperBlock>> make_rootfs() {
    using namespace tmpfs;
    auto gated = [](FileSystemType* t) {
        return module::Gated<FileSystemType>::borrow(t, nullptr);
    };
    TRY(register_file_system(gated(&tmpfs_type)));
    TRY(register_file_system(gated(&ramfs_type)));
    TRY_ASSIGN(Ref<SuperBlock> shared, shm_type.mount("tmpfs", 0, {}));
    shm = shared.release();
    TRY_ASSIGN(Options options, parse_options({}, 0755));
    return make_instance(rootfs_type, options);
}

Result<Ref<SuperBlock>> make_tmpfs(const FileSystemType& type, std::string_view data, Mode mode) {
    TRY_ASSIGN(tmpfs::Options options, tmpfs::parse_options(data, mode));
    return tmpfs::make_instance(type, options);
}

SuperBlock* shm_super() {
    return tmpfs::shm;
}

}  // namespace tenon::vfs
