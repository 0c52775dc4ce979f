#pragma once

#include "endpoint.h"

namespace tenon::net::local {

class LocalSocket final : public Socket {
  public:
    explicit LocalSocket(Ref<Endpoint> endpoint);
    ~LocalSocket() override;
    const Ref<Endpoint>& endpoint() const { return endpoint_; }

    bool is_listening() const override;
    Error take_error() override;
    PeerCredentials peer_credentials() const override { return endpoint_->theirs; }
    Result<void> bind(const Address& address) override;
    Result<void> connect(const Address& address, bool nonblocking) override;
    Result<void> listen(i32 backlog) override;
    Result<std::unique_ptr<Socket>> accept(bool nonblocking) override;
    Result<Address> name(bool peer) override;
    Result<usize> send(Message& message, bool nonblocking) override;
    Result<usize> receive(Message& message, bool nonblocking) override;
    Result<void> shutdown(Shut how) override;
    void options_changed() override;
    usize readable_bytes() override;
    usize unsent_bytes() override;
    u32 poll(vfs::File& file, vfs::PollTable* table) override;
    void release(vfs::File& file) override;

  private:
    friend class LocalListing;
    Result<void> bind_if_asked();
    void close_now();
    const Ref<Endpoint> endpoint_;
    LocalSocket *next_ = nullptr, *previous_ = nullptr;  // of all, newest first
    bool closed_ = false;
};

// Spec: Linux net/unix/af_unix.c, unix_seq_show().
class LocalListing final : public Listing {
  public:
    Result<void> list(fmt::Sink& out) override;
};

class LocalFamily final : public Family {
  public:
    Result<std::unique_ptr<Socket>> create(Kind kind, u32 protocol) override;
    Result<void> make_pair(Kind kind, u32 protocol, std::unique_ptr<Socket> (&out)[2]) override;
};

}  // namespace tenon::net::local
