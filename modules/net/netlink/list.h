#pragma once

#include "socket.h"

namespace tenon::net::netlink {

// Of the list of all sockets (socket.cpp).
sync::Mutex& list_lock();

}  // namespace tenon::net::netlink
