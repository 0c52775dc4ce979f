// Sockets as files, of whichever family offers itself.
#include <tenon/vfs/pipe.h>

#include "personality/linux/socket/common.h"

namespace tenon::personality {

namespace {

Result<module::Gated<net::Family>> family_service(u16 number) {
    const fmt::Line<24> name("net-pf-{}", number);
    auto found = module::find_service<net::Family>(name.view());
    if (!found) return Err(found.error() == Error::noent ? Error::afnosupport : found.error());
    return found;
}

Result<Ref<vfs::File>> make_file(std::unique_ptr<net::Socket> socket, module::Gate* gate,
                                 u32 open_flags) {
    net::Socket* const raw = socket.get();
    TRY_ASSIGN(Ref<vfs::File> file,
               vfs::make_anonymous_file("socket",
                                        module::Gated<vfs::FileOps>::own(
                                            std::unique_ptr<vfs::FileOps>(std::move(socket)), gate),
                                        open_flags | vfs::kOpenRead | vfs::kOpenWrite,
                                        vfs::kSocket | 0777));
    raw->set_inode_number(file->inode().ino());
    return file;
}

}  // namespace

Result<net::SocketRef> socket_of(vfs::File& file) {
    if (file.is_path_only() || file.tag() != vfs::kSocketTag) return Err(Error::notsock);
    return net::SocketRef::borrow(static_cast<net::Socket*>(file.raw_ops()), file.ops().gate());
}

Result<Ref<vfs::File>> make_socket(u16 family, net::Kind kind, u32 protocol, u32 open_flags) {
    TRY_ASSIGN(auto provider, family_service(family));
    TRY_ASSIGN(auto socket, provider.call(&net::Family::create, kind, protocol));
    return make_file(std::move(socket), provider.gate(), open_flags);
}

Result<SocketPair> make_socket_pair(u16 family, net::Kind kind, u32 protocol, u32 open_flags) {
    TRY_ASSIGN(auto provider, family_service(family));
    std::unique_ptr<net::Socket> sockets[2];
    TRY(provider.call(&net::Family::make_pair, kind, protocol, sockets));
    SocketPair pair;
    for (u32 i = 0; i < 2; ++i) {
        TRY_ASSIGN(pair.files[i], make_file(std::move(sockets[i]), provider.gate(), open_flags));
    }
    return pair;
}

Result<Ref<vfs::File>> accept_socket(net::SocketRef& socket, bool nonblocking, u32 open_flags) {
    TRY_ASSIGN(auto fresh, socket.call(&net::Socket::accept, nonblocking));
    return make_file(std::move(fresh), socket.gate(), open_flags);
}

}  // namespace tenon::personality
