#pragma once

#include "endpoint.h"

namespace tenon::net::local {

class LocalSocket final : public Socket {
  public:
    explicit LocalSocket(Ref<Endpoint> endpoint)
        : Socket(kFamilyUnix, endpoint->kind, 0), endpoint_(std::move(endpoint)) {}
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
    usize readable_bytes() override;
    usize unsent_bytes() override;
    u32 poll(vfs::File& file, vfs::PollTable* table) override;
    void release(vfs::File& file) override;

  private:
    void close_now();
    Ref<Endpoint> endpoint_;
    bool closed_ = false;
};

class LocalFamily final : public Family {
  public:
    Result<std::unique_ptr<Socket>> create(Kind kind, u32 protocol) override;
    Result<void> make_pair(Kind kind, u32 protocol, std::unique_ptr<Socket> (&out)[2]) override;
};

}  // namespace tenon::net::local
