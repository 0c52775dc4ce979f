// The list of all local sockets, and its text.
#include <algorithm>

#include "socket.h"

namespace tenon::net::local {

namespace {

constinit sync::Mutex list_lock{sync::LockRank::sleeping_leaf};
constinit LocalSocket* first_socket = nullptr;
constinit usize socket_count = 0;

struct Line {
    Ref<Endpoint> endpoint;
    u64 inode = 0;
};

void write_line(fmt::Sink& out, const Line& line) {
    Endpoint& e = *line.endpoint;
    bool listens = false, connected = false;
    {
        sync::SpinGuard guard(e.lock);
        listens = e.state == State::listening;
        connected = e.state == State::connected;
    }
    // Its socket has it, as has everybody whose peer it is; and so do we, where Linux counts the
    // file. States as in <linux/net.h>: SS_UNCONNECTED and SS_CONNECTED, which with datagrams is who
    // was connected to as well; flags: __SO_ACCEPTCON.
    const u32 references = e.ref_count();
    connected |= e.kind == Kind::datagram && references > 2;
    fmt::print(out, "{:016x}: {:08x} {:08x} {:08x} {:04x} {:02x} {:5}", 0, references, 0,
               listens ? 0x10000 : 0, static_cast<u32>(e.kind), connected ? 3 : 1, line.inode);
    const Address name = name_of(e);
    if (name.length > 2) {
        const bool abstract = name.bytes[2] == 0;
        out.write(abstract ? " @" : " ");
        // A path's final NUL is not shown, those in an abstract name are.
        const u32 end = abstract ? name.length : name.length - 1;
        for (u32 i = abstract ? 3 : 2; i < end; ++i) {
            const char c = name.bytes[i] != 0 ? static_cast<char>(name.bytes[i]) : '@';
            out.write({&c, 1});
        }
    }
    out.write("\n");
}

}  // namespace

LocalSocket::LocalSocket(Ref<Endpoint> endpoint)
    : Socket(kFamilyUnix, endpoint->kind, 0), endpoint_(std::move(endpoint)) {
    sync::MutexGuard guard(list_lock);
    next_ = first_socket;
    if (next_ != nullptr) next_->previous_ = this;
    first_socket = this;
    ++socket_count;
}

LocalSocket::~LocalSocket() {
    {
        sync::MutexGuard guard(list_lock);
        (previous_ != nullptr ? previous_->next_ : first_socket) = next_;
        if (next_ != nullptr) next_->previous_ = previous_;
        --socket_count;
    }
    close_now();
}

// Those that come meanwhile are left out.
Result<void> LocalListing::list(fmt::Sink& out) {
    out.write("Num       RefCount Protocol Flags    Type St Inode Path\n");
    usize room = 0, count = 0;
    {
        sync::MutexGuard guard(list_lock);
        room = socket_count;
    }
    if (room == 0) return {};
    const std::unique_ptr<Line[]> lines(new (std::nothrow) Line[room]);
    if (!lines) return Err(Error::nomem);
    {
        sync::MutexGuard guard(list_lock);
        for (LocalSocket* s = first_socket; s != nullptr && count < room; s = s->next_)
            lines[count++] = {s->endpoint_, s->inode_number()};
    }
    for (usize i = 0; i < count; ++i) write_line(out, lines[i]);
    return {};
}

}  // namespace tenon::net::local
