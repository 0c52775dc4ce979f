// Theory: README.md in this folder.
#include "pty.h"

#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/lookup.h>

namespace tenon::tty {

namespace {

// The open flags of TIOCGPTPEER, as open(2) has them.
constexpr u64 kAccessMode = 3, kReadOnly = 0, kWriteOnly = 1, kNoCtty = 0400, kNonblock = 04000,
              kCloseOnExec = 02000000;

constinit sync::Mutex g_mutex{sync::LockRank::sleeping_leaf};
// The terminals by number. `visible` while the master is open.
struct Slot {
    Tty* tty;
    bool visible;
};
constinit Slot g_slots[kMaxPtys] = {};
constinit u64 g_serial = 0;
constinit u32 g_count = 0;
constinit std::atomic<u32> g_limit{kMaxPtys};

class Master final : public vfs::FileOps {
  public:
    explicit Master(Ref<Tty> tty) : tty_(std::move(tty)) {}
    ~Master() override { pty().master_closed(); }
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        return pty().master_read(file, buffer);
    }
    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        return pty().master_write(file, buffer);
    }
    u32 poll(vfs::File&, vfs::PollTable* table) override { return pty().master_poll(table); }
    Result<i64> ioctl(vfs::File& file, u32 command, u64 argument) override {
        return pty().master_ioctl(file, command, argument);
    }
    void describe(vfs::File&, fmt::Sink& sink) override {
        fmt::print(sink, "tty-index:\t{}\n", pty().index());
    }
    bool is_stream() const override { return true; }

  private:
    Pty& pty() { return Pty::of(*tty_); }
    Ref<Tty> tty_;
};

}  // namespace

Result<Ref<Tty>> Pty::create() {
    std::unique_ptr<Pty> pty(new (std::nothrow) Pty);
    if (!pty) return Err(Error::nomem);
    TRY(pty->output_.init(kOutputBytes));
    TRY(pty->input_.init(kInputBytes));
    const auto& own = process::current_credentials();
    pty->uid = own.fsuid;
    pty->gid = own.fsgid;
    sync::MutexGuard guard(g_mutex);
    if (g_count + 1 >= g_limit.load(std::memory_order_relaxed)) return Err(Error::nospc);
    u32 index = 0;
    while (index < kMaxPtys && g_slots[index].tty != nullptr) ++index;
    if (index == kMaxPtys) return Err(Error::nospc);
    fmt::Line<16> name("pts/{}", index);
    Pty& raw = *pty;  // the terminal's, from here on
    TRY_ASSIGN(auto tty,
               Tty::create(name.view(), {kPtsMajor, index},
                           module::Gated<Driver>::own(std::unique_ptr<Driver>(std::move(pty)))));
    raw.index_ = index;
    raw.serial_ = ++g_serial;
    raw.tty_ = tty.get();
    g_slots[index] = {tty.get(), true};
    ++g_count;
    return tty;
}

Pty::~Pty() {
    if (tty_ == nullptr) return;
    sync::MutexGuard guard(g_mutex);
    if (g_slots[index_].tty != tty_) return;
    g_slots[index_] = {nullptr, false};
    --g_count;
}

Ref<Tty> Pty::find(u32 index) {
    if (index >= kMaxPtys) return nullptr;
    sync::MutexGuard guard(g_mutex);
    Tty* tty = g_slots[index].tty;
    // Its last reference may be on its way out.
    if (tty == nullptr || !g_slots[index].visible || !tty->try_ref()) return nullptr;
    return adopt_ref(tty);
}

i64 Pty::next(u32 from) {
    sync::MutexGuard guard(g_mutex);
    for (u32 i = from; i < kMaxPtys; ++i)
        if (g_slots[i].visible) return i;
    return -1;
}

u32 pty_count() {
    sync::MutexGuard guard(g_mutex);
    return g_count;
}
u32 pty_limit() {
    return g_limit.load(std::memory_order_relaxed);
}
void set_pty_limit(u32 pairs) {
    g_limit.store(pairs, std::memory_order_relaxed);
}

Result<module::Gated<vfs::FileOps>> open_master() {
    TRY_ASSIGN(auto tty, Pty::create());
    auto master = mm::make<Master>(tty);
    if (!master) {
        Pty::of(*tty).master_closed();
        return Err(Error::nomem);
    }
    return module::Gated<vfs::FileOps>::own(
        std::unique_ptr<vfs::FileOps>(master.release()));
}

Result<void> Pty::may_open() const {
    if (locked_.load() || !master_open_.load()) return Err(Error::io);
    return {};
}

// --- The slave's driver

Result<void> Pty::open(Tty&) {
    TRY(may_open());
    slave_closed_.store(false);
    return {};
}

void Pty::close(Tty&) {
    slave_closed_.store(true);
    master_queue_.wake_all();
}

usize Pty::write(Tty&, std::span<const u8> bytes) {
    const usize n = output_.push(bytes);
    master_queue_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    return n;
}

usize Pty::write_room(Tty&) {
    return output_.room();
}
// Bytes count as sent once the master could read them, or tcdrain() would wait for its reader.
usize Pty::unsent(Tty&) {
    return 0;
}
void Pty::flush_output(Tty&) {
    output_.clear();
    tell_packet(TIOCPKT_FLUSHWRITE, 0);
}
void Pty::input_drained(Tty&) {
    drained_.fetch_add(1);
    feed();
}
void Pty::input_flushed(Tty&) {
    input_.clear();
    master_queue_.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
    tell_packet(TIOCPKT_FLUSHREAD, 0);
}
void Pty::flow_changed(Tty&, bool stopped) {
    if (stopped)
        tell_packet(TIOCPKT_STOP, TIOCPKT_START);
    else
        tell_packet(TIOCPKT_START, TIOCPKT_STOP);
}
void Pty::termios_changed(Tty& tty, const Termios& old) {
    const bool was = (old.iflag & IXON) != 0 && old.cc[VSTOP] == 19 && old.cc[VSTART] == 17;
    const bool is = tty.packet_flow();
    if (was != is)
        tell_packet(is ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP, is ? TIOCPKT_NOSTOP : TIOCPKT_DOSTOP);
}

void Pty::tell_packet(u8 set, u8 clear) {
    if (!packet_.load()) return;
    packet_status_.fetch_and(static_cast<u8>(~clear));
    packet_status_.fetch_or(set);
    master_queue_.wake_all(vfs::kPollPri | vfs::kPollIn | vfs::kPollRdNorm);
}

// --- The master

bool Pty::has_for_master() {
    if (packet_.load() && packet_status_.load() != 0) return true;
    return output_.used() != 0;
}

Result<usize> Pty::master_read(vfs::File& file, vfs::IoBuffer& buffer) {
    if (buffer.remaining() == 0) return usize{0};
    for (;;) {
        usize prefix = 0;
        if (packet_.load()) {
            const u8 status = packet_status_.exchange(0);
            if (status != 0) return buffer.put(&status, 1);
            prefix = 1;
        }
        usize total = 0;
        bool any = false;
        u8 chunk[512];
        for (;;) {
            const usize want = std::min(sizeof(chunk), buffer.remaining() - (any ? 0 : prefix));
            if (want == 0) break;
            const usize n = output_.take({chunk, want});
            if (n == 0) break;
            if (!any && prefix != 0) {
                const u8 data = TIOCPKT_DATA;
                TRY(buffer.put(&data, 1));
                total = 1;
            }
            any = true;
            TRY_ASSIGN(const usize put, buffer.put(chunk, n));
            total += put;
            if (put < n) break;
        }
        if (any) {
            tty_->output_ready();
            return total;
        }
        if (slave_closed_.load()) return Err(Error::io);
        if (file.nonblocking()) return Err(Error::again);
        TRY(master_queue_.wait([&] { return has_for_master() || slave_closed_.load(); }));
    }
}

// One at a time, or the bytes would change places; who finds another at it leaves the rest to that one.
void Pty::feed() {
    for (;;) {
        if (feeding_.exchange(true)) return;
        const u32 before = drained_.load();
        bool full = false, moved = false;
        while (!full) {
            u8 chunk[512];
            const usize n = input_.peek(chunk);
            if (n == 0) break;
            const usize used = tty_->receive({chunk, n});
            input_.drop(used);
            moved |= used != 0;
            full = used < n;
        }
        feeding_.store(false);
        if (moved) master_queue_.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
        // What came meanwhile, bytes or room for them, found us at it.
        if (full ? drained_.load() == before : input_.used() == 0) return;
    }
}

Result<usize> Pty::master_write(vfs::File& file, vfs::IoBuffer& buffer) {
    usize total = 0;
    while (buffer.remaining() != 0) {
        u8 chunk[512];
        vfs::IoBuffer peek = buffer;
        TRY_ASSIGN(const usize n, peek.get(chunk, std::min(sizeof(chunk), buffer.remaining())));
        const usize pushed = input_.push({chunk, n});
        total += pushed;
        buffer.skip(pushed);
        if (pushed != 0) {
            feed();
            continue;
        }
        if (file.nonblocking()) {
            if (total != 0) return total;
            return Err(Error::again);
        }
        auto waited = master_queue_.wait([&] { return input_.room() != 0; });
        if (!waited) {
            if (total != 0) return total;
            return Err(waited.error());
        }
    }
    return total;
}

u32 Pty::master_poll(vfs::PollTable* table) {
    if (table != nullptr) table->add(master_queue_);
    u32 events = input_.room() != 0 ? vfs::kPollOut | vfs::kPollWrNorm : 0;
    if (has_for_master()) events |= vfs::kPollIn | vfs::kPollRdNorm;
    if (packet_.load() && packet_status_.load() != 0) events |= vfs::kPollPri;
    if (slave_closed_.load()) events |= vfs::kPollHup;
    return events;
}

void Pty::master_closed() {
    {
        sync::MutexGuard guard(g_mutex);
        g_slots[index_].visible = false;
    }
    master_open_.store(false);
    tty_->hang_up();
}

Result<i64> Pty::open_peer(u64 flags) {
    if ((flags & ~(kAccessMode | kNoCtty | kNonblock | kCloseOnExec)) != 0) return Err(Error::inval);
    vfs::OpenRequest request;
    const u64 access = flags & kAccessMode;
    if (access != kWriteOnly) request.flags |= vfs::kOpenRead;
    if (access != kReadOnly) request.flags |= vfs::kOpenWrite;
    if ((flags & kNoCtty) != 0) request.flags |= vfs::kOpenNoCtty;
    if ((flags & kNonblock) != 0) request.flags |= vfs::kOpenNonblock;
    fmt::Line<32> path("/dev/pts/{}", index_);
    TRY_ASSIGN(auto file, vfs::open(vfs::lookup_start_of_current(), path.view(), request));
    TRY_ASSIGN(const i32 fd, current()->files->install(
                                 std::move(file), (flags & kCloseOnExec) != 0,
                                 process::current_process().limit(process::Limits::nofile)));
    return fd;
}

Result<i64> Pty::master_ioctl(vfs::File&, u32 command, u64 argument) {
    auto put_int = [&](i32 value) -> Result<i64> {
        TRY(mm::UserOut<i32>(argument).write(value));
        return 0;
    };
    auto get_int = [&]() -> Result<i32> { return mm::UserIn<i32>(argument).read(); };
    switch (command) {
        case static_cast<u32>(TIOCGPTN): return put_int(static_cast<i32>(index_));
        case static_cast<u32>(TIOCGPTLCK): return put_int(locked_.load());
        case static_cast<u32>(TIOCSPTLCK): {
            TRY_ASSIGN(const i32 on, get_int());
            locked_.store(on != 0);
            return 0;
        }
        case TIOCPKT: {
            TRY_ASSIGN(const i32 on, get_int());
            packet_status_.store(0);
            packet_.store(on != 0);
            return 0;
        }
        case static_cast<u32>(TIOCGPKT): return put_int(packet_.load());
        case static_cast<u32>(TIOCGPTPEER): return open_peer(argument);
        case static_cast<u32>(TIOCSIG):
            if (argument < 1 || argument > process::kSignalCount) return Err(Error::inval);
            tty_->signal_foreground(static_cast<u32>(argument));
            return 0;
        case FIONREAD: return put_int(static_cast<i32>(output_.used()));
        case TIOCOUTQ: return put_int(0);
        case TCFLSH: {
            if (argument > TCIOFLUSH) return Err(Error::inval);
            if (argument != TCOFLUSH) output_.clear();
            // What the slave has in its line buffer is its own.
            if (argument != TCIFLUSH) {
                input_.clear();
                master_queue_.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
            }
            tty_->output_ready();
            return 0;
        }
        case TCSBRK:
        case TCSBRKP:
        case TIOCEXCL:
        case TIOCNXCL: return 0;
        default: {
            auto r = tty_->ioctl_from_master(command, argument);
            if (!r && r.error() == Error::noioctl) return Err(Error::notty);
            return r;
        }
    }
}

}  // namespace tenon::tty
