// Open files, device numbers, file systems: as much of the VFS as a driver sees.
#include <tenon/arch/user_copy.h>
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/char_device.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/super_block.h>

#include <algorithm>
#include <cstring>

#include "world.h"

namespace tenon {

using mock::world;

// --- User memory: what a UserBuffer covers.
namespace mock {
namespace {

std::map<u64, usize>& user_ranges() {
    static auto* map = new std::map<u64, usize>;
    return *map;
}
// How many bytes from `at` belong to a program.
usize reachable(u64 at, usize length_bytes) {
    for (auto [start, size] : user_ranges())
        if (at >= start && at < start + size) return std::min(length_bytes, start + size - at);
    return 0;
}
void check_copy_context() {
    if (!may_sleep()) ADD_FAILURE() << "user memory is copied where a sleep is not allowed";
}

}  // namespace

UserBuffer::UserBuffer(usize size_bytes) : bytes_(size_bytes) {
    if (size_bytes != 0) user_ranges()[address()] = size_bytes;
}
UserBuffer::UserBuffer(std::string_view content) : UserBuffer(content.size()) {
    std::copy(content.begin(), content.end(), bytes_.begin());
}
UserBuffer::~UserBuffer() {
    user_ranges().erase(address());
}
std::string UserBuffer::text(usize length_bytes) const {
    return {reinterpret_cast<const char*>(bytes_.data()), std::min(length_bytes, bytes_.size())};
}

}  // namespace mock

namespace arch {

usize copy_from_user_raw(void* to, u64 from, usize length_bytes) {
    mock::check_copy_context();
    const usize n = mock::reachable(from, length_bytes);
    std::memcpy(to, reinterpret_cast<const void*>(from), n);
    return length_bytes - n;
}
usize copy_to_user_raw(u64 to, const void* from, usize length_bytes) {
    mock::check_copy_context();
    const usize n = mock::reachable(to, length_bytes);
    std::memcpy(reinterpret_cast<void*>(to), from, n);
    return length_bytes - n;
}
usize clear_user_raw(u64 to, usize length_bytes) {
    mock::check_copy_context();
    const usize n = mock::reachable(to, length_bytes);
    std::memset(reinterpret_cast<void*>(to), 0, n);
    return length_bytes - n;
}
bool user_load(u64 address, u64& value, usize size_bytes) {
    value = 0;
    return copy_from_user_raw(&value, address, size_bytes) == 0;
}
bool user_store(u64 address, u64 value, usize size_bytes) {
    return copy_to_user_raw(address, &value, size_bytes) == 0;
}

}  // namespace arch

namespace mm {
Result<usize> copy_string_from_user(std::span<char> to, UserAddr from, Error too_long) {
    for (usize i = 0; i < to.size(); ++i) {
        TRY(copy_from_user(&to[i], from + i, 1));
        if (to[i] == '\0') return i;
    }
    return Err(too_long);
}
}  // namespace mm

namespace vfs {

// --- IoBuffer

IoBuffer::IoBuffer(Space space, std::span<const Segment> segments)
    : space_(space), one_(segments.empty() ? Segment{} : segments[0]) {
    if (!segments.empty()) {
        rest_ = segments.data() + 1;
        rest_count_ = segments.size() - 1;
    }
    for (const Segment& s : segments) remaining_ += s.length_bytes;
}
void IoBuffer::next_segment() {
    while (one_.length_bytes == 0 && rest_count_ != 0) {
        one_ = *rest_++;
        --rest_count_;
    }
}
template <typename Move>
Result<usize> IoBuffer::transfer(usize length_bytes, Move&& move) {
    usize done = 0;
    length_bytes = std::min(length_bytes, remaining_);
    while (done < length_bytes) {
        next_segment();
        const usize n = std::min(one_.length_bytes, length_bytes - done);
        const usize left = move(one_.base, done, n);
        one_.base += n - left;
        one_.length_bytes -= n - left;
        remaining_ -= n - left;
        done += n - left;
        if (left != 0) break;
    }
    if (done == 0 && length_bytes != 0) return Err(Error::fault);
    return done;
}
Result<usize> IoBuffer::put(const void* from, usize length_bytes) {
    return transfer(length_bytes, [&](u64 base, usize at, usize n) -> usize {
        if (space_ == Space::user)
            return arch::copy_to_user_raw(base, static_cast<const u8*>(from) + at, n);
        std::memcpy(reinterpret_cast<void*>(base), static_cast<const u8*>(from) + at, n);
        return 0;
    });
}
Result<usize> IoBuffer::get(void* to, usize length_bytes) {
    return transfer(length_bytes, [&](u64 base, usize at, usize n) -> usize {
        if (space_ == Space::user)
            return arch::copy_from_user_raw(static_cast<u8*>(to) + at, base, n);
        std::memcpy(static_cast<u8*>(to) + at, reinterpret_cast<const void*>(base), n);
        return 0;
    });
}
Result<usize> IoBuffer::put_zeros(usize length_bytes) {
    return transfer(length_bytes, [&](u64 base, usize, usize n) -> usize {
        if (space_ == Space::user) return arch::clear_user_raw(base, n);
        std::memset(reinterpret_cast<void*>(base), 0, n);
        return 0;
    });
}
void IoBuffer::skip(usize length_bytes) {
    (void)transfer(length_bytes, [](u64, usize, usize) -> usize { return 0; });
}
void IoBuffer::truncate(usize length_bytes) {
    remaining_ = std::min(remaining_, length_bytes);
}

// --- Paths and open files

Path::Path() = default;
Path::Path(Ref<Mount> m, Ref<Dentry> d) : mount(std::move(m)), dentry(std::move(d)) {}
Path::Path(const Path&) = default;
Path::Path(Path&&) noexcept = default;
Path& Path::operator=(Path other) noexcept {
    mount.swap(other.mount);
    dentry.swap(other.dentry);
    return *this;
}
Path::~Path() = default;

File::File(Path path, module::Gated<FileOps> ops, u32 flags)
    : path_(std::move(path)), ops_(std::move(ops)), flags_(flags) {
    if (module::Gate* gate = ops_.gate()) gate->pin();
}
Result<Ref<File>> File::create(Path path, module::Gated<FileOps> ops, u32 open_flags) {
    auto* file = new File(std::move(path), std::move(ops), open_flags);
    file->stream_ = file->ops_.call(&FileOps::is_stream);
    return adopt_ref(file);
}
void File::on_last_ref() {
    ops_.call(&FileOps::release, *this);
    if (module::Gate* gate = ops_.gate()) gate->unpin();
    ops_.reset();
    delete this;
}
Inode& File::inode() const {
    if (!path_.dentry)
        assertion_failed("the mock's device files have no inode", __FILE__, __LINE__);
    return *path_.dentry->inode();
}
void File::set_flags(u32 set, u32 clear) {
    flags_ = (flags_ & ~clear) | set;
}
Result<usize> File::read(IoBuffer& buffer) {
    if (!readable()) return Err(Error::badf);
    return ops_.call(&FileOps::read, *this, buffer, position_);
}
Result<usize> File::write(IoBuffer& buffer) {
    if (!writable()) return Err(Error::badf);
    return ops_.call(&FileOps::write, *this, buffer, position_);
}
Result<usize> File::read_at(IoBuffer& buffer, u64 position) {
    if (stream_) return Err(Error::spipe);
    if (!readable()) return Err(Error::badf);
    return ops_.call(&FileOps::read, *this, buffer, position);
}
Result<usize> File::write_at(IoBuffer& buffer, u64 position) {
    if (stream_) return Err(Error::spipe);
    if (!writable()) return Err(Error::badf);
    return ops_.call(&FileOps::write, *this, buffer, position);
}
Result<void> File::read_dir(DirSink& sink) {
    return ops_.call(&FileOps::read_dir, *this, sink, position_);
}
u32 File::poll(PollTable* table) {
    return ops_.call(&FileOps::poll, *this, table);
}
Result<u64> FileOps::seek(File& file, i64 offset, Whence whence) {
    if (whence == Whence::set) file.set_position(static_cast<u64>(offset));
    return file.position();
}

// --- Device numbers

namespace {
struct Numbers {
    u32 major, first, count;
    module::Gated<DeviceOpener> opener;
};
std::vector<std::unique_ptr<Numbers>>& numbers() {
    static auto* list = new std::vector<std::unique_ptr<Numbers>>;
    return *list;
}
std::vector<module::Gated<FileSystemType>>& types() {
    static auto* list = new std::vector<module::Gated<FileSystemType>>;
    return *list;
}
}  // namespace

Result<u32> register_char_device(u32 major, u32 first_minor, u32 count, std::string_view,
                                 module::Gated<DeviceOpener> opener) {
    module::GateAttribution core(nullptr);
    if (major == 0)
        for (major = 234;; ++major)
            if (std::none_of(numbers().begin(), numbers().end(),
                             [&](auto& n) { return n->major == major; }))
                break;
    for (auto& n : numbers())
        if (n->major == major && first_minor < n->first + n->count &&
            n->first < first_minor + count)
            return Err(Error::busy);
    numbers().push_back(std::make_unique<Numbers>(major, first_minor, count, std::move(opener)));
    return major;
}
void unregister_char_device(u32 major, u32 first_minor, u32) {
    std::erase_if(numbers(), [&](auto& n) { return n->major == major && n->first == first_minor; });
}
Result<module::Gated<FileOps>> open_char_device(DeviceNumber number, u32 open_flags) {
    for (auto& n : numbers())
        if (n->major == number.major && number.minor >= n->first &&
            number.minor < n->first + n->count)
            return n->opener.call(&DeviceOpener::open, number, open_flags);
    return Err(Error::nxio);
}

// --- File systems

Result<void> register_file_system(module::Gated<FileSystemType> type) {
    module::GateAttribution core(nullptr);
    for (auto& t : types())
        if (t.object()->name() == type.object()->name()) return Err(Error::busy);
    types().push_back(std::move(type));
    return {};
}
void unregister_file_system(std::string_view name) {
    std::erase_if(types(), [&](auto& t) { return t.object()->name() == name; });
}
Result<Ref<SuperBlock>> mount_file_system(std::string_view type, std::string_view source, u32 flags,
                                          std::string_view data) {
    for (auto& t : types())
        if (t.object()->name() == type) return t.call(&FileSystemType::mount, source, flags, data);
    return Err(Error::nodev);
}

SuperBlock::SuperBlock(std::string_view type_name, module::Gated<SuperOps> ops)
    : ops_(std::move(ops)) {
    std::memcpy(type_name_, type_name.data(), std::min(type_name.size(), sizeof type_name_ - 1));
    if (module::Gate* gate = ops_.gate()) gate->pin();
}
SuperBlock::~SuperBlock() {
    if (module::Gate* gate = ops_.gate()) gate->unpin();
}
Result<Ref<SuperBlock>> SuperBlock::create(const FileSystemType& type,
                                           module::Gated<SuperOps> ops) {
    auto* super = new (std::nothrow) SuperBlock(type.name(), std::move(ops));
    if (super == nullptr) return Err(Error::nomem);
    return adopt_ref(super);
}
void SuperBlock::on_last_ref() {
    root = nullptr;
    delete this;
}
u64 SuperBlock::next_ino() {
    return next_ino_++;
}

Inode::Inode(SuperBlock& super, u64 ino, Mode m, module::Gated<InodeOps> ops)
    : mode(m), super_(super), ino_(ino), ops_(std::move(ops)) {}
Inode::~Inode() = default;
Result<Ref<Inode>> Inode::make(SuperBlock& super, u64 ino, Mode mode,
                               module::Gated<InodeOps> ops) {
    auto* made = new (std::nothrow) Inode(super, ino, mode, std::move(ops));
    if (made == nullptr) return Err(Error::nomem);
    return adopt_ref(made);
}
Result<Ref<Inode>> Inode::make(SuperBlock& super, u64 ino, Mode mode, module::Gated<InodeOps> ops,
                               std::unique_ptr<InodeData> data) {
    if (!data) return Err(Error::nomem);
    TRY_ASSIGN(Ref<Inode> made, make(super, ino, mode, std::move(ops)));
    made->data_ = module::Gated<InodeData>::own(std::move(data), made->ops_.gate());
    return made;
}
void Inode::on_last_ref() {
    if (ops_ && nlink == 0) ops_.call(&InodeOps::evict, *this);
    delete this;
}
void Inode::apply(const AttributeChange& c) {
    if (c.which & AttributeChange::mode_bit) mode = (mode & kTypeMask) | (c.mode & kPermMask);
    if (c.which & AttributeChange::uid_bit) uid = c.uid;
    if (c.which & AttributeChange::gid_bit) gid = c.gid;
}
Attributes Inode::attributes() {
    if (ops_) (void)ops_.call(&InodeOps::refresh, *this);
    return {.ino = ino_,
            .mode = mode,
            .nlink = nlink,
            .uid = uid,
            .gid = gid,
            .size_bytes = size_bytes,
            .blocks_512 = blocks_512};
}
void Inode::touch_atime() {}
void Inode::touch_mtime() {}
void Inode::touch_ctime() {}
Result<void> InodeOps::set_attributes(Inode& inode, const AttributeChange& change) {
    inode.apply(change);
    return {};
}

// A dentry holds its inode; there is no cache here.
Result<Ref<Dentry>> Dentry::make_root(Ref<Inode> inode) {
    auto* d = new (std::nothrow) Dentry;
    if (d == nullptr) return Err(Error::nomem);
    d->inode_.assign(inode.release());
    return adopt_ref(d);
}
void Dentry::on_last_ref() {
    if (Inode* i = inode()) i->unref();
    delete this;
}
void Dentry::invalidate() {}
void Mount::on_last_ref() {
    assertion_failed("the mock has no mounts", __FILE__, __LINE__);
}

}  // namespace vfs

namespace mock {

bool node_exists(std::string_view path) {
    return path.starts_with("/dev/") && find_device(path.substr(5)) != nullptr;
}

Result<OpenFile> open(std::string_view path, u32 flags) {
    device::Device* device = path.starts_with("/dev/") ? find_device(path.substr(5)) : nullptr;
    if (device == nullptr) return Err(Error::noent);
    TRY_ASSIGN(auto ops,
               vfs::open_char_device({device->node().major, device->node().minor}, flags));
    OpenFile out;
    TRY_ASSIGN(out.file_, vfs::File::create({}, std::move(ops), flags));
    return out;
}

Result<Ref<vfs::SuperBlock>> mount(std::string_view type, std::string_view source, u32 flags,
                                   std::string_view options) {
    return vfs::mount_file_system(type, source, flags, options);
}

Result<OpenFile> open_in(vfs::SuperBlock& super, std::string_view path, u32 flags) {
    Ref<vfs::Inode> at(super.root->inode());
    while (!path.empty()) {
        const usize slash = path.find('/');
        const std::string_view name = path.substr(0, slash);
        path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
        if (name.empty()) continue;
        TRY_ASSIGN(at, at->ops().call(&vfs::InodeOps::lookup, *at, name));
    }
    TRY_ASSIGN(auto ops, at->ops().call(&vfs::InodeOps::open, *at, flags));
    TRY_ASSIGN(auto dentry, vfs::Dentry::make_root(at));
    OpenFile out;
    TRY_ASSIGN(out.file_, vfs::File::create(vfs::Path({}, dentry), std::move(ops), flags));
    return out;
}

Result<std::string> OpenFile::read(usize length_bytes) {
    UserBuffer user(length_bytes);
    auto buffer = vfs::IoBuffer::user(user.address(), length_bytes);
    TRY_ASSIGN(const usize n, file_->read(buffer));
    return user.text(n);
}
Result<std::string> OpenFile::read_at(u64 position, usize length_bytes) {
    UserBuffer user(length_bytes);
    auto buffer = vfs::IoBuffer::user(user.address(), length_bytes);
    TRY_ASSIGN(const usize n, file_->read_at(buffer, position));
    return user.text(n);
}
Result<usize> OpenFile::write(std::string_view content) {
    UserBuffer user(content);
    auto buffer = vfs::IoBuffer::user(user.address(), content.size());
    return file_->write(buffer);
}
Result<usize> OpenFile::write_at(u64 position, std::string_view content) {
    UserBuffer user(content);
    auto buffer = vfs::IoBuffer::user(user.address(), content.size());
    return file_->write_at(buffer, position);
}
Result<i64> OpenFile::ioctl(u32 command, u64 argument) {
    return file_->ops().call(&vfs::FileOps::ioctl, *file_, command, argument);
}
u32 OpenFile::poll() {
    return file_->poll(nullptr);
}
Result<std::vector<std::string>> OpenFile::list() {
    struct Names final : vfs::DirSink {
        std::vector<std::string> names;
        bool entry(std::string_view name, u64, vfs::Mode, u64) override {
            module::GateAttribution core(nullptr);
            names.emplace_back(name);
            return true;
        }
    } sink;
    TRY(file_->read_dir(sink));
    return std::move(sink.names);
}
void OpenFile::close() {
    file_ = nullptr;
}

void reset_files() {
    if (!user_ranges().empty()) user_ranges().clear();
    vfs::numbers().clear();
    vfs::types().clear();
}

}  // namespace mock
}  // namespace tenon
