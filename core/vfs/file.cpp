// Open file descriptions: positions, modes, and the way to the implementation.
//
// The position of a seekable file is locked only while the description is shared: who holds the
// only reference is alone with it.
#include <tenon/arch/user_copy.h>
#include <tenon/process/task.h>
#include <tenon/vfs/io_buffer.h>

#include <algorithm>
#include <cstring>

#include "core/mm/page_alloc.h"
#include "core/vfs/internal.h"

namespace tenon::vfs {

namespace {

constinit std::atomic<const FileHooks*> hooks_set{nullptr};
constexpr usize kMaxTransfer = 0x7ffff000;  // what Linux moves at most in one call

class PositionGuard {
  public:
    PositionGuard(sync::Mutex& mutex, bool shared) : mutex_(shared ? &mutex : nullptr) {
        if (mutex_ != nullptr) mutex_->lock();
    }
    ~PositionGuard() {
        if (mutex_ != nullptr) mutex_->unlock();
    }
    TENON_NONCOPYABLE(PositionGuard);

  private:
    sync::Mutex* mutex_;
};

}  // namespace

void set_file_hooks(const FileHooks* hooks) {
    hooks_set.store(hooks, std::memory_order_release);
}
const FileHooks* file_hooks() {
    return hooks_set.load(std::memory_order_acquire);
}

File::File(Path path, module::Gated<FileOps> ops, u32 flags)
    : path_(std::move(path)), ops_(std::move(ops)), flags_(flags) {
    // An open file keeps its module from being unloaded, unless by force.
    if (module::Gate* gate = ops_.gate()) gate->pin();
}

Result<Ref<File>> File::create(Path path, module::Gated<FileOps> ops, u32 open_flags) {
    auto* file = new (mm::OpenToModules{}) File(std::move(path), std::move(ops), open_flags);
    if (file == nullptr) return Err(Error::nomem);
    if (const auto& made = file->ops_)
        (void)module::cross(made.gate(), [&] {
            file->stream_ = made.object()->is_stream();
            file->command_ = made.object()->is_command();
            file->tag_ = made.object()->tag();
        });
    return adopt_ref(file);
}

void File::on_last_ref() {
    if (watchers.load(std::memory_order_acquire) != nullptr || (flags() & kOpenAsync) ||
        inode().locks.load(std::memory_order_relaxed) != nullptr)
        if (const FileHooks* hooks = file_hooks()) hooks->file_closed(*this);
    if (!(flags() & kOpenPath)) {
        Inode& inode = this->inode();
        if (ops_) ops_.call(&FileOps::release, *this);
        if (counted_writer_) {
            inode.write_count.fetch_sub(1, std::memory_order_acq_rel);
            path_.mount->writers.fetch_sub(1, std::memory_order_relaxed);
        }
        if (counted_execute_) inode.write_count.fetch_add(1, std::memory_order_acq_rel);
        notify_dentry(writable() ? kNotifyCloseWrite : kNotifyCloseNoWrite, *path_.dentry);
    }
    if (module::Gate* gate = ops_.gate()) gate->unpin();
    ops_.reset();
    path_ = Path();
    if (!rcu_seen_.load(std::memory_order_acquire)) {
        delete this;
        return;
    }
    sync::rcu_delete<offsetof(File, rcu_)>(this);
}

Inode& File::inode() const {
    return *path_.dentry->inode();
}

void File::set_flags(u32 set, u32 clear) {
    u32 old = flags_.load(std::memory_order_relaxed);
    while (!flags_.compare_exchange_weak(old, (old & ~clear) | set, std::memory_order_relaxed)) {
    }
}

namespace {
// Offsets are signed. Positions behind the last are those of files that are memory.
bool passes_last_offset(u64 position, usize length) {
    constexpr u64 kLast = ~u64{0} >> 1;
    return position <= kLast && length > kLast - position;
}
}  // namespace

Result<usize> File::read(IoBuffer& buffer) {
    if (!readable()) return Err(Error::badf);
    Result<usize> done;
    if (stream_) {
        u64 nowhere = 0;
        buffer.truncate(kMaxTransfer);
        done = ops_.call(&FileOps::read, *this, buffer, nowhere);
    } else {
        PositionGuard guard(position_lock_, ref_count() > 1 && !command_);
        if (passes_last_offset(position_, buffer.remaining())) return Err(Error::inval);
        buffer.truncate(kMaxTransfer);
        done = ops_.call(&FileOps::read, *this, buffer, position_);
    }
    if (done && *done != 0) notify_dentry(kNotifyAccess, *path_.dentry);
    return done;
}

Result<usize> File::read_at(IoBuffer& buffer, u64 position) {
    if (stream_) return Err(Error::spipe);
    if (!readable()) return Err(Error::badf);
    if (passes_last_offset(position, buffer.remaining())) return Err(Error::inval);
    buffer.truncate(kMaxTransfer);
    Result<usize> done = ops_.call(&FileOps::read, *this, buffer, position);
    if (done && *done != 0) notify_dentry(kNotifyAccess, *path_.dentry);
    return done;
}

Result<usize> File::write_with(IoBuffer& buffer, u64& position, u32 extra_flags) {
    if (!writable()) return Err(Error::badf);
    if (passes_last_offset(position, buffer.remaining())) return Err(Error::inval);
    buffer.truncate(kMaxTransfer);
    Result<usize> done;
    if (command_ || !is_regular(inode().mode)) {
        done = ops_.call(&FileOps::write, *this, buffer, position);
    } else {
        // One writer at a time: appends are atomic, and sizes grow monotonically.
        if (buffer.remaining() == 0) return usize{0};
        Inode& node = inode();
        sync::WriteGuard guard(node.lock);
        if ((flags() | extra_flags) & kOpenAppend)
            position = node.size_bytes.load(std::memory_order_relaxed);
        u32 seals = node.live_seals();
        if (seals & (Inode::kSealWrite | Inode::kSealFutureWrite)) return Err(Error::perm);
        const u64 size = node.size_bytes.load(std::memory_order_relaxed);
        if ((seals & Inode::kSealGrow) && position + buffer.remaining() > size) {
            // As Linux, page by page: the last that would grow is refused as a whole.
            if (position >= align_down(size, kPageSize)) return Err(Error::perm);
            buffer.truncate(align_down(size, kPageSize) - position);
        }
        if (const FileHooks* hooks = file_hooks()) {
            TRY_ASSIGN(usize allowed, hooks->size_limit(position, buffer.remaining()));
            buffer.truncate(allowed);
        }
        if ((node.mode & (kSetUid | kSetGid)) || node.privilege_attribute != nullptr)
            drop_privilege(node, *current()->credentials);
        done = ops_.call(&FileOps::write, *this, buffer, position);
    }
    if (done && *done != 0) notify_dentry(kNotifyModify, *path_.dentry);
    return done;
}

Result<usize> File::write(IoBuffer& buffer) {
    if (stream_) {
        u64 nowhere = 0;
        return write_with(buffer, nowhere, 0);
    }
    PositionGuard guard(position_lock_, ref_count() > 1 && !command_);
    return write_with(buffer, position_, 0);
}

Result<usize> File::write_at(IoBuffer& buffer, u64 position) {
    if (stream_) return Err(Error::spipe);
    return write_with(buffer, position, 0);
}

Result<usize> File::append(IoBuffer& buffer) {
    if (stream_) return write(buffer);
    u64 position = 0;
    return write_with(buffer, position, kOpenAppend);
}

Result<void> File::read_dir(DirSink& sink) {
    Inode& node = inode();
    if (!ops_ || !node.is_dir()) return Err(Error::notdir);
    PositionGuard guard(position_lock_, ref_count() > 1);
    sync::ReadGuard read(node.lock);
    if (node.nlink == 0) return Err(Error::noent);
    if (!(flags() & kOpenNoAtime)) path_.mount->note_access(node);
    return ops_.call(&FileOps::read_dir, *this, sink, position_);
}

u32 File::poll(PollTable* table) {
    if (!ops_) return kPollNval;
    const u32 events = ops_.call(&FileOps::poll, *this, table);
    // Who waits shall look: what they call answers Error::nodev at once.
    if (const module::Gate* gate = ops_.gate(); events == 0 && gate != nullptr && gate->closed())
        [[unlikely]]
        return kPollErr | kPollHup | kPollIn | kPollRdNorm | kPollOut | kPollWrNorm;
    return events;
}

Result<u64> File::seek(i64 offset, FileOps::Whence whence) {
    if (!ops_) return Err(Error::badf);
    PositionGuard guard(position_lock_, !stream_ && ref_count() > 1);
    TRY_ASSIGN(u64 position, ops_.call(&FileOps::seek, *this, offset, whence));
    if (!stream_) position_ = position;
    return position;
}

Result<u64> FileOps::seek_number(const File& file, i64 offset, Whence whence) {
    if (whence == Whence::current) offset += static_cast<i64>(file.position());
    if ((whence != Whence::set && whence != Whence::current) || offset < 0)
        return Err(Error::inval);
    return static_cast<u64>(offset);
}

Result<u64> FileOps::seek(File& file, i64 offset, Whence whence) {
    if (file.is_stream()) return Err(Error::spipe);
    Inode& inode = file.inode();
    i64 size = static_cast<i64>(inode.size_bytes.load(std::memory_order_relaxed));
    i64 base = 0;
    switch (whence) {
        case Whence::set:
            break;
        case Whence::current:
            base = static_cast<i64>(file.position());
            break;
        case Whence::end:
            base = size;
            break;
        case Whence::data:
            if (offset < 0 || offset >= size) return Err(Error::nxio);
            return static_cast<u64>(offset);
        case Whence::hole:
            if (offset < 0 || offset >= size) return Err(Error::nxio);
            return static_cast<u64>(size);
    }
    i64 result;
    if (__builtin_add_overflow(base, offset, &result) || result < 0) return Err(Error::inval);
    return static_cast<u64>(result);
}

Result<void> File::close_descriptor(const void* owner) {
    if (flags() & kOpenPath) return {};
    if (inode().locks.load(std::memory_order_acquire) != nullptr)
        if (const FileHooks* hooks = file_hooks()) hooks->descriptor_closed(*this, owner);
    return ops_.call(&FileOps::flush, *this);
}

Result<void> File::map(mm::MapRequest& request) {
    if (!ops_) return Err(Error::badf);
    return ops_.call(&FileOps::map, *this, request);
}

IoBuffer::IoBuffer(Space space, std::span<const Segment> segments)
    : space_(space),
      one_{0, 0},
      rest_(segments.data()),
      rest_count_(segments.size()),
      remaining_(0) {
    for (const Segment& s : segments) remaining_ += s.length_bytes;
    next_segment();
}

void IoBuffer::next_segment() {
    while (one_.length_bytes == 0 && rest_count_ != 0) {
        one_ = *rest_++;
        rest_count_--;
    }
    if (one_.length_bytes > remaining_) one_.length_bytes = remaining_;
}

template <typename Move>
Result<usize> IoBuffer::transfer(usize length, Move&& move) {
    length = std::min(length, remaining_);
    usize done = 0;
    while (done < length) {
        usize part = std::min(length - done, one_.length_bytes);
        usize left = move(one_.base, done, part);
        usize moved = part - left;
        one_.base += moved;
        one_.length_bytes -= moved;
        remaining_ -= moved;
        done += moved;
        if (left != 0) {
            if (done == 0) return Err(Error::fault);
            return done;
        }
        next_segment();
    }
    return done;
}

Result<usize> IoBuffer::put(const void* from, usize length) {
    const u8* p = static_cast<const u8*>(from);
    return transfer(length, [&](u64 base, usize at, usize part) -> usize {
        if (space_ == Space::user) return arch::copy_to_user_raw(base, p + at, part);
        std::memcpy(reinterpret_cast<void*>(base), p + at, part);
        return 0;
    });
}

Result<usize> IoBuffer::get(void* to, usize length) {
    u8* p = static_cast<u8*>(to);
    return transfer(length, [&](u64 base, usize at, usize part) -> usize {
        if (space_ == Space::user) return arch::copy_from_user_raw(p + at, base, part);
        std::memcpy(p + at, reinterpret_cast<const void*>(base), part);
        return 0;
    });
}

Result<usize> IoBuffer::put_zeros(usize length) {
    return transfer(length, [&](u64 base, usize, usize part) -> usize {
        if (space_ == Space::user) return arch::clear_user_raw(base, part);
        std::memset(reinterpret_cast<void*>(base), 0, part);
        return 0;
    });
}

void IoBuffer::skip(usize length) {
    (void)transfer(length, [](u64, usize, usize) -> usize { return 0; });
}

void IoBuffer::truncate(usize length) {
    remaining_ = std::min(remaining_, length);
    one_.length_bytes = std::min(one_.length_bytes, remaining_);
}

}  // namespace tenon::vfs
