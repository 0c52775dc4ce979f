// The registry of families, and files around sockets.
#include <tenon/mm/user_copy.h>
#include <tenon/module/loader.h>
#include <tenon/net/socket.h>
#include <tenon/sync/mutex.h>
#include <tenon/vfs/pipe.h>

namespace tenon::net {

namespace {

constexpr u32 kMaxFamily = 46;
constinit sync::Mutex g_lock{sync::LockRank::sleeping_leaf};
constinit const char kTag = 0;
constinit std::atomic<u64> g_number{1};

// Handles on what is registered, by number. Made when the module starts.
struct Table {
    module::Gated<Family> family[kMaxFamily];
};
constinit Table* g_table = nullptr;

Result<module::Gated<Family>> find(u16 number) {
    if (number >= kMaxFamily) return Err(Error::afnosupport);
    for (bool asked = false;; asked = true) {
        {
            sync::MutexGuard guard(g_lock);
            if (g_table->family[number]) return g_table->family[number].alias();
        }
        if (asked) return Err(Error::afnosupport);
        const fmt::Line<24> alias("net-pf-{}", number);
        if (!module::request_module(alias.view())) return Err(Error::afnosupport);
    }
}

Result<Ref<vfs::File>> make_file(std::unique_ptr<Socket> socket, module::Gate* gate,
                                 u32 open_flags) {
    const fmt::Line<32> name("socket:[{}]", g_number.fetch_add(1));
    return vfs::make_anonymous_file(
        name.view(),
        module::Gated<vfs::FileOps>::own(std::unique_ptr<vfs::FileOps>(std::move(socket)), gate),
        open_flags | vfs::kOpenRead | vfs::kOpenWrite, vfs::kSocket | 0777);
}

}  // namespace

Result<void> start_registry() {
    g_table = new (std::nothrow) Table;
    return g_table != nullptr ? Result<void>() : Err(Error::nomem);
}
void stop_registry() {
    delete g_table;
    g_table = nullptr;
}

const void* Socket::socket_tag() {
    return &kTag;
}

Result<usize> Socket::read(vfs::File& file, vfs::IoBuffer& buffer, u64&) {
    Message message{.data = buffer};
    auto r = receive(message, file.nonblocking());
    buffer = message.data;
    return r;
}

Result<usize> Socket::write(vfs::File& file, vfs::IoBuffer& buffer, u64&) {
    Message message{.data = buffer};
    auto r = send(message, file.nonblocking());
    buffer = message.data;
    return r;
}

// FIONREAD and SIOCOUTQ are the same numbers as a terminal's, in every Unix of this ABI.
Result<i64> Socket::ioctl(vfs::File&, u32 command, u64 argument) {
    constexpr u32 kFionRead = 0x541b, kOutQueue = 0x5411;
    if (command != kFionRead && command != kOutQueue) return Err(Error::notty);
    if (command == kFionRead && is_listening()) return Err(Error::inval);
    const i32 bytes = static_cast<i32>(command == kFionRead ? readable_bytes() : unsent_bytes());
    TRY(mm::UserOut<i32>(argument).write(bytes));
    return 0;
}

Result<void> register_family(module::Gated<Family> family) {
    const u16 number = family.call(&Family::number);
    if (number >= kMaxFamily) return Err(Error::inval);
    sync::MutexGuard guard(g_lock);
    if (g_table->family[number]) return Err(Error::exist);
    g_table->family[number] = std::move(family);
    return {};
}

void unregister_family(u16 number) {
    module::Gated<Family> old;
    sync::MutexGuard guard(g_lock);
    if (number < kMaxFamily) old = std::move(g_table->family[number]);
}

Result<SocketRef> socket_of(vfs::File& file) {
    vfs::FileOps* ops = file.raw_ops();
    if (ops == nullptr || file.is_path_only() || ops->tag() != &kTag) return Err(Error::notsock);
    return SocketRef::borrow(static_cast<Socket*>(ops), file.ops().gate());
}

Result<Ref<vfs::File>> create(u16 family, Kind kind, u32 protocol, u32 open_flags) {
    TRY_ASSIGN(auto provider, find(family));
    TRY_ASSIGN(auto socket, provider.call(&Family::create, kind, protocol));
    return make_file(std::move(socket), provider.gate(), open_flags);
}

Result<Pair> create_pair(u16 family, Kind kind, u32 protocol, u32 open_flags) {
    TRY_ASSIGN(auto provider, find(family));
    std::unique_ptr<Socket> sockets[2];
    TRY(provider.call(&Family::make_pair, kind, protocol, sockets));
    Pair pair;
    for (u32 i = 0; i < 2; ++i) {
        TRY_ASSIGN(pair.files[i], make_file(std::move(sockets[i]), provider.gate(), open_flags));
    }
    return pair;
}

Result<Ref<vfs::File>> accept(SocketRef& socket, bool nonblocking, u32 open_flags) {
    TRY_ASSIGN(auto fresh, socket.call(&Socket::accept, nonblocking));
    return make_file(std::move(fresh), socket.gate(), open_flags);
}

}  // namespace tenon::net
