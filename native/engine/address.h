// An IP address as JavaScript knows it: text, family, port. The rooms translate it to what their sockets
// want.
#pragma once

#include <cstdint>
#include <string>

namespace portside {

struct IpAddress {
  std::string text;
  bool is_ipv6 = false;
  std::uint16_t port = 0;

  bool operator==(const IpAddress&) const = default;
};

}  // namespace portside
