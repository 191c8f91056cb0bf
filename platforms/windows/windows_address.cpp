#include "windows_address.h"

#include <array>
#include <cstring>
#include <string>

#include "windows_errors.h"

namespace portside {

// getaddrinfo reads a zone as well ("fe80::1%4"), and asks nobody with AI_NUMERICHOST.
Error to_socket_address(const IpAddress& address, SocketAddress& into) {
  addrinfo hints{};
  hints.ai_family = address.is_ipv6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const auto port = std::to_string(address.port);
  if (::getaddrinfo(address.text.c_str(), port.c_str(), &hints, &found) != 0) return {ErrorCode::INVAL, 0};
  std::memcpy(&into.storage, found->ai_addr, found->ai_addrlen);
  into.size = static_cast<int>(found->ai_addrlen);
  ::freeaddrinfo(found);
  return {};
}

Error from_socket_address(const SocketAddress& address, IpAddress& into) {
  const auto family = address.storage.ss_family;
  if (family != AF_INET && family != AF_INET6) return {ErrorCode::AFNOSUPPORT, 0};
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(address.get(), address.size, text.data(), static_cast<DWORD>(text.size()), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return last_error();
  }
  // The port lies at the same place in both families.
  const auto port = ::ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
  into = {text.data(), family == AF_INET6, port};
  return {};
}

SocketAddress any_address(int family) {
  SocketAddress any;
  any.storage.ss_family = static_cast<ADDRESS_FAMILY>(family);
  any.size = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  return any;
}

bool is_loopback(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    return (::ntohl(reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr.s_addr) >> 24) == 127;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
}

}  // namespace portside
