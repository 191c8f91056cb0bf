// inet(4), ip6(4)
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#define IPPROTO_TCP 6
#define IPPROTO_IPV6 41
#define IPV6_V6ONLY 27
#define INET6_ADDRSTRLEN 46

#define IN6_IS_ADDR_UNSPECIFIED(address) portside_is_unspecified(address)

struct in_addr {
  uint32_t s_addr;
};

struct in6_addr {
  uint8_t s6_addr[16];
};

struct sockaddr_in {
  uint8_t sin_len;
  sa_family_t sin_family;
  uint16_t sin_port;
  in_addr sin_addr;
  char sin_zero[8];
};

struct sockaddr_in6 {
  uint8_t sin6_len;
  sa_family_t sin6_family;
  uint16_t sin6_port;
  uint32_t sin6_flowinfo;
  in6_addr sin6_addr;
  uint32_t sin6_scope_id;
};

inline bool portside_is_unspecified(const in6_addr* address) {
  for (const uint8_t byte : address->s6_addr)
    if (byte != 0) return false;
  return true;
}

extern "C" {
uint16_t htons(uint16_t);
uint16_t ntohs(uint16_t);
}
