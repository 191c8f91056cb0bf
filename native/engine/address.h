// An IP address as JavaScript knows it (text, family, port), and as the engine keeps it for a connection. The
// rooms translate both to what their sockets want.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace portside {

struct IpAddress {
  std::string text;
  bool is_ipv6 = false;
  std::uint16_t port = 0;

  bool operator==(const IpAddress&) const = default;
};

// Without its text: bytes in network order, IPv4 in the first four.
struct PackedAddress {
  enum class Family : std::uint8_t { none, ipv4, ipv6 };

  std::array<std::uint8_t, 16> bytes{};
  std::uint32_t zone = 0;
  std::uint16_t port = 0;
  Family family = Family::none;

  // Every address there is: of IPv6, or of IPv4 as IPv6 writes it (::ffff:0.0.0.0).
  bool is_every() const {
    auto rest = bytes;
    if (rest[10] == 0xff && rest[11] == 0xff) rest[10] = rest[11] = 0;
    return rest == decltype(rest){};
  }

  bool operator==(const PackedAddress&) const = default;
};

// What every connection remembers of an end, in eight bytes: all of it where it is IPv4, or IPv4 as IPv6
// writes it (::ffff:a.b.c.d; RFC 4291, section 2.5.5.2); of another one, that it is kept elsewhere.
// JavaScript reads the forms by their numbers (src/ends.ts).
struct KeptEnd {
  enum class Form : std::uint8_t { unknown, ipv4, mapped, elsewhere };

  std::uint32_t ipv4 = 0;
  std::uint16_t port = 0;
  Form form = Form::unknown;

  static KeptEnd of(const PackedAddress& address) {
    const auto& bytes = address.bytes;
    if (address.family == PackedAddress::Family::none) return {};
    if (address.family == PackedAddress::Family::ipv4) return {number_at(bytes, 0), address.port, Form::ipv4};
    if (!std::equal(mapped.begin(), mapped.end(), bytes.begin())) return {0, address.port, Form::elsewhere};
    return {number_at(bytes, mapped.size()), address.port, Form::mapped};
  }

  PackedAddress unpacked() const {
    PackedAddress address;
    address.port = port;
    if (form == Form::unknown || form == Form::elsewhere) return address;
    std::size_t at = 0;
    address.family = PackedAddress::Family::ipv4;
    if (form == Form::mapped) {
      std::copy(mapped.begin(), mapped.end(), address.bytes.begin());
      at = mapped.size();
      address.family = PackedAddress::Family::ipv6;
    }
    for (unsigned i = 0; i < 4; i++)
      address.bytes[at + i] = static_cast<std::uint8_t>(ipv4 >> (24 - 8 * i));
    return address;
  }

  // Port and form in one word, beside `ipv4`, for a completion.
  std::uint32_t word() const { return port | (static_cast<std::uint32_t>(form) << 16); }

 private:
  static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

  static std::uint32_t number_at(const std::array<std::uint8_t, 16>& bytes, std::size_t at) {
    std::uint32_t number = 0;
    for (unsigned i = 0; i < 4; i++)
      number = (number << 8) | bytes[at + i];
    return number;
  }
};
static_assert(sizeof(KeptEnd) == 8);

}  // namespace portside
