// NetBSD 9
#pragma once

#include <bsd/socket_calls.h>

#define AF_INET6 24
#define SOCK_CLOEXEC 0x10000000
#define SOCK_NONBLOCK 0x20000000
#define SO_NOSIGPIPE 0x0800
#define MSG_NOSIGNAL 0x0400

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
