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

PackedAddress pack(const SocketAddress& address) {
  PackedAddress packed;
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    std::memcpy(packed.bytes.data(), &v4.sin_addr, sizeof(v4.sin_addr));
    packed.port = ::ntohs(v4.sin_port);
    packed.family = PackedAddress::Family::ipv4;
  } else if (address.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    std::memcpy(packed.bytes.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    packed.port = ::ntohs(v6.sin6_port);
    packed.zone = v6.sin6_scope_id;
    packed.family = PackedAddress::Family::ipv6;
  }
  return packed;
}

SocketAddress unpack(const PackedAddress& packed) {
  const bool is_ipv6 = packed.family == PackedAddress::Family::ipv6;
  SocketAddress address = any_address(is_ipv6 ? AF_INET6 : AF_INET);
  if (is_ipv6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_port = ::htons(packed.port);
    v6.sin6_scope_id = packed.zone;
    std::memcpy(&v6.sin6_addr, packed.bytes.data(), sizeof(v6.sin6_addr));
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_port = ::htons(packed.port);
    std::memcpy(&v4.sin_addr, packed.bytes.data(), sizeof(v4.sin_addr));
  }
  return address;
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
