// macOS: no MSG_NOSIGNAL, no accept4, no flags in socket()'s type
#pragma once

#include <bsd/socket_calls.h>

#define AF_INET6 30
#define SO_NOSIGPIPE 0x1022

struct msghdr {
  void* msg_name;
  socklen_t msg_namelen;
  iovec* msg_iov;
  int msg_iovlen;
  void* msg_control;
  socklen_t msg_controllen;
  int msg_flags;
};
