// OpenBSD 7
#pragma once

#include <bsd/socket_calls.h>

#define AF_INET6 24
#define SOCK_CLOEXEC 0x8000
#define SOCK_NONBLOCK 0x4000
#define MSG_NOSIGNAL 0x400

extern "C" int accept4(int, sockaddr*, socklen_t*, int);

struct msghdr {
  void* msg_name;
  socklen_t msg_namelen;
  iovec* msg_iov;
  unsigned int msg_iovlen;
  void* msg_control;
  socklen_t msg_controllen;
  int msg_flags;
};
