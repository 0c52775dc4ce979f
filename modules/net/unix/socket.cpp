// The socket around an endpoint.
#include "socket.h"

#include "flight.h"

namespace tenon::net::local {

bool LocalSocket::is_listening() const {
    return endpoint_->state == State::listening;
}

Error LocalSocket::take_error() {
    sync::SpinGuard guard(endpoint_->lock);
    return std::exchange(endpoint_->reset, false) ? Error::connreset : Error::none;
}

Result<void> LocalSocket::bind(const Address& address) {
    return bind_name(*endpoint_, address);
}

// A socket that passes credentials has a name, so that they can be told whose they are.
Result<void> LocalSocket::bind_if_asked() {
    return options().pass_credentials ? bind_automatically(*endpoint_) : Result<void>{};
}

Result<void> LocalSocket::connect(const Address& address, bool nonblocking) {
    if (endpoint_->kind == Kind::datagram) {
        Ref<Endpoint> peer;
        if (address.family() != kFamilyUnspecified) {
            TRY(check_address(address));
            TRY(bind_if_asked());
            TRY_ASSIGN(peer, find_name(address, endpoint_->kind));
        }
        return associate(*endpoint_, std::move(peer));
    }
    TRY(check_address(address));
    TRY(bind_if_asked());
    TRY_ASSIGN(auto listener, find_name(address, endpoint_->kind));
    if (endpoint_->state == State::connected) return Err(Error::isconn);
    if (endpoint_->state != State::fresh) return Err(Error::inval);
    return connect_to(endpoint_, listener, nonblocking, deadline_of(options().send_timeout_ns));
}

Result<void> LocalSocket::listen(i32 backlog) {
    if (endpoint_->kind == Kind::datagram) return Err(Error::opnotsupp);
    if (!endpoint_->named) return Err(Error::inval);
    endpoint_->own = current_peer_credentials();
    sync::SpinGuard guard(endpoint_->lock);
    if (endpoint_->state != State::fresh && endpoint_->state != State::listening)
        return Err(Error::inval);
    endpoint_->state = State::listening;
    // somaxconn; a negative number means as many as there may be.
    endpoint_->backlog_max = std::min<u32>(static_cast<u32>(backlog), 4096);
    endpoint_->room_wait.wake_all();
    return {};
}

Result<std::unique_ptr<Socket>> LocalSocket::accept(bool nonblocking) {
    if (endpoint_->kind == Kind::datagram) return Err(Error::opnotsupp);
    if (endpoint_->state != State::listening) return Err(Error::inval);
    TRY_ASSIGN(auto taken,
               take_connection(*endpoint_, nonblocking, deadline_of(options().receive_timeout_ns)));
    auto socket = std::unique_ptr<Socket>(new (std::nothrow) LocalSocket(taken));
    if (!socket) {
        close_endpoint(*taken);
        return Err(Error::nomem);
    }
    socket->options().pass_credentials = options().pass_credentials;
    socket->options_changed();
    return socket;
}

Result<Address> LocalSocket::name(bool peer) {
    Address out;
    if (peer) {
        Ref<Endpoint> other = peer_of(*endpoint_);
        if (!other) return Err(Error::notconn);
        out = name_of(*other);
    } else {
        out = name_of(*endpoint_);
    }
    if (out.length == 0) {
        out.bytes[0] = kFamilyUnix;
        out.bytes[1] = 0;
        out.length = 2;
    }
    return out;
}

Result<usize> LocalSocket::send(Message& message, bool nonblocking) {
    if (endpoint_->kind != Kind::stream) TRY(bind_if_asked());
    return local::send(*endpoint_, message, nonblocking, deadline_of(options().send_timeout_ns));
}

Result<usize> LocalSocket::receive(Message& message, bool nonblocking) {
    return local::receive(*endpoint_, message, nonblocking,
                          deadline_of(options().receive_timeout_ns), options());
}

void LocalSocket::options_changed() {
    Endpoint& e = *endpoint_;
    e.pass_credentials = options().pass_credentials;
    e.wants_time = options().timestamp;
    e.send_limit = options().send_bytes;
    e.write_wait.wake_all(vfs::kPollOut | vfs::kPollWrNorm | vfs::kPollWrBand);
}

// Of a socket without a connection, too: then for what comes later.
Result<void> LocalSocket::shutdown(Shut how) {
    Ref<Endpoint> peer = peer_of(*endpoint_);
    const bool read = how != Shut::write, write = how != Shut::read;
    {
        sync::SpinGuard guard(endpoint_->lock);
        endpoint_->shut_read |= read;
        endpoint_->shut_write |= write;
    }
    if (peer && endpoint_->kind != Kind::datagram) {
        {
            sync::SpinGuard guard(peer->lock);
            peer->shut_read |= write;
            peer->shut_write |= read;
        }
        peer->read_wait.wake_all();
        peer->write_wait.wake_all();
    }
    endpoint_->read_wait.wake_all();
    endpoint_->write_wait.wake_all();
    endpoint_->room_wait.wake_all();
    return {};
}

u32 LocalSocket::poll(vfs::File&, vfs::PollTable* table) {
    Endpoint& e = *endpoint_;
    if (table != nullptr) {
        table->add(e.read_wait);
        table->add(e.write_wait);
    }
    u32 events = 0;
    Ref<Endpoint> to;
    {
        sync::SpinGuard guard(e.lock);
        if (e.reset) events |= vfs::kPollErr;
        if (e.shut_read && e.shut_write) events |= vfs::kPollHup;
        if (e.shut_read) events |= vfs::kPollRdHup | vfs::kPollIn | vfs::kPollRdNorm;
        if (!e.queue.empty() || e.backlog_first) events |= vfs::kPollIn | vfs::kPollRdNorm;
        if (e.state == State::listening) return events;
        if (e.kind != Kind::datagram && e.state == State::fresh) events |= vfs::kPollHup;
        if (e.kind == Kind::datagram) to = e.peer;
    }
    if (!e.is_writable() || (to && watch_if_full(*to, e))) return events;
    return events | vfs::kPollOut | vfs::kPollWrNorm | vfs::kPollWrBand;
}

void LocalSocket::release(vfs::File&) {
    close_now();
}

void LocalSocket::close_now() {
    if (closed_) return;
    closed_ = true;
    unbind_name(*endpoint_);
    close_endpoint(*endpoint_);
    collect_soon();
}

usize LocalSocket::readable_bytes() {
    sync::SpinGuard guard(endpoint_->lock);
    if (endpoint_->kind != Kind::datagram) return endpoint_->queued_bytes;
    return endpoint_->queue.empty() ? 0 : endpoint_->queue.front().length;
}

usize LocalSocket::unsent_bytes() {
    return endpoint_->unsent_bytes;
}

namespace {

Result<void> check(Kind kind, u32 protocol) {
    if (protocol != 0 && protocol != kFamilyUnix) return Err(Error::protonosupport);
    if (kind != Kind::stream && kind != Kind::datagram && kind != Kind::seqpacket &&
        kind != Kind::raw)
        return Err(Error::socktnosupport);
    return {};
}

Result<std::unique_ptr<Socket>> make(Kind kind, u32 protocol) {
    TRY(check(kind, protocol));
    // SOCK_RAW is a datagram here, as in Linux.
    auto endpoint =
        adopt_ref(new (std::nothrow) Endpoint(kind == Kind::raw ? Kind::datagram : kind));
    if (!endpoint) return Err(Error::nomem);
    endpoint->own = current_peer_credentials();
    auto socket = std::unique_ptr<Socket>(new (std::nothrow) LocalSocket(std::move(endpoint)));
    if (!socket) return Err(Error::nomem);
    return socket;
}

}  // namespace

Result<std::unique_ptr<Socket>> LocalFamily::create(Kind kind, u32 protocol) {
    return make(kind, protocol);
}

Result<void> LocalFamily::make_pair(Kind kind, u32 protocol, std::unique_ptr<Socket> (&out)[2]) {
    for (auto& socket : out) {
        TRY_ASSIGN(socket, make(kind, protocol));
    }
    link_pair(static_cast<LocalSocket&>(*out[0]).endpoint(),
              static_cast<LocalSocket&>(*out[1]).endpoint());
    return {};
}

}  // namespace tenon::net::local
