#pragma once

#include "../../native/engine/backend.h"
#include "windows_headers.h"

namespace portside {

struct SocketAddress {
  sockaddr_storage storage{};
  int size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// EINVAL for text that is no IP address, ENODEV for a zone that does not exist.
Error to_socket_address(const IpAddress& address, SocketAddress& into);
Error from_socket_address(const SocketAddress& address, IpAddress& into);
// No family where it is no IP address.
PackedAddress pack(const SocketAddress& address);
SocketAddress unpack(const PackedAddress& address);
SocketAddress any_address(int family);
bool is_loopback(const SocketAddress& address);

}  // namespace portside
