#include "posix_address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>

namespace portside {
namespace {

// The zone of an address: an interface's name or number (RFC 4007, section 11). 0: there is no such
// interface.
std::uint32_t scope_of(const std::string& zone) {
  // What follows a colon Linux ignores: it was the label of an address once (netdevice(7)).
  if (zone.find(':') != std::string::npos) return 0;
  const std::uint32_t named = ::if_nametoindex(zone.c_str());
  if (named != 0) return named;
  std::uint32_t number = 0;
  const auto read = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  if (read.ec != std::errc{} || read.ptr != zone.data() + zone.size()) return 0;
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(number, name.data()) ? number : 0;
}

}  // namespace

Error to_socket_address(const IpAddress& address, SocketAddress& into) {
  if (!address.is_ipv6) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(into.storage);
    into.size = sizeof(v4);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    return ::inet_pton(AF_INET, address.text.c_str(), &v4.sin_addr) == 1 ? Error{}
                                                                         : Error{ErrorCode::INVAL, 0};
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(into.storage);
  into.size = sizeof(v6);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  const auto percent = address.text.find('%');
  const std::string text = address.text.substr(0, percent);
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1) return {ErrorCode::INVAL, 0};
  if (percent == std::string::npos) return {};
  v6.sin6_scope_id = scope_of(address.text.substr(percent + 1));
  if (v6.sin6_scope_id == 0) return {ErrorCode::NODEV, 0};
  // The system would leave the zone out, and take every interface.
  return pack(into).is_every() ? Error{ErrorCode::INVAL, 0} : Error{};
}

PackedAddress pack(const SocketAddress& address) {
  PackedAddress packed;
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    std::memcpy(packed.bytes.data(), &v4.sin_addr, sizeof(v4.sin_addr));
    packed.port = ntohs(v4.sin_port);
    packed.family = PackedAddress::Family::ipv4;
  } else if (address.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    std::memcpy(packed.bytes.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    packed.port = ntohs(v6.sin6_port);
    packed.zone = v6.sin6_scope_id;
    packed.family = PackedAddress::Family::ipv6;
  }
  return packed;
}

SocketAddress unpack(const PackedAddress& packed) {
  SocketAddress address;
  if (packed.family == PackedAddress::Family::ipv4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(packed.port);
    std::memcpy(&v4.sin_addr, packed.bytes.data(), sizeof(v4.sin_addr));
    address.size = sizeof(v4);
  } else if (packed.family == PackedAddress::Family::ipv6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(packed.port);
    v6.sin6_scope_id = packed.zone;
    std::memcpy(&v6.sin6_addr, packed.bytes.data(), sizeof(v6.sin6_addr));
    address.size = sizeof(v6);
  }
  return address;
}

Error from_socket_address(const SocketAddress& address, IpAddress& into) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    into = {text.data(), false, ntohs(v4.sin_port)};
    return {};
  }
  if (address.storage.ss_family != AF_INET6) return {ErrorCode::AFNOSUPPORT, 0};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  into = {text.data(), true, ntohs(v6.sin6_port)};
  std::array<char, IF_NAMESIZE> zone{};
  if (v6.sin6_scope_id != 0 && ::if_indextoname(v6.sin6_scope_id, zone.data()))
    into.text += std::string("%") + zone.data();
  return {};
}

}  // namespace portside
