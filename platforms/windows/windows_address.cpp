#include "windows_address.h"

#include <iphlpapi.h>

#include <array>
#include <charconv>
#include <cstring>
#include <string>

#include "windows_errors.h"

namespace portside {

namespace {

// The zone of an address: an interface's number or name (RFC 4007, section 11). 0: there is no such
// interface.
std::uint32_t scope_of(const std::string& zone) {
  std::uint32_t number = 0;
  const auto read = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  if (read.ec != std::errc{} || read.ptr != zone.data() + zone.size()) return ::if_nametoindex(zone.c_str());
  std::array<char, IF_MAX_STRING_SIZE + 1> name{};
  return ::if_indextoname(number, name.data()) ? number : 0;
}

}  // namespace

// getaddrinfo asks nobody with AI_NUMERICHOST. Of zones it takes what does not exist, too.
Error to_socket_address(const IpAddress& address, SocketAddress& into) {
  addrinfo hints{};
  hints.ai_family = address.is_ipv6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const auto port = std::to_string(address.port);
  const auto percent = address.is_ipv6 ? address.text.find('%') : std::string::npos;
  const std::string text = address.text.substr(0, percent);
  if (::getaddrinfo(text.c_str(), port.c_str(), &hints, &found) != 0) return {ErrorCode::INVAL, 0};
  std::memcpy(&into.storage, found->ai_addr, found->ai_addrlen);
  into.size = static_cast<int>(found->ai_addrlen);
  ::freeaddrinfo(found);
  if (percent == std::string::npos) return {};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(into.storage);
  v6.sin6_scope_id = scope_of(address.text.substr(percent + 1));
  if (v6.sin6_scope_id == 0) return {ErrorCode::NODEV, 0};
  // The system would leave the zone out, and take every interface.
  return pack(into).is_every() ? Error{ErrorCode::INVAL, 0} : Error{};
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
