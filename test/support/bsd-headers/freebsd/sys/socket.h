// FreeBSD 14
#pragma once

#include <bsd/socket_calls.h>

#define AF_INET6 28
#define SOCK_CLOEXEC 0x10000000
#define SOCK_NONBLOCK 0x20000000
#define SO_NOSIGPIPE 0x00000800
#define SO_REUSEPORT_LB 0x00010000
#define MSG_NOSIGNAL 0x00020000

extern "C" int accept4(int, sockaddr*, socklen_t*, int);

struct msghdr {
  void* msg_name;
  socklen_t msg_namelen;
  iovec* msg_iov;
  int msg_iovlen;
  void* msg_control;
  socklen_t msg_controllen;
  int msg_flags;
};
