// Connections: making, taking, breaking.
#include "endpoint.h"

#include <tenon/process/process.h>

namespace tenon::net::local {

Endpoint::~Endpoint() {
    drop_packets(*this);
}

PeerCredentials current_peer_credentials() {
    const auto& c = process::current_credentials();
    return {process::current_process().pid, c.euid, c.egid};
}

Ref<Endpoint> peer_of(Endpoint& endpoint) {
    sync::SpinGuard guard(endpoint.lock);
    return endpoint.peer;
}

void link_pair(const Ref<Endpoint>& a, const Ref<Endpoint>& b) {
    for (auto [x, y] : {std::pair(&a, &b), std::pair(&b, &a)}) {
        Ref<Endpoint> peer = *y;  // takes what was there, and drops it outside the lock
        sync::SpinGuard guard((*x)->lock);
        (*x)->peer.swap(peer);
        (*x)->state = State::connected;
        (*x)->theirs = (*y)->own;
    }
}

Result<void> connect_to(const Ref<Endpoint>& client, const Ref<Endpoint>& listener,
                        bool nonblocking, sync::Deadline deadline) {
    auto server = adopt_ref(new (std::nothrow) Endpoint(client->kind));
    if (!server) return Err(Error::nomem);
    client->own = current_peer_credentials();
    server->own = listener->own;
    server->name = name_of(*listener);
    server->named = true;
    server->accepted = false;
    server->pass_credentials = listener->pass_credentials.load();
    for (;;) {
        {
            sync::SpinGuard guard(listener->lock);
            if (listener->state != State::listening || listener->shut_read)
                return Err(Error::connrefused);
            if (listener->backlog_count <= listener->backlog_max) break;
        }
        if (nonblocking) return Err(Error::again);
        auto r = listener->room_wait.wait(
            [&] {
                sync::SpinGuard guard(listener->lock);
                return listener->state != State::listening || listener->shut_read ||
                       listener->backlog_count <= listener->backlog_max;
            },
            sync::WaitMode::interruptible, deadline);
        if (!r) return Err(wait_failed(r.error(), deadline));
    }
    link_pair(client, server);
    bool refused = false;
    {
        sync::SpinGuard guard(listener->lock);
        refused = listener->state != State::listening;
        if (!refused) {
            Endpoint* raw = server.get();
            if (listener->backlog_last != nullptr)
                listener->backlog_last->backlog_next = std::move(server);
            else
                listener->backlog_first = std::move(server);
            listener->backlog_last = raw;
            ++listener->backlog_count;
        }
    }
    if (refused) {
        close_endpoint(*server);
        return Err(Error::connrefused);
    }
    listener->read_wait.wake_all(vfs::kPollIn);
    return {};
}

Result<Ref<Endpoint>> take_connection(Endpoint& listener, bool nonblocking,
                                      sync::Deadline deadline) {
    Ref<Endpoint> taken;
    auto take = [&] {
        sync::SpinGuard guard(listener.lock);
        if (listener.state != State::listening || listener.shut_read) return true;
        if (!listener.backlog_first) return false;
        taken.swap(listener.backlog_first);
        listener.backlog_first.swap(taken->backlog_next);
        if (!listener.backlog_first) listener.backlog_last = nullptr;
        --listener.backlog_count;
        return true;
    };
    if (!take()) {
        if (nonblocking) return Err(Error::again);
        auto r = listener.read_wait.wait(take, sync::WaitMode::interruptible, deadline);
        if (!r) return Err(wait_failed(r.error(), deadline));
    }
    if (!taken) return Err(Error::inval);
    {
        sync::SpinGuard guard(taken->lock);
        taken->accepted = true;
    }
    listener.room_wait.wake_all();
    return taken;
}

bool may_send_to(Endpoint& from, Endpoint& to) {
    sync::SpinGuard guard(to.lock);
    return !to.peer || to.peer.get() == &from;
}

Result<void> associate(Endpoint& endpoint, Ref<Endpoint> peer) {
    if (peer && !may_send_to(endpoint, *peer)) return Err(Error::perm);
    Endpoint* const now = peer.get();
    {
        sync::SpinGuard guard(endpoint.lock);
        endpoint.peer.swap(peer);
        endpoint.state = now != nullptr ? State::connected : State::fresh;
    }
    if (!peer || peer.get() == now) return {};
    // What the old one sent is lost; who is at the other end of a pair is told.
    bool lost;
    {
        sync::SpinGuard guard(endpoint.lock);
        lost = !endpoint.queue.empty();
    }
    if (lost) {
        drop_packets(endpoint);
        endpoint.room_wait.wake_all();
        wake_waiting(endpoint);
        sync::SpinGuard guard(peer->lock);
        peer->reset |= peer->state != State::closed && peer->peer.get() == &endpoint;
    }
    peer->read_wait.wake_all();
    endpoint.write_wait.wake_all();
    return {};
}

void close_endpoint(Endpoint& endpoint) {
    Ref<Endpoint> peer, backlog;
    bool unread;
    {
        sync::SpinGuard guard(endpoint.lock);
        endpoint.state = State::closed;
        endpoint.shut_read = endpoint.shut_write = true;
        unread = !endpoint.queue.empty() || !endpoint.accepted;
        peer.swap(endpoint.peer);
        backlog.swap(endpoint.backlog_first);
        endpoint.backlog_last = nullptr;
        endpoint.backlog_count = 0;
    }
    if (peer && endpoint.kind != Kind::datagram) {
        {
            sync::SpinGuard guard(peer->lock);
            peer->shut_read = peer->shut_write = true;
            peer->reset |= unread;
        }
        peer->read_wait.wake_all();
        peer->write_wait.wake_all();
    }
    while (backlog) {
        Ref<Endpoint> next;
        next.swap(backlog->backlog_next);
        close_endpoint(*backlog);
        backlog.swap(next);
    }
    endpoint.read_wait.wake_all();
    endpoint.write_wait.wake_all();
    endpoint.room_wait.wake_all();
    drop_packets(endpoint);
    wake_waiting(endpoint);
}

}  // namespace tenon::net::local
