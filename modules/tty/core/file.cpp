// An open terminal.
#include <tenon/mm/slab.h>

#include "terminals.h"

namespace tenon::tty {

namespace {

class TtyFile final : public vfs::FileOps {
  public:
    explicit TtyFile(Tty& tty) : tty_(&tty), generation_(tty.generation()) {}
    ~TtyFile() override { tty_->file_closed(); }
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        return tty_->read(file, buffer, generation_);
    }
    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        return tty_->write(file, buffer, generation_);
    }
    u32 poll(vfs::File&, vfs::PollTable* table) override { return tty_->poll(table, generation_); }
    Result<i64> ioctl(vfs::File& file, u32 command, u64 argument) override {
        return tty_->ioctl(file, command, argument, generation_);
    }
    bool is_stream() const override { return true; }

  private:
    Ref<Tty> tty_;
    const u32 generation_;
};

}  // namespace

Result<module::Gated<vfs::FileOps>> Tty::open(u32 open_flags, bool may_control) {
    if (exclusive_ && opens_.load() != 0 && !process::capable(process::Capability::sys_admin))
        return Err(Error::busy);
    if (opens_.fetch_add(1) == 0) {
        if (auto r = driver_.call(&Driver::open, *this); !r) {
            opens_.fetch_sub(1);
            return Err(r.error());
        }
    }
    auto file = mm::make<TtyFile>(*this);
    if (!file) {
        file_closed();
        return Err(Error::nomem);
    }
    if (may_control && (open_flags & vfs::kOpenNoCtty) == 0 && (open_flags & vfs::kOpenRead) != 0)
        become_controlling_if_free();
    return module::Gated<vfs::FileOps>::own(std::move(file));
}

void Tty::file_closed() {
    if (opens_.fetch_sub(1) != 1) return;
    exclusive_ = false;
    driver_.call(&Driver::close, *this);
    if (!driver_.call(&Driver::forgets_settings)) return;
    sync::MutexGuard guard(state_);
    if (opens_.load() != 0) return;  // opened again meanwhile
    const Termios old = discipline_.termios;
    set_first_termios();
    discipline_.termios_changed(old);
    discipline_.flush_input();
    stopped_ = false;
    locked_ = {};
}

}  // namespace tenon::tty
