#include <tenon/device/lease.h>

namespace tenon::device {

// A file of the core's in front of the driver's. There is no map(): what is mapped could not be
// taken back yet; and no tag(): who knows it takes the object for the driver's own.
class LentFile final : public vfs::FileOps {
  public:
    LentFile(Ref<Lease> lease, module::Gated<vfs::FileOps> inner)
        : lease_(std::move(lease)), inner_(std::move(inner)), gate_(inner_.gate()) {
        stream_ = inner_.call(&FileOps::is_stream);
        command_ = inner_.call(&FileOps::is_command);
        // As vfs::File does for a file that it holds directly: an open one keeps its module.
        if (gate_) gate_->pin();
        sync::MutexGuard guard(lease_->lock_);
        next_ = lease_->files_;
        lease_->files_ = this;
    }
    ~LentFile() override {
        sync::MutexGuard guard(lease_->lock_);
        for (LentFile** at = &lease_->files_; *at != nullptr; at = &(*at)->next_)
            if (*at == this) {
                *at = next_;
                break;
            }
        drop();
    }
    // With the lease's lock held; no call is in flight.
    void drop() {
        inner_.reset();
        if (gate_) gate_->unpin();
        gate_ = nullptr;
    }

    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        return pass<Result<usize>>(&FileOps::read, file, buffer, position);
    }
    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64& position) override {
        return pass<Result<usize>>(&FileOps::write, file, buffer, position);
    }
    Result<i64> ioctl(vfs::File& file, u32 command, u64 argument) override {
        return pass<Result<i64>>(&FileOps::ioctl, file, command, argument);
    }
    Result<void> read_dir(vfs::File& file, vfs::DirSink& sink, u64& position) override {
        return pass<Result<void>>(&FileOps::read_dir, file, sink, position);
    }
    Result<void> allocate(vfs::File& file, u32 mode, u64 offset, u64 length) override {
        return pass<Result<void>>(&FileOps::allocate, file, mode, offset, length);
    }
    Result<u64> seek(vfs::File& file, i64 offset, Whence whence) override {
        return pass<Result<u64>>(&FileOps::seek, file, offset, whence);
    }
    Result<void> sync(vfs::File& file, bool data_only) override {
        return pass<Result<void>>(&FileOps::sync, file, data_only);
    }
    u32 poll(vfs::File& file, vfs::PollTable* table) override {
        if (table != nullptr) table->add(lease_->poll_queue());
        Revocation::Call call(lease_->calls());
        if (!call) return vfs::kPollHup | vfs::kPollErr;
        return inner_.call(&FileOps::poll, file, static_cast<vfs::PollTable*>(nullptr));
    }
    Result<void> flush(vfs::File& file) override {
        Revocation::Call call(lease_->calls());
        return call ? inner_.call(&FileOps::flush, file) : Result<void>{};
    }
    void release(vfs::File& file) override {
        Revocation::Call call(lease_->calls());
        if (call) inner_.call(&FileOps::release, file);
    }
    void describe(vfs::File& file, fmt::Sink& sink) override {
        Revocation::Call call(lease_->calls());
        if (call) inner_.call(&FileOps::describe, file, sink);
    }
    bool is_stream() const override { return stream_; }
    bool is_command() const override { return command_; }

    LentFile* next_ = nullptr;

  private:
    template <typename R, typename M, typename... A>
    R pass(M method, A&&... arguments) {
        Revocation::Call call(lease_->calls());
        if (!call) return Err(Error::nodev);
        return inner_.call(method, std::forward<A>(arguments)...);
    }
    Ref<Lease> lease_;
    module::Gated<vfs::FileOps> inner_;
    Ref<module::Gate> gate_;
    bool stream_ = false, command_ = false;
};

Result<Ref<Lease>> Lease::create() {
    Ref<Lease> lease = adopt_ref(new (std::nothrow) Lease);
    if (!lease) return Err(Error::nomem);
    return lease;
}

Result<module::Gated<vfs::FileOps>> Lease::lend(module::Gated<vfs::FileOps> file) {
    // Counted as a call: end() finds every file that was lent.
    Revocation::Call call(calls_);
    if (!call) return Err(Error::nodev);
    std::unique_ptr<vfs::FileOps> lent(new (std::nothrow)
                                           LentFile(Ref<Lease>(this), std::move(file)));
    if (!lent) return Err(Error::nomem);
    return module::Gated<vfs::FileOps>::own(std::move(lent), nullptr);
}

void Lease::end() {
    calls_.revoke();
    {
        sync::MutexGuard guard(lock_);
        while (files_ != nullptr) {
            LentFile* file = std::exchange(files_, files_->next_);
            file->drop();
        }
    }
    poll_queue_.wake_all();
}

namespace {

// The core's, too, so that it is destroyed and ends the lease whatever became of the driver.
class LentOpener final : public vfs::DeviceOpener {
  public:
    LentOpener(Ref<Lease> lease, module::Gated<vfs::DeviceOpener> inner)
        : lease_(std::move(lease)), inner_(std::move(inner)) {}
    ~LentOpener() override { lease_->end(); }
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber number, u32 flags) override {
        Revocation::Call call(lease_->calls());
        if (!call) return Err(Error::nodev);
        TRY_ASSIGN(auto file, inner_.call(&DeviceOpener::open, number, flags));
        return lease_->lend(std::move(file));
    }

  private:
    Ref<Lease> lease_;
    module::Gated<vfs::DeviceOpener> inner_;
};

}  // namespace

Result<void> LentNode::publish(module::Context& context, DeviceOptions options, Device* parent,
                               std::unique_ptr<vfs::DeviceOpener> opener) {
    if (!opener) return Err(Error::nomem);
    using Opener = module::Gated<vfs::DeviceOpener>;
    TRY_ASSIGN(auto lease, Lease::create());
    std::unique_ptr<LentOpener> lent(
        new (std::nothrow) LentOpener(lease, Opener::own(std::move(opener), &context.gate())));
    if (!lent) return Err(Error::nomem);
    lease_ = lease.get();
    auto numbers =
        context.add_numbers(options.node.major, options.node.minor, 1, options.name,
                            Opener::own(std::move(lent), nullptr),
                            reinterpret_cast<uptr>(__builtin_return_address(0)));
    if (!numbers) {
        lease_ = nullptr;
        return Err(numbers.error());
    }
    numbers_ = std::move(*numbers);
    options.node.major = numbers_.major();
    TRY_ASSIGN(auto node, Device::create(std::move(options)));
    TRY_ASSIGN(node_, context.add_device(std::move(node), parent, nullptr));
    return {};
}

void LentNode::withdraw() {
    node_.release();
    if (lease_ != nullptr) lease_->end();
    numbers_.release();
    lease_ = nullptr;
}

}  // namespace tenon::device
